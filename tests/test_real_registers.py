"""Whole checks on published register data, against what plain Python finds in the same files.

No count or value of the files is written down here: what is expected is worked out from the raw file in the test.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from lxml import etree

from kmgb.compare.comparison import Comparison
from kmgb.run.files import compare_files
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings

pytestmark = pytest.mark.shared
REGISTERS = Path(__file__).parents[1] / "docs" / "registers"
UNEQUAL = ("afwijkend", "cosmetisch", "leeg_in_applicatie", "leeg_in_bron")

GBAV_2022, GBAV_2020 = "brp/gbav_testset_20220502_deelA.csv", "brp/gbav_testset_2020_deelA.csv"
HAAL_CENTRAAL, BEWONING = "brp/haalcentraal_v1_2021_deelA.zip", "brp/bewoning_testdata_deelA.json"
MUTATIES = "bag/9999MUT13112021-14112021_deelA.zip"
DOESBURG, DOESBURG_PART = "bag/doesburg/0221PND15092020.zip", "bag/doesburg/0221PND15092020-000001.xml"
WEESP = {code: f"bag/weesp/0457{code}15102021_deelA.zip" for code in ("NUM", "VBO", "PND", "LIG")}
UVA2 = "bag/amsterdam_uva2"
STAND = date(2021, 10, 15)

Check = Callable[..., Comparison]
Leaves = dict[str, str]


@pytest.fixture
def check(shared: Path, tmp_path: Path) -> Check:
    def _check(app: str, distributie: str, entity: str, ours: str, theirs: str, day: date = STAND) -> Comparison:
        data = shared / "data"
        comparison = compare_files(
            Municipality(Settings(dumps=data)),
            REGISTERS / f"{app}.toml",
            entity,
            data / ours,
            data / theirs,
            tmp_path / app,
            distributie_mapping=REGISTERS / f"{distributie}.toml",
            day=day,
        )
        summary = json.loads((tmp_path / app / "samenvatting.json").read_text(encoding="utf-8"))
        assert summary["rijen"] == comparison.rows
        return comparison

    return _check


def unequal(comparison: Comparison) -> set[tuple[str, str]]:
    return set(comparison.findings.filter(pl.col("kind").is_in(UNEQUAL)).select("key", "field").iter_rows())


def keys(comparison: Comparison, kind: str) -> set[str]:
    return set(comparison.findings.filter(kind=kind)["key"])


def plain(text: str | None) -> str:
    return " ".join((text or "").split())


# Persons


def persons(path: Path, separator: str) -> list[dict[str, str]]:
    """The first row of every person: in it every category is current."""
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter=separator))
    header, found, above = rows[0], [], ""
    for row in rows[1:]:
        cells = dict(zip(header, row, strict=True))
        if row[0] if header[0] == "" else (cells["01.01.20"] and above != "51"):
            found.append(cells)
        above = cells["01.H"]
    return found


def by_bsn(people: list[dict[str, str]], column: str = "01.01.20") -> dict[str, dict[str, str]]:
    """Persons whose BSN nobody else has."""
    count = Counter(person[column] for person in people)
    return {person[column]: person for person in people if person[column] and count[person[column]] == 1}


RUBRICS = {
    "a_nummer": "01.01.10", "voornamen": "01.02.10", "voorvoegsel": "01.02.30", "geslachtsnaam_diacriet": "01.02.40",
    "geboortedatum": "01.03.10", "geslacht": "01.04.10", "aanduiding_naamgebruik": "01.61.10",
    "indicatie_geheim": "07.70.10", "datum_inschrijving": "08.09.20", "gemeentecode": "08.09.10",
}  # fmt: skip
RESIDENCE = {
    "datum_ingang_adreshouding": "08.10.30",
    "id_codes_verblijfadres.adresseerbaar_object": "08.11.80",
    "id_codes_verblijfadres.nummeraanduiding": "08.11.90",
}


def test_two_editions_of_person_lists(check: Check, shared: Path) -> None:
    got = check("personen_gbav_2020", "personen_gbav_2022", "personen", GBAV_2022, GBAV_2020, date(2022, 5, 2))
    ours, theirs = persons(shared / "data" / GBAV_2022, ";"), persons(shared / "data" / GBAV_2020, ",")
    assert (got.rows["distributie"], got.rows["afnemer"]) == (len(ours), len(theirs))
    before, after = by_bsn(theirs), by_bsn(ours)
    expected = {
        (bsn, field)
        for bsn in before.keys() & after.keys()
        for field, rubric in (RUBRICS | RESIDENCE).items()
        if value(before[bsn], field, rubric) != value(after[bsn], field, rubric)
    }
    assert {pair for pair in unequal(got) if pair[1] in RUBRICS | RESIDENCE and pair[0] in before} == expected
    assert keys(got, "overtollig") == {
        bsn for bsn, person in before.items() if bsn not in {p["01.01.20"] for p in ours}
        and person["01.01.10"] not in {p["01.01.10"] for p in ours}
    }  # fmt: skip


def value(person: dict[str, str], field: str, rubric: str) -> str:
    """What a field says; the fields of a residence only where category 08 is one (W)."""
    if field in RESIDENCE and person["08.10.10"] != "W":
        return ""
    return plain(person[rubric])


def test_persons_beside_json_of_another_system(check: Check, shared: Path) -> None:
    mappings = "personen_haalcentraal_2021", "personen_gbav_2022_haalcentraal"
    got = check(*mappings, "personen", GBAV_2022, HAAL_CENTRAAL, date(2022, 5, 2))
    with zipfile.ZipFile(shared / "data" / HAAL_CENTRAAL) as archive:
        theirs = [json.loads(archive.read(name)) for name in archive.namelist()]
    ours = persons(shared / "data" / GBAV_2022, ";")
    assert (got.rows["distributie"], got.rows["afnemer"]) == (len(ours), len(theirs))
    register = by_bsn(ours)
    sexes, unknown = {"man": "M", "vrouw": "V", "onbekend": "O"}, "."
    expected = set()
    for person in theirs:
        bsn, naam = person["burgerservicenummer"], person["naam"]
        if bsn not in register:
            continue
        cells = register[bsn]
        there = {
            "voornamen": plain(naam.get("voornamen")),
            "voorvoegsel": plain(naam.get("voorvoegsel")),
            "geslachtsnaam_diacriet": plain(naam.get("geslachtsnaam")) or unknown,
            "geslacht": sexes.get(person.get("geslachtsaanduiding", ""), ""),
            "gemeentecode": person["verblijfplaats"]["gemeenteVanInschrijving"]["code"],
        }
        expected |= {(bsn, field) for field, text in there.items() if text != plain(cells[RUBRICS[field]])}
        shielded = person.get("geheimhoudingPersoonsgegevens", False)
        expected |= {(bsn, "indicatie_geheim")} if shielded != (cells["07.70.10"] != "0") else set()
    fields = {*there, "indicatie_geheim"}
    assert {pair for pair in unequal(got) if pair[1] in fields} == expected
    assert keys(got, "overtollig") == {p["burgerservicenummer"] for p in theirs} - {p["01.01.20"] for p in ours}


def test_running_periods_of_residence(check: Check, shared: Path) -> None:
    got = check("personen_bewoning", "personen_gbav_2022", "personen", GBAV_2022, BEWONING, date(2022, 5, 2))
    periods = json.loads((shared / "data" / BEWONING).read_text(encoding="utf-8"))
    running = [p for p in periods if not p.get("verblijfplaats", {}).get("datumEindeAdreshouding")]
    assert got.rows["afnemer_buiten_populatie"] == len(periods) - len(running)
    count = Counter(p["burgerservicenummer"] for p in running)
    assert keys(got, "dubbel") >= {bsn for bsn, times in count.items() if times > 1}
    register = by_bsn(persons(shared / "data" / GBAV_2022, ";"))
    wrong = {
        bsn
        for bsn, person in register.items()
        for p in running
        if p["burgerservicenummer"] == bsn and count[bsn] == 1
        and plain(p.get("verblijfplaats", {}).get("datumAanvangAdreshouding"))
        != value(person, "datum_ingang_adreshouding", "08.10.30")
    }  # fmt: skip
    assert {key for key, field in unequal(got) if field == "datum_ingang_adreshouding"} == wrong


# BAG


def members(path: Path) -> Iterator[bytes]:
    if path.suffix != ".zip":
        yield path.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        yield from (archive.read(name) for name in archive.namelist() if name.endswith(".xml"))


def leaves(element: etree._Element) -> Leaves:
    """Text by the name of the leaf, of a reference also by the name around it; a repeated leaf as a sorted set."""
    found: dict[str, set[str]] = defaultdict(set)
    for leaf in element.iter("{*}*"):
        if not len(leaf):
            for named in (leaf, leaf.getparent()):
                found[etree.QName(named).localname].add(plain(leaf.text))
    return {name: "|".join(sorted(texts)) for name, texts in found.items()}


def objects(path: Path, record: str) -> list[Leaves]:
    return [leaves(e) for content in members(path) for e in etree.fromstring(content).iter(f"{{*}}{record}")]


COMMON = {"brondocumentnummer": "documentnummer", "indicatie_geconstateerd": "geconstateerd"}
BAG = [
    ("nummeraanduiding", "NUM", "Nummeraanduiding", COMMON | {
        "huisnummer": "huisnummer", "huisletter": "huisletter", "toevoeging": "huisnummertoevoeging",
        "postcode": "postcode", "status_nummeraanduiding": "status", "identificatie_or": "OpenbareRuimteRef"}),
    ("verblijfsobject", "VBO", "Verblijfsobject", COMMON | {
        "oppervlakte": "oppervlakte", "status_vbo": "status", "gebruiksdoel": "gebruiksdoel"}),
    ("pand", "PND", "Pand", COMMON | {"bouwjaar_pand": "oorspronkelijkBouwjaar", "status_pand": "status"}),
    ("ligplaats", "LIG", "Ligplaats", COMMON | {"status_ligplaats": "status"}),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "code", "record", "fields"), BAG, ids=[row[0] for row in BAG])
def test_application_that_missed_every_change(
    check: Check, shared: Path, entity: str, code: str, record: str, fields: dict[str, str]
) -> None:
    got = check("bag_eerste_voorkomen", "bag_extract", entity, WEESP[code], WEESP[code])
    raw = objects(shared / "data" / WEESP[code], record)
    first = {o["identificatie"]: o for o in raw if o["voorkomenidentificatie"] == "1"}
    now = {o["identificatie"]: o for o in raw if valid(o)}
    assert got.rows["distributie"] == got.rows["afnemer"] == len(raw)
    assert got.rows["gekoppeld"] == len(first) == len(now)
    expected = {
        (key, field)
        for key in first
        for field, leaf in fields.items()
        if first[key].get(leaf, "") != now[key].get(leaf, "")
    }
    found = {(key, "gebruiksdoel" if "gebruiksdoel" in field else field) for key, field in unequal(got)}
    assert {pair for pair in found if pair[1] in fields} == expected


def valid(voorkomen: Leaves) -> bool:
    stand = STAND.isoformat()
    return voorkomen["beginGeldigheid"] <= stand and voorkomen.get("eindGeldigheid", "9999") > stand


def test_every_hoofdadres_is_an_issued_address(check: Check, shared: Path) -> None:
    got = check("bag_hoofdadressen", "bag_extract", "nummeraanduiding", WEESP["NUM"], WEESP["VBO"])
    addresses = {o["identificatie"]: o for o in objects(shared / "data" / WEESP["NUM"], "Nummeraanduiding") if valid(o)}
    homes = [o for o in objects(shared / "data" / WEESP["VBO"], "Verblijfsobject") if valid(o)]
    named = [o["heeftAlsHoofdadres"] for o in homes]
    issued = {
        key for key, o in addresses.items()
        if o["typeAdresseerbaarObject"] == "Verblijfsobject" and o["status"] == "Naamgeving uitgegeven"
    }  # fmt: skip
    assert keys(got, "buiten_populatie") == (set(named) & set(addresses)) - issued
    assert keys(got, "ontbreekt") == issued - set(named)
    assert keys(got, "overtollig") == set(named) - set(addresses)


def test_part_of_an_extract_agrees_with_the_whole(check: Check, shared: Path) -> None:
    got = check("bag_deelbestand", "bag_extract", "pand", DOESBURG, DOESBURG_PART, date(2020, 9, 15))
    whole, part = (objects(shared / "data" / name, "Pand") for name in (DOESBURG, DOESBURG_PART))
    lasted = [o for o in whole if o["beginGeldigheid"] != o.get("eindGeldigheid")]
    known = {json.dumps({k: o[k] for k in o if k != "posList"}, sort_keys=True) for o in lasted}
    assert {json.dumps({k: o[k] for k in o if k != "posList"}, sort_keys=True) for o in part} <= known
    assert got.rows["distributie_niet_actueel"] == len(whole) - len(lasted)
    assert got.rows["gekoppeld"] == len(part)
    assert unequal(got) == set()
    assert keys(got, "dubbel") == set()


MUTATED = [row for row in BAG if row[0] in ("verblijfsobject", "pand")]


@pytest.mark.parametrize(("entity", "code", "record", "fields"), MUTATED, ids=[row[0] for row in MUTATED])
def test_mutations_before_and_after(
    check: Check, shared: Path, entity: str, code: str, record: str, fields: dict[str, str]
) -> None:
    got = check("bag_mutaties_nieuw", "bag_mutaties_was", entity, MUTATIES, MUTATIES, date(2021, 11, 14))
    root = etree.fromstring(next(members(shared / "data" / MUTATIES)))
    was = [leaves(e) for e in root.iterfind(f".//{{*}}was/{{*}}bagObject/{{*}}{record}")]
    new = [leaves(e) for e in root.iterfind(f".//{{*}}toevoeging/{{*}}wordt/{{*}}bagObject/{{*}}{record}")]
    assert (got.rows["distributie"], got.rows["afnemer"]) == (len(was), len(new))
    double = {
        key for side in (was, new) for key, times in Counter(o["identificatie"] for o in side).items() if times > 1
    }
    assert keys(got, "dubbel") == double
    before, after = ({o["identificatie"]: o for o in side} for side in (was, new))
    expected = {
        (key, field)
        for key in (before.keys() & after.keys()) - double
        for field, leaf in fields.items()
        if before[key].get(leaf, "") != after[key].get(leaf, "")
    }
    found = {(key, "gebruiksdoel" if "gebruiksdoel" in field else field) for key, field in unequal(got)}
    assert {pair for pair in found if pair[1] in fields} == expected


@pytest.mark.parametrize("entity", ["verblijfsobject", "pand", "nummeraanduiding"])
def test_a_closed_voorkomen_gets_an_end_and_nothing_else(check: Check, entity: str) -> None:
    got = check("bag_mutaties_gesloten", "bag_mutaties_was", entity, MUTATIES, MUTATIES, date(2021, 11, 14))
    assert got.rows["gekoppeld"] == got.rows["distributie"] == got.rows["afnemer"] == got.findings.height
    assert set(got.findings["kind"]) == {"leeg_in_bron"}
    assert got.findings["field"].str.contains("^datum_einde?_geldigheid").all()


def table(path: Path, separator: str, encoding: str = "utf-8") -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(path.read_text(encoding=encoding)), delimiter=separator) if row]


def test_local_keys_become_bag_ids(check: Check, shared: Path) -> None:
    folder = shared / "data" / UVA2
    ours, theirs = "VBO_gebruiksdoelen_20170808.csv", "VBO_20150706_N_20150706_20150706.UVA2"
    mappings = "bag_amsterdam_uva2_2015", "bag_amsterdam_gebruiksdoelen_2017"
    got = check(*mappings, "verblijfsobject", f"{UVA2}/{ours}", f"{UVA2}/{theirs}", date(2017, 8, 8))
    bag = {row[0]: row[1] for row in table(folder / "VBO_20151116.dat", ";")[1:]}
    local = {bag[row[0]]: row for row in table(folder / theirs, ";", "latin-1")[4:] if row[0] in bag}
    uses = defaultdict(list)
    for row in table(folder / ours, ";"):
        uses[row[0]].append(row)
    assert keys(got, "dubbel") == {key for key, rows in uses.items() if len(rows) > 1}
    # The first digits of the local code are those of the BAG's own code: 1010 and 1000 are both woonfunctie.
    expected = {
        (key, "gebruiksdoel_1")
        for key, rows in uses.items()
        if key in local and len(rows) == 1 and len(rows[0]) == 5 and rows[0][1][:2] != local[key][5][:2]
    }
    assert {pair for pair in unequal(got) if pair[1] == "gebruiksdoel_1"} == expected


def test_two_exports_of_one_day_agree(check: Check, shared: Path) -> None:
    names = [f"{UVA2}/{kind}_geconstateerd-inonderzoek_20170727.csv" for kind in ("VBO", "AOT")]
    mappings = "bag_amsterdam_aot_2017", "bag_amsterdam_onderzoek_2017"
    got = check(*mappings, "verblijfsobject", *names, date(2017, 7, 27))
    ours, theirs = ({row[0]: row[1:] for row in table(shared / "data" / name, ";")} for name in names)
    both = ours.keys() & theirs.keys()
    assert got.rows["gekoppeld"] == len(both)
    assert {key for key, _ in unequal(got)} == {key for key in both if ours[key] != theirs[key]}


# NHR


def test_organisations_by_name_or_website(check: Check, shared: Path) -> None:
    ours, theirs = "nhr/zbo_register_deelA.csv", "nhr/aanbestedende_diensten_2010-2016_deelA.csv"
    got = check("nhr_aanbestedende_diensten", "nhr_zbo", "nnp", ours, theirs, date(2016, 12, 31))
    register, dump = (table(shared / "data" / name, ",") for name in (ours, theirs))
    assert (got.rows["distributie"], got.rows["afnemer"]) == (len(register) - 1, len(dump) - 1)
    count = Counter(plain(row[0]) for row in dump[1:])
    known = {plain(row[0]) for row in register[1:]}
    paired = got.rows["gekoppeld"] - got.rows["gekoppeld_via_andere_sleutel"]
    assert paired == sum(count[name] == 1 for name in known)
    assert got.rows["distributie_bij_dubbel"] == sum(count[name] > 1 for name in known)


def test_activity_codes_that_lost_their_zero(check: Check, shared: Path) -> None:
    ours, theirs = "nhr/sbi_code_cbs.json", "nhr/mks_sbi_vs_cbs_sbi_20171102.csv"
    got = check("nhr_sbi_mks", "nhr_sbi_cbs", "nnp", ours, theirs, date(2017, 11, 2))
    cbs = {o["pk"]: o["fields"]["title"] for o in json.loads((shared / "data" / ours).read_text(encoding="utf-8"))}
    lines = (shared / "data" / theirs).read_text(encoding="utf-8").splitlines()[1:]
    dump = [(cells[2], plain(cells[1])) for cells in (line.split("|") for line in lines)]
    count = Counter(code for code, _ in dump)
    single = {code: text for code, text in dump if code and count[code] == 1}
    assert got.rows["afnemer_buiten_populatie"] == count[""]
    assert keys(got, "overtollig") == single.keys() - cbs.keys()
    assert all(f"0{code}" in cbs for code in keys(got, "overtollig"))
    assert unequal(got) == {
        (code, "zaaknaam") for code, text in single.items() if code in cbs and text != plain(cbs[code])
    }
