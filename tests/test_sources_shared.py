"""Published register data, read as the world delivers it. No count or value of the files is written down here."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.mapping.model import Aanlevering, Opzoeken
from kmgb.sources.delivered import Delivered, Limits
from kmgb.sources.lookup import join_lookups
from kmgb.sources.read import read

pytestmark = pytest.mark.shared
Reads = Callable[..., Delivered]


@pytest.fixture
def reads(shared: Path, tmp_path: Path) -> Reads:
    def _reads(name: str, needed: list[str], **reader: object) -> Delivered:
        scratch = tmp_path / name.replace("/", "_")
        return read(shared / "data" / name, Aanlevering.model_validate(reader), needed, Limits(), scratch)

    return _reads


def texts(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield archive.read(name).decode("utf-8")


BAG = [
    ("weesp/0457NUM15102021_deelA.zip", "Nummeraanduiding"),
    ("weesp/0457VBO15102021_deelA.zip", "Verblijfsobject"),
    ("weesp/0457PND15102021_deelA.zip", "Pand"),
    ("weesp/0457LIG15102021_deelA.zip", "Ligplaats"),
    ("doesburg/0221PND15092020.zip", "Pand"),
]


@pytest.mark.parametrize(("name", "record"), BAG)
def test_every_bag_object_is_a_record(reads: Reads, shared: Path, name: str, record: str) -> None:
    needed = ["identificatie", "voorkomen/Voorkomen/beginGeldigheid", "voorkomen/Voorkomen/eindGeldigheid"]
    got = reads(f"bag/{name}", needed, formaat="xml", record=record).frame.collect()
    assert len(got) == sum(text.count(f"<Objecten:{record}>") for text in texts(shared / "data/bag" / name))
    assert got[FAULT].null_count() == len(got)
    assert got["identificatie"].str.contains(r"^\d{16}$").all()
    assert got["voorkomen/Voorkomen/beginGeldigheid"].str.contains(r"^\d{4}-\d\d-\d\d$").all()


def test_bag_mutations_reach_was_and_wordt(reads: Reads) -> None:
    name, field = "bag/9999MUT13112021-14112021_deelA.zip", "bagObject/Verblijfsobject/oppervlakte"
    pairs = reads(name, [f"was/{field}", f"wordt/{field}"], formaat="xml", record="wijziging").frame.collect()
    became = reads(name, [field], formaat="xml", record="wordt").frame.collect()
    assert pairs[f"was/{field}"].null_count() == pairs[f"wordt/{field}"].null_count() < len(pairs) < len(became)


def test_bag_in_onderzoek_lies_in_nested_zips(reads: Reads) -> None:
    got = reads(
        "bag/weesp/0457InOnderzoek15102021.zip",
        ["kenmerk", "inOnderzoek", "identificatieVanVerblijfsobject"],
        formaat="xml",
        record="KenmerkVerblijfsobjectInOnderzoek",
        binnen="*IOVBO*",
    ).frame.collect()
    assert set(got["inOnderzoek"]) <= {"J", "N"}
    assert got["identificatieVanVerblijfsobject"].null_count() == 0


def test_an_address_is_found_through_three_bag_files(reads: Reads) -> None:
    street = Opzoeken.model_validate(
        {
            "bestand": "x",
            "met": "ligtAan/OpenbareRuimteRef",
            "op": "identificatie",
            "kolommen": ["naam", "ligtIn/WoonplaatsRef"],
            "nieuwste_op": "voorkomen/Voorkomen/voorkomenidentificatie",
        }
    )
    town = street.model_copy(update={"met": "opr.ligtIn/WoonplaatsRef", "kolommen": ("naam",)})
    number, version = "ligtAan/OpenbareRuimteRef", "voorkomen/Voorkomen/voorkomenidentificatie"
    ours = reads("bag/weesp/0457NUM15102021_deelA.zip", [number], formaat="xml", record="Nummeraanduiding").frame
    opr = ["identificatie", "naam", "ligtIn/WoonplaatsRef", version]
    streets = reads("bag/weesp/0457OPR15102021.zip", opr, formaat="xml", record="OpenbareRuimte").frame
    wpl = ["identificatie", "naam", version]
    towns = reads("bag/weesp/0457WPL15102021.zip", wpl, formaat="xml", record="Woonplaats").frame
    got = join_lookups(ours, [("opr", street, streets), ("wpl", town, towns)]).collect()
    assert got[ROW].to_list() == ours.collect()[ROW].to_list()
    assert got["opr.naam"].null_count() < len(got) / 100
    assert got.filter(pl.col("wpl.naam").is_not_null()).height > len(got) * 0.9


def test_stuf_keeps_why_there_is_no_value(reads: Reads, shared: Path) -> None:
    for path in sorted((shared / "data/stuf").glob("*.xml")):
        got = reads(f"stuf/{path.name}", ["inp.bsn", "verblijfsadres/aoa.huisletter"], formaat="xml", record="object")
        assert got.frame.collect().height == 1
        missing = path.read_text(encoding="utf-8").count("noValue=")
        assert missing == sum(name.endswith("@noValue") for name in got.columns)


def test_haal_centraal_zip_and_bewoning_list(reads: Reads, shared: Path) -> None:
    got = reads("brp/haalcentraal_v1_2021_deelA.zip", ["burgerservicenummer"], formaat="json", binnen="*.json")
    with zipfile.ZipFile(shared / "data/brp/haalcentraal_v1_2021_deelA.zip") as archive:
        assert sorted(f"{bsn}.json" for bsn in got.frame.collect()["burgerservicenummer"]) == sorted(archive.namelist())
    periods = json.loads((shared / "data/brp/bewoning_testdata_deelA.json").read_text(encoding="utf-8"))
    frame = reads("brp/bewoning_testdata_deelA.json", ["burgerservicenummer"], formaat="json").frame.collect()
    assert frame["burgerservicenummer"].to_list() == [period["burgerservicenummer"] for period in periods]


@pytest.mark.parametrize(("edition", "separator"), [("2020", ","), ("20220502", ";")])
def test_every_person_of_the_gba_v_test_set_is_one_record(
    reads: Reads, shared: Path, edition: str, separator: str
) -> None:
    name = f"brp/gbav_testset_{edition}_deelA.csv"
    got = reads(name, ["01.01.20", "01.03.10", "05.aantal"], formaat="lo3", scheidingsteken=separator).frame.collect()
    with (shared / "data" / name).open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream, delimiter=separator)
    # A BSN that stands only in history was given to somebody else or corrected: it is nobody's current one.
    bsn, marker = header.index("01.01.20"), header.index("" if header[0] == "" else "01.01.20")
    starts = [row[bsn] for row in rows if row[marker]]
    assert set(got["01.01.20"]) == set(starts)
    if header[0] == "":
        assert got["01.01.20"].to_list() == starts
    assert got["01.03.10"].str.contains(r"^\d{8}$").mean() > 0.95
    assert got[FAULT].null_count() == len(got)


CSVS = [
    ("bag/bagadresplus_amsterdam.csv", {"scheidingsteken": ";"}),
    ("bag/bolsward/DemoData_Adres.csv", {}),
    ("bag/gemeentelijke-indeling.csv", {"scheidingsteken": ";"}),
    ("brp/tabellen/Tabel33.csv", {"codering": "utf-16"}),
    ("nhr/overheidsdiensten_inspire_deelA.csv", {"codering": "cp1252"}),
    ("nhr/zbo_register_deelA.csv", {}),
    ("nhr/mks_sbi_vs_cbs_sbi_20171102.csv", {"scheidingsteken": "|"}),
    ("bag/amsterdam_uva2/NUM_20150706_N_20150706_20150706.UVA2", {"scheidingsteken": ";", "overslaan": 3}),
]


@pytest.mark.parametrize(("name", "reader"), CSVS, ids=[name.rpartition("/")[2] for name, _ in CSVS])
def test_published_csv_reads_as_the_csv_module_reads_it(
    reads: Reads, shared: Path, name: str, reader: dict[str, object]
) -> None:
    settings = Aanlevering.model_validate(reader)
    encoding = "utf-8-sig" if settings.codering == "utf-8" else settings.codering
    with (shared / "data" / name).open(encoding=encoding, newline="") as stream:
        for _ in range(settings.overslaan):
            stream.readline()
        header, *rows = csv.reader(stream, delimiter=settings.scheidingsteken)
    needed = [column for column in header if header.count(column) == 1]
    got = reads(name, needed, **reader).frame.collect()
    places = [header.index(column) for column in needed]
    # Some of these files are really damaged: a cell with a control character is marked, and stays what it is.
    torn = pl.col(FAULT).str.starts_with("rij heeft").fill_null(value=False)
    whole = [tuple(row[place] for place in places) for row in rows if len(row) == len(header)]
    assert got.filter(~torn).select(needed).rows() == whole
    assert len(got) == sum(bool(row) for row in rows)
