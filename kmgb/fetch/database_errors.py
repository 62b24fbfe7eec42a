"""What a driver says -> a Dutch sentence with the next step.

A driver's message may hold a value of a person ("invalid input: 'Jansen'") or the server's account. It decides here
which sentence is said; of the message itself only the SQLSTATE and the number of the fault are passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kmgb.errors import SourceError
from kmgb.mapping.bronnen.database import DatabaseBron


class DatabaseError(SourceError):
    """A database cannot be reached or read. `reason` is one word for programs; `transient`: trying again may help."""

    def __init__(self, bron: DatabaseBron, reason: str, what: str, hint: str, *, transient: bool = False) -> None:
        self.reason, self.place, self.transient = reason, bron.place, transient
        self.what, self.hint = what, hint
        super().__init__(f"{bron.place}: {what} {hint}".rstrip())


@dataclass(frozen=True, slots=True)
class _Sentence:
    """`pattern` is looked for in the driver's text; the first that fits is said."""

    reason: str
    pattern: re.Pattern[str]
    what: str
    hint: str
    transient: bool = False


def _says(reason: str, pattern: str, what: str, hint: str, transient: bool = False) -> _Sentence:
    return _Sentence(reason, re.compile(pattern, re.IGNORECASE), what, hint, transient)


_SENTENCES = (
    _says(
        "inloggen",
        r"password authentication failed|no password supplied|Native error: 1045\b|Login failed|State: 28000"
        r"|no pg_hba.conf entry|role .* does not exist|ORA-01017|ORA-28000",
        "inloggen is geweigerd.",
        "Controleer 'gebruiker' en het geheim dat 'wachtwoord' noemt.",
    ),
    _says(
        "certificaat",
        r"certificate|self.signed|SSL|TLS|ORA-29024",
        "de versleutelde verbinding komt niet tot stand: het certificaat van de server is niet vertrouwd, verlopen of"
        " van een andere server, of de server kan geen versleuteling.",
        "Zet in 'certificaat' het bestand van de uitgever, of gebruik de servernaam die in het certificaat staat.",
    ),
    _says(
        "stuurprogramma",
        r"State: IM00[0-9]|Can't open lib|Data source name not found",
        "het ODBC-stuurprogramma is niet gevonden.",
        "Installeer het, of noem in 'stuurprogramma' een naam die 'odbcinst -q -d' toont.",
    ),
    _says(
        "tijd",
        r"State: (HYT00|57014)|Native error: (1969|3024|1222)\b|statement timeout|max_statement_time|DPY-4024",
        "de tijdslimiet is verstreken voordat alles gelezen was.",
        "Maak de query lichter of verhoog 'tijdslimiet'.",
        True,
    ),
    _says(
        "momentopname",
        r"Native error: (3952|3960|3961)\b|State: 40001|deadlock|ORA-01555|ORA-08177",
        "de database kan geen momentopname geven die tot het eind gelijk blijft.",
        'Laat de beheerder ALLOW_SNAPSHOT_ISOLATION aanzetten, kies lezen = "herhaalbaar", of probeer het later.',
        True,
    ),
    _says(
        "vol",
        r"No space left|database or disk is full|State: 53100|Native error: (1021|28|1114)\b",
        "een schijf is vol.",
        "Maak ruimte en haal opnieuw op.",
        True,
    ),
    _says(
        "rechten",
        r"State: 42501|Native error: (1142|1143|1044|229|230)\b|permission denied|ORA-01031",
        "deze gebruiker mag dit niet lezen.",
        "Vraag de beheerder leesrecht op de tabellen en kolommen in 'tabel' of 'query'.",
    ),
    _says(
        "database",
        r"Unknown database|State: 3D000|database .* does not exist|Cannot open database|unable to open database"
        r"|State: HY000, Native error: (14|26)\b"
        r"|ORA-12514|Native error: (1049|4060)\b",
        "deze database is er niet.",
        "Controleer 'database'.",
    ),
    _says(
        "query",
        r"State: (42[0-9A-Z]{3}|42S\d\d|07\d\d\d)|no such (table|column)|syntax error|incomplete input"
        r"|Native error: (207|208|102|156|1054|1064|1146|1060)\b|ORA-009\d\d",
        "de query is geweigerd: een tabel of kolom bestaat niet of heet dubbel, of de schrijfwijze klopt niet.",
        "Voer de query uit in de database zelf en verbeter 'tabel' of 'query'.",
    ),
    _says(
        "waarde",
        r"State: 22\d\d\d|State: 22[0-9A-Z]{3}",
        "de query loopt vast op een waarde (bijvoorbeeld een omzetting of een deling door nul).",
        "Verbeter de query, zodat hij met elke waarde overweg kan.",
    ),
    _says(
        "tekens",
        r"UTF-?8|UTF-?16|character encoding",
        "de tekst is niet om te zetten naar UTF-8.",
        "Controleer de tekenset van de database en van het stuurprogramma.",
    ),
)
_BROKEN = _says(
    "verbroken", "", "de verbinding is tijdens het lezen verbroken.", "Haal opnieuw op; er is niets bewaard.", True
)
_UNREACHABLE = _says(
    "onbereikbaar",
    "",
    "de server is niet bereikbaar.",
    "Controleer 'server' en 'poort', en of de firewall deze machine doorlaat.",
    True,
)
_LOST = re.compile(
    r"State: (08\d\d\d|08S01|57P0\d)|gone away|Lost connection|server closed|terminat|Communication link|broken pipe"
    r"|Connection reset|could not receive|DPY-4011|DPY-6005|ORA-03113|ORA-12541|ORA-12170",
    re.IGNORECASE,
)
_CODES = re.compile(r"State: (\w{5}), Native error: (-?\d+)")
_ORACLE = re.compile(r"\b((?:ORA|DPY)-\d+)")


def database_error(bron: DatabaseBron, message: str, *, connecting: bool) -> DatabaseError:
    """The sentence that belongs to what the driver said. Raise it `from None`: the message stays behind."""
    found = next((one for one in _SENTENCES if one.pattern.search(message)), None)
    if not connecting and found is not None and found.reason == "certificaat":
        found = _BROKEN  # once connected, trouble with TLS means that the other side is gone
    if connecting and (found is None or found.reason in ("tijd", "query")):
        found = _UNREACHABLE
    if found is None and _LOST.search(message):
        found = _BROKEN
    codes = _codes(message)
    if found is None:
        return DatabaseError(bron, "onbekend", f"het lezen is mislukt{codes}.", "Zoek de code op bij de leverancier.")
    return DatabaseError(bron, found.reason, found.what[:-1] + codes + ".", found.hint, transient=found.transient)


def _codes(message: str) -> str:
    if odbc := _CODES.search(message):
        return f" (SQLSTATE {odbc[1]}, fout {odbc[2]})"
    oracle = _ORACLE.search(message)
    return f" ({oracle[1]})" if oracle else ""


def too_late(bron: DatabaseBron) -> DatabaseError:
    """The reader itself ran out of time: the server says nothing any more."""
    what = f"na {bron.tijdslimiet} seconden was nog niet alles gelezen."
    return DatabaseError(bron, "tijd", what, "Maak de query lichter of verhoog 'tijdslimiet'.", transient=True)


def not_reached(bron: DatabaseBron) -> DatabaseError:
    """Nobody answered within the time to connect."""
    what = f"de server antwoordt niet binnen {bron.wachttijd} seconden."
    return DatabaseError(bron, "onbereikbaar", what, _UNREACHABLE.hint, transient=True)
