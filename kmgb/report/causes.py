"""The Dutch words of a life: what each cause, next step and status is called, what it means and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from kmgb.report.words import Words, kind_words

CAUSES: Mapping[str, Words] = {
    "veldtoewijzing": Words(
        "veldtoewijzing",
        "Eén kolom verschilt in bijna alle rijen: niet de gegevens zijn fout, maar de koppeling van kolom en veld.",
        "Kies in de veldtoewijzing de juiste kolom, codes of schrijfwijze, en herhaal de controle. Tot dan zegt het "
        "veld niets.",
    ),
    "niet_verzonden": Words(
        "niet verzonden",
        "De wijziging is niet naar de applicatie gestuurd.",
        "Laat de gegevens herzenden en ga na waarom de distributie niets stuurde (abonnement of afnemersindicatie).",
    ),
    "niet_ontvangen": Words(
        "niet ontvangen",
        "De wijziging is wel verstuurd, maar niet in de applicatie verwerkt.",
        "Laat de gegevens herzenden en zoek in het berichtenlog van de applicatie op wat er misging.",
    ),
    "formaat": Words(
        "formaat",
        "De applicatie verandert bijna alle waarden van deze soort op dezelfde manier.",
        "Laat de leverancier het veld zo inlezen dat er niets verandert. Is het zo afgesproken, leg die schrijfwijze "
        "dan vast in de veldtoewijzing.",
    ),
    "tabelwijziging": Words(
        "tabelwijziging",
        "Alle rijen met één code hebben in de applicatie een andere code.",
        "Laat de codetabel van de applicatie in één keer bijwerken; losse rijen herstellen is niet nodig.",
    ),
    "handmatig": Words(
        "handmatig",
        "De bron heeft dit in de bekende tijd nooit zo gehad: het is in de applicatie ingevoerd.",
        "Herstel de waarde in de applicatie en ga na wie haar waarom invoerde; had die gelijk, meld dan terug.",
    ),
    "onderweg": Words(
        "onderweg",
        "De bron wijzigde dit kort voor of na de dump. Dit telt niet mee als fout.",
        "Nu niets. Staat het er bij de volgende controle nog, dan krijgt het een andere oorzaak.",
    ),
    "bron_in_onderzoek": Words(
        "bron in onderzoek",
        "De bron betwijfelt dit gegeven zelf en onderzoekt het.",
        "Wacht op de uitkomst van het onderzoek en neem de waarde tot dan niet over.",
    ),
    "onbekend": Words("onbekend", "Geen oorzaak is bewezen; de zin bij de bevinding zegt wat er ontbreekt.", ""),
}

_STEPS: Mapping[str, Words] = {
    "herstellen_applicatie": Words(
        "herstellen in de applicatie",
        "functioneel beheerder van de applicatie",
        "Herstel de waarde in de applicatie; is de bron fout, meld dan terug.",
    ),
    "herzenden": Words(
        "herzenden",
        "beheerder van de distributie",
        "Laat de gegevens herzenden (lijst: kmgb herzenden export).",
    ),
    "herstellen_distributie": Words(
        "herstellen in de distributie",
        "beheerder van de distributie",
        "Laat de waarde in de distributie herstellen; de applicatie hoeft niets te doen.",
    ),
    "terugmelden": Words(
        "terugmelden",
        "gegevensbeheerder, aan de bronhouder",
        "Onderzoek de waarde en meld haar terug aan de bronhouder (formulier: kmgb terugmelding export).",
    ),
    "aanpassen_veldtoewijzing": Words(
        "veldtoewijzing aanpassen",
        "beheerder van de veldtoewijzing",
        "Pas de veldtoewijzing aan en herhaal de controle.",
    ),
    "wachten": Words("wachten", "niemand", "Nu niets: wacht op de volgende controle."),
    "geen": Words("niets doen", "niemand", ""),
    "": Words("nog te bepalen", "gegevensbeheerder", ""),
}
CAUSE_ORDER, STEP_ORDER = tuple(CAUSES), tuple(_STEPS)

# The step for which the advice of a cause was written; with another step that step's own advice holds.
_STEP_OF: Mapping[str, str] = {
    "veldtoewijzing": "aanpassen_veldtoewijzing",
    "niet_verzonden": "herzenden",
    "niet_ontvangen": "herzenden",
    "formaat": "herstellen_applicatie",
    "tabelwijziging": "herstellen_applicatie",
    "handmatig": "herstellen_applicatie",
    "onderweg": "wachten",
    "bron_in_onderzoek": "wachten",
}
_ROWS = ("overtollig", "sleutelverschil", "dubbel", "buiten_populatie")

_STATUSES: Mapping[str, str] = {
    "nieuw": "nieuw",
    "teruggekeerd": "teruggekeerd",
    "open": "open",
    "onbekend": "niet beoordeeld",
    "geaccepteerd": "geaccepteerd",
    "teruggemeld": "teruggemeld",
}


def cause_words(cause: str) -> Words:
    """Name, meaning and advice of a cause."""
    return CAUSES.get(cause) or Words(cause.replace("_", " "), "", "")


def step_words(step: str) -> Words:
    """Name of a next step, whose turn it is, and what that means."""
    return _STEPS.get(step) or Words(step.replace("_", " "), "", "")


def status_words(status: str) -> str:
    """What a status is called in a list of findings."""
    return _STATUSES.get(status, status.replace("_", " "))


def advice(kind: str, cause: str, step: str) -> str:
    """What to do about findings of this kind with this cause and next step."""
    if step == "herstellen_applicatie" and kind in _ROWS:
        return kind_words(kind).action
    if _STEP_OF.get(cause) == step:
        return cause_words(cause).action
    return step_words(step).action or kind_words(kind).action


def age_words(days: int) -> str:
    """How long a finding has been open."""
    return "vandaag" if days <= 0 else "1 dag" if days == 1 else f"{days} dagen"
