"""Every table of the evidence pack and every column of it: the one list behind the files, LEESMIJ.md and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

_DTYPES: Final[dict[str, pl.DataType]] = {
    "tekst": pl.String(),
    "getal": pl.Int64(),
    "moment": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, `tekst`, `getal` or `moment` (in UTC), and what it means in Dutch."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table, what a row of it is in Dutch, and its columns in order."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns with their types, as the Parquet has them."""
        return {column.name: _DTYPES[column.kind] for column in self.columns}


def _table(name: str, meaning: str, lines: str) -> Table:
    columns = (Column(*line.split(maxsplit=2)) for line in lines.strip().splitlines())
    return Table(name, meaning, tuple(columns))


_VALUES = """
distributie_raw tekst waarde in de distributie zoals aangeleverd
distributie tekst die waarde zoals zij is gelezen
afnemer_raw tekst waarde in de applicatie zoals aangeleverd
afnemer_value tekst die waarde zoals zij is gelezen
cause tekst oorzaak
cause_evidence tekst bewijs van de oorzaak, in een zin
severity tekst ernst: kritiek, hoog, normaal of laag
"""
_EXPLAINED = """
next_step tekst volgende stap
former_until tekst laatste dag waarop de bron had wat de applicatie nog heeft
transform tekst vorm waarin de applicatie de waarde anders schrijft
"""

