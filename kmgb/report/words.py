"""The Dutch words of a report: what each kind, rule, severity, row and field without comparison is called.

Every function takes the name as stored and gives words; a name that is not known here comes back readable, so that a
report never breaks on a rule that is younger than its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kmgb.catalogue.checks import SENTENCES, sentence
from kmgb.catalogue.fields import load_catalogue
from kmgb.store.findings import CHECK


@dataclass(frozen=True, slots=True)
class Words:
    """A kind, cause or step for people: its name, what it means, and what to do about it."""

    label: str
    meaning: str
    action: str


_KINDS: Mapping[str, Words] = {
    "ontbreekt": Words(
        "ontbreekt",
        "Staat in de bron en hoort in de applicatie, maar staat daar niet.",
        "Laat de gegevens herzenden en ga na of het bericht verzonden en ontvangen is.",
    ),
    "overtollig": Words(
        "overtollig",
        "Staat in de applicatie, maar niet in de bron.",
        "Ga na of het bericht van beëindiging is gemist of de rij met de hand is ingevoerd; voer haar zo nodig af.",
    ),
    "sleutelverschil": Words(
        "sleutelverschil",
        "Hetzelfde object, maar de applicatie gebruikt een andere sleutel dan de bron.",
        "Herstel de sleutel in de applicatie; tot dan komen berichten over dit object niet aan.",
    ),
    "dubbel": Words(
        "dubbel",
        "De sleutel komt meer dan eens voor; deze rijen zijn niet veld voor veld vergeleken.",
        "Voeg de dubbele rijen samen in de applicatie, of meld het als de bron ze dubbel heeft.",
    ),
    "buiten_populatie": Words(
        "buiten populatie",
        "Staat in beide, maar de applicatie zou dit object niet horen te hebben.",
        "Ga na of de applicatie deze gegevens nog mag hebben; verwijder ze zo nodig.",
    ),
    "afwijkend": Words(
        "afwijkend",
        "Beide kanten zijn gevuld, maar de waarden zijn niet gelijk.",
        "Laat herzenden of herstel de waarde in de applicatie; is de bron fout, meld dan terug.",
    ),
    "leeg_in_applicatie": Words(
        "leeg in applicatie",
        "Gevuld in de bron, leeg in de applicatie.",
        "Laat de gegevens herzenden.",
    ),
    "leeg_in_bron": Words(
        "leeg in bron",
        "Leeg in de bron, gevuld in de applicatie.",
        "Ga na waar de waarde vandaan komt: verwijder haar, of meld terug als zij juist is.",
    ),
    "ongeldig": Words(
        "ongeldig",
        "Onleesbaar, of voldoet niet aan een controle zoals de elfproef.",
        "Herstel de waarde waar zij is ingevoerd; staat zij zo ook in de bron, meld dan terug.",
    ),
    "cosmetisch": Words(
        "cosmetisch verschil",
        "Alleen de schrijfwijze verschilt, zoals hoofdletters, accenten of spaties; de betekenis is gelijk.",
        "Geen haast: leg de schrijfwijze vast in de veldtoewijzing als zij zo is afgesproken.",
    ),
}

# Whole rows first, then cells; cosmetic last.
KIND_ORDER: tuple[str, ...] = tuple(_KINDS)

_RULES: Mapping[str, str] = {
    "onleesbaar": "niet te lezen, dus niet te beoordelen",
    "hoofdletters": "alleen hoofdletters verschillen",
    "diakrieten": "alleen accenten verschillen",
    "leestekens": "alleen leestekens verschillen",
    "spaties": "alleen spaties verschillen",
    "haakjes": "toevoeging tussen haakjes",
    "voorloopnullen": "alleen voorloopnullen verschillen",
    "straat_afkorting": "straatnaam afgekort",
    "voorvoegsel_afkorting": "voorvoegsel afgekort",
    "voorvoegsel_in_naam": "voorvoegsel staat in de naam",
    "plaats_achtervoegsel": "toevoeging achter de plaatsnaam",
    "plaats_alias": "andere naam van dezelfde plaats",
    "rechtsvorm_in_naam": "rechtsvorm staat in de naam",
    "rechtsvorm_groep": "rechtsvorm uit dezelfde groep",
    "gebeurtenis_voorvoegsel": "voorvoegsel van de gebeurteniscode",
    "digraaf": "tweeklank als voorletter anders geschreven",
    "afgekapt": "afgekapt op de kolombreedte",
    "precisieverlies": "datum minder precies",
    "einddatum_inclusief": "einddatum telt de laatste dag mee",
    "coordinaat_afstand": "binnen de toegestane afstand",
    "adres_onderdelen": "adres gelijk per onderdeel",
    "een_van": "een van de handelsnamen",
    "datum_onbekend": "datum die onbekend of open betekent",
    "coordinaat_verwisseld": "X en Y zijn verwisseld",
    "coordinaat_in_graden": "graden in plaats van meters",
    "buiten_populatie_applicatie": "staat er wel, maar doet volgens de applicatie niet mee",
}

_SEVERITIES: Mapping[str, str] = {
    "kritiek": "kan iemand schaden: een gemist overlijden of een gemiste geheimhouding",
    "hoog": "raakt wie of waar het om gaat",
    "normaal": "moet hersteld worden",
    "laag": "schrijfwijze of bijzaak",
}
SEVERITY_ORDER: tuple[str, ...] = tuple(_SEVERITIES)

# Kinds of which one side at least has a value: when none is there, it is kept out of sight.
_WITH_A_VALUE = ("afwijkend", "cosmetisch", "leeg_in_applicatie", "leeg_in_bron")

# Per side: what became of a row, in the order in which the balance is drawn up.
ROW_WAYS: Mapping[str, Mapping[str, str]] = {
    "distributie": {
        "gekoppeld": "gekoppeld aan een rij van de applicatie en vergeleken",
        "ontbreekt": "hoort in de applicatie, maar staat daar niet",
        "distributie_buiten_populatie": "buiten de populatie: hoeft niet in de applicatie te staan",
        "distributie_dubbel": "sleutel komt in de bron meer dan eens voor",
        "distributie_bij_dubbel": "sleutel komt in de applicatie meer dan eens voor",
        "distributie_bij_afgekeurd": "staat in de applicatie, in een rij die niet goed te lezen was",
        "distributie_afgekeurd": "afgekeurd: onvolledig, of de sleutel is leeg of onleesbaar",
        "distributie_niet_actueel": "niet de actuele rij van het object op de peildatum",
    },
    "afnemer": {
        "gekoppeld": "gekoppeld aan een rij van de bron en vergeleken",
        "overtollig": "staat niet in de bron",
        "afnemer_buiten_populatie": "buiten de populatie van de applicatie: doet niet mee",
        "afnemer_dubbel": "sleutel komt in de applicatie meer dan eens voor",
        "afnemer_bij_dubbel": "sleutel komt in de bron meer dan eens voor",
        "afnemer_bij_afgekeurd": "staat in de bron, in een rij die niet goed te lezen was",
        "afnemer_afgekeurd": "afgekeurd: onvolledig, of de sleutel is leeg of onleesbaar",
        "afnemer_niet_actueel": "niet de actuele rij van het object op de peildatum",
    },
}

_SIDES: Mapping[str, str] = {
    "distributie": "Bron (distributie)",
    "applicatie": "Applicatie",
    "paar": "Beide naast elkaar",
}

# Why a field was not compared, in the order in which somebody has to act.
NOT_COMPARED: Mapping[str, str] = {
    "niet_aangeleverd": "De applicatie heeft het veld, maar levert het nog niet aan",
    "niet_vermeld": "De veldtoewijzing zegt niets over dit veld: vul haar aan",
    "niet_in_distributie": "De distributie levert dit veld niet",
    "uitgesloten": "Volgens afspraak niet vergeleken",
    "niet_gevoerd": "De applicatie heeft dit veld niet",
}
_COMPARED: Mapping[str, str] = {"sleutel": "sleutel", "vergeleken": "vergeleken"}

_ORIGINS: Mapping[str, str] = {
    "opgegeven": "opgegeven bij de run",
    "veldtoewijzing": "volgens de veldtoewijzing",
    "bestandsnaam": "uit de bestandsnaam",
    "bestandsdatum": "datum van het bestand: het bestand zelf noemt geen peildatum",
}

_VERSIONS: Mapping[str, str] = {
    "kmgb": "kmgb",
    "catalogus": "catalogus van velden",
    "regels": "vergelijkregels",
    "veldtoewijzing": "veldtoewijzing van de applicatie",
    "veldtoewijzing_distributie": "veldtoewijzing van de distributie",
    "kruiscontroles": "kruiscontroles",
}

_UNITS: Mapping[str, tuple[str, str]] = {
    "personen": ("persoon", "personen"),
    "nummeraanduiding": ("nummeraanduiding", "nummeraanduidingen"),
    "verblijfsobject": ("verblijfsobject", "verblijfsobjecten"),
    "ligplaats": ("ligplaats", "ligplaatsen"),
    "standplaats": ("standplaats", "standplaatsen"),
    "pand": ("pand", "panden"),
    "nnp": ("niet-natuurlijke persoon", "niet-natuurlijke personen"),
}


def kind_words(kind: str) -> Words:
    """Name, meaning and advice of a kind."""
    return _KINDS.get(kind) or Words(_readable(kind), "", "")


def finding_words(kind: str, rule: str) -> str:
    """What a finding is called in a list: its kind, or that a kruiscontrole found it."""
    return "kruiscontrole" if rule.startswith(CHECK) else kind_words(kind).label


def severity_words(severity: str) -> str:
    """What a severity means."""
    return _SEVERITIES.get(severity, "")


def side_words(side: str) -> str:
    """What a side is called: stewards say bron and applicatie."""
    return _SIDES.get(side, _readable(side))


def origin_words(origin: str) -> str:
    """Where a peildatum was found."""
    return _ORIGINS.get(origin, _readable(origin))


def version_words(name: str) -> str:
    """What a version is of."""
    return _VERSIONS.get(name, _readable(name))


def coverage_words(coverage: str) -> str:
    """Whether and why a field is compared or not."""
    return NOT_COMPARED.get(coverage) or _COMPARED.get(coverage) or _readable(coverage)


def unit_words(entity: str, count: int) -> str:
    """What one row of an entity is called, in singular or plural."""
    return _UNITS.get(entity, ("rij", "rijen"))[count != 1]


def field_words(name: str, entity: str) -> str:
    """The label of a field of the catalogue; a label stays a label."""
    known = load_catalogue().entities.get(entity)
    return known[name].label if known is not None and name in known else name


def rule_words(rule: str, kind: str, entity: str) -> str:
    """The sentence of a rule: tolerant rules, failed checks, reasons of rejection, keys that found a partner."""
    if not rule:
        return ""
    if kind == "sleutelverschil":
        return "gevonden via " + " en ".join(field_words(name, entity) for name in rule.split("+"))
    if kind == "dubbel":
        return _double_words(rule, entity)
    if rule.startswith(CHECK):
        return _readable(rule.removeprefix(CHECK))
    whose, _, check = rule.rpartition("ongeldig:")
    if check.partition(":")[0] in SENTENCES:
        return ("de waarde in de bron " if whose else "") + sentence(check)
    return "; ".join(_RULES.get(part, _readable(part)) for part in rule.split("+"))


def absent_words(kind: str, rule: str, other: str) -> str:
    """What stands where a side has no value; `other` is the value of the other side, if any."""
    if kind in ("ontbreekt", "overtollig"):
        return "(staat er niet)"
    if rule == "onleesbaar":
        return "(niet te lezen)" if other else "(leeg of niet te lezen)"
    if not other and (rule.startswith(CHECK) or kind in _WITH_A_VALUE):
        return "(niet getoond)"
    if rule.startswith(CHECK):
        return "–"
    return "–" if kind in ("dubbel", "ongeldig", "sleutelverschil") else "(leeg)"


def _double_words(rule: str, entity: str) -> str:
    head, _, names = rule.partition(":")
    if head != "strijdig":
        return "de dubbele rijen zijn onderling gelijk" if rule == "gelijk" else _readable(rule)
    return "de dubbele rijen verschillen in " + ", ".join(field_words(name, entity) for name in names.split(","))


def _readable(name: str) -> str:
    return name.replace("_", " ")