_TABLES = (
    _table("runs", "Eén rij per run: wat is wanneer gecontroleerd, waarmee, en met welke uitkomst.", """
run_id getal nummer van de run
afnemer tekst naam van de applicatie, van een register, of van de distributie zelf
titel tekst naam voluit
rol tekst afnemer, register of distributie
entity tekst entiteit
status tekst gereed, of quarantaine: dan is niets beoordeeld
started moment begin
finished moment einde
distributie_id tekst aanlevering van de distributie; bij een register die van het register
afnemer_id tekst aanlevering van de applicatie; bij een register die van de distributie; leeg bij de distributie zelf
total getal bevindingen die deze run vond; leeg bij quarantaine
opened getal door deze run geopend
closed_solved getal door deze run gesloten als opgelost
closed_outside getal door deze run gesloten omdat de rij buiten de populatie kwam
closed_dropped getal door deze run gesloten omdat het veld of de controle vervallen is
changed getal bevindingen waarvan deze run een nieuwe versie schreef
unknown getal open bevindingen die deze run niet kon beoordelen
population tekst wie verwacht wordt, in een zin
population_distributie tekst de uitdrukking daarvoor over de distributie
population_afnemer tekst de uitdrukking daarvoor over de applicatie
kmgb tekst versie van kmgb
regels tekst versie van de regels van vergelijken
catalogus tekst versie van de catalogus
catalogus_sha256 tekst sha256 van de catalogus; leeg als die niet is bewaard
codelijsten_sha256 tekst sha256 van de codelijsten; leeg als die niet is bewaard
veldtoewijzing tekst sha256 van de veldtoewijzing van de applicatie of het register
veldtoewijzing_distributie tekst sha256 van de veldtoewijzing van de distributie
kruiscontroles tekst sha256 van de kruiscontroles; leeg als die er niet waren
warnings tekst waarschuwingen bij de run, onder elkaar
"""),
    _table("tellingen", "Eén rij per telling van een run.", """
run_id getal nummer van de run
groep tekst rijen, soorten, ernst, oorzaken of vervolg
naam tekst wat geteld is
aantal getal hoeveel
"""),
    _table("velden", "Eén rij per vergeleken veld van een run, met de eerlijke noemer.", """
run_id getal nummer van de run
field tekst veld
paren getal gekoppelde rijen
beide_leeg getal paren waarin beide kanten leeg zijn
vergeleken getal paren waarin ten minste één kant gevuld is
gelijk getal daarvan gelijk
leeg_in_applicatie getal alleen in de distributie gevuld
leeg_in_bron getal alleen in de applicatie gevuld
cosmetisch getal gelijk na een benoemde regel
afwijkend getal niet gelijk
onbeslist getal niet te lezen
ongeldig getal aan beide kanten gelijk en ongeldig
"""),
    _table("dekking", "Eén rij per veld van de catalogus en run: vergeleken, of waarom niet.", """
run_id getal nummer van de run
field tekst veld
coverage tekst vergeleken, sleutel, of waarom niet
explanation tekst toelichting uit de veldtoewijzing
deadline tekst tot wanneer een wens mag openstaan (jjjj-mm-dd)
alternative tekst wat er tot dan gebeurt
"""),
    _table("instellingen", "Eén rij per instelling van een run die de uitkomst kan veranderen; nooit een geheim.", """
run_id getal nummer van de run
naam tekst instelling
waarde tekst waarde tijdens de run
"""),
    _table("gebruikt", "Eén rij per aanlevering die een run gebruikte.", """
run_id getal nummer van de run
kant tekst distributie, afnemer, of verwijzing (waar een kruiscontrole naar keek)
entity tekst entiteit
aanlevering_id tekst nummer van de aanlevering
"""),
    _table("kruiscontroles", "Eén rij per kruiscontrole van een run, ook als zij niet gedaan kon worden.", """
run_id getal nummer van de run
code tekst naam van de controle
kant tekst distributie, applicatie of paar
titel tekst titel
severity tekst ernst
rijen getal rijen
beoordeeld getal beoordeeld
fout getal fout
niet_te_beoordelen getal niet te beoordelen
buiten getal vallen buiten de controle
reden tekst waarom zij niet gedaan is; leeg als zij gedaan is
"""),
    _table("bevindingen", "Eén rij per bevinding die in de periode openstond of gesloten werd, zoals zij was na de "
           "laatste run van haar controle in de periode.", f"""
run_id getal die laatste run
afnemer tekst naam van de applicatie
entity tekst entiteit
key tekst sleutel; delen met | ertussen
key_field tekst veld of velden van de sleutel
field tekst veld; leeg bij een bevinding over een hele rij
kind tekst soort
rule tekst regel, of de kruiscontrole
{_VALUES.strip()}
peildatum_distributie moment peildatum van de distributie in die run
peildatum_afnemer moment peildatum van de applicatie in die run
first_seen moment einde van de run die haar opende
status tekst status na die run, of hoe zij gesloten is
id getal vast nummer van de bevinding
opened_run getal run die haar opende
closed_run getal run die haar sloot; leeg als zij openstaat
closed moment einde van die run
predecessor getal nummer van de bevinding die zij eerder was
{_EXPLAINED.strip()}
age getal dagen open
age_runs getal beoordeelde runs open
decision getal besluit waardoor zij geaccepteerd is
remark tekst waarom een acceptatie of terugmelding niet meer geldt
assigned tekst aan wie zij is toegewezen
reference tekst kenmerk van de terugmelding
reference_state tekst stand van de terugmelding
"""),
    _table("versies", "Eén rij per versie van een bevinding: zo was zij vanaf deze run, tot de volgende versie.", f"""
id getal nummer van de bevinding
run_id getal run die deze versie schreef
since moment einde van die run
kind tekst soort
rule tekst regel, of de kruiscontrole
{_VALUES.strip()}
{_EXPLAINED.strip()}
"""),
    _table("onbekend", "Eén rij per bevinding die een run niet kon beoordelen. Een run in quarantaine beoordeelde "
           "niets en heeft hier geen rijen.", """
run_id getal nummer van de run
id getal nummer van de bevinding
"""),
    _table("besluiten", "Eén rij per besluit van een mens, tot en met het einde van de periode.", """
id getal nummer van het besluit
action tekst accepteren, intrekken, terugmelden, toewijzen of opmerking
made moment wanneer
afnemer tekst naam van de applicatie
entity tekst entiteit
finding getal nummer van de bevinding; leeg bij een patroon
subject getal nummer van het besluit dat wordt ingetrokken
field tekst van een patroon: veld
kind tekst van een patroon: soort
rule tekst van een patroon: regel
cause tekst van een patroon: oorzaak
distributie tekst van een patroon: waarde in de distributie
afnemer_value tekst van een patroon: waarde in de applicatie
state tekst stand van een terugmelding
reference tekst kenmerk van een terugmelding
last_day tekst tot en met welke dag een acceptatie geldt (jjjj-mm-dd)
who tekst wie het besluit nam
text tekst reden, opmerking, of aan wie
"""),
    _table("onderdrukkingen", "Eén rij per acceptatie die tijdens een run gold, met wat zij verborg.", """
run_id getal nummer van de run
decision getal nummer van het besluit
about tekst bevinding of patroon
last_day tekst tot en met welke dag zij geldt (jjjj-mm-dd)
hidden getal bevindingen die zij na deze run verborg; 0 als een waarde veranderd is
"""),
    _table("clusters", "Eén rij per groep bevindingen van een run met één oorzaak en één patroon.", """
run_id getal nummer van de run
number getal nummer binnen de run
field tekst veld
kind tekst soort
rule tekst regel
severity tekst ernst
cause tekst oorzaak
transform tekst vorm
date tekst laatste dag waarop de oude waarde gold
next_step tekst volgende stap
count getal bevindingen
from tekst waarde in de distributie die zij delen
to tekst waarde in de applicatie die zij delen
street tekst straat die zij delen
evidence tekst bewijs, van de eerste bevinding
"""),
    _table("aanleveringen", "Eén rij per aanlevering die een run gebruikte of die in de periode binnenkwam.", """
id tekst nummer van de aanlevering
afnemer tekst van wie
entity tekst entiteit
file tekst naam van het bestand
sha256 tekst sha256 van het bestand zoals het kwam
data_sha256 tekst sha256 van de bewaarde Parquet; leeg als die niet is vastgelegd
size getal bytes
rows getal rijen
faulty_rows getal rijen die niet goed te lezen waren
peildatum moment van welk moment de gegevens zijn
peildatum_from tekst waar dat uit blijkt
arrived moment wanneer zij binnenkwam
status tekst geaccepteerd of quarantaine, toen zij voor het eerst werd vastgelegd
decision tekst vrijgegeven of afgekeurd; leeg zonder besluit in of voor de periode
decided moment wanneer dat besloten is
decided_by tekst door wie
decided_why tekst waarom
veldtoewijzing tekst sha256 van de veldtoewijzing waarmee zij gelezen is
kmgb tekst versie van kmgb die haar las
reasons tekst redenen van quarantaine, onder elkaar
remarks tekst opmerkingen bij het lezen, onder elkaar
"""),
    _table("documenten", "Eén rij per tekst waarmee runs gemaakt zijn.", """
sha256 tekst sha256 van de tekst
kind tekst veldtoewijzing, kruiscontroles, catalogus of codelijsten
file tekst bestand in dit pakket; leeg als de tekst niet is bewaard
size getal bytes
"""),
    _table("audit", "Eén rij per regel van het auditlog in de periode; de regels zelf staan in audit/audit.jsonl.", """
line getal nummer van de regel in het hele auditlog
moment tekst wanneer (UTC)
wie tekst door wie
wat tekst wat er gedaan is
over tekst waarover
waarom tekst waarom
vorige tekst sha256 van de regel ervoor
sha256 tekst sha256 van deze regel
"""),
)  # fmt: skip
TABLES: Final = {table.name: table for table in _TABLES}
