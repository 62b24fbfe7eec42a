"""The week in every format: the same numbers everywhere, nothing that runs, and every value still to be recognised."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pypdf
import pytest
from lxml import etree
from test_week import Town, town, values_of
from weekly import ROOT

from kmgb.mapping.model import Aanlevering
from kmgb.report.figures import number
from kmgb.report.pdf import pdf_of
from kmgb.report.render import Renderer
from kmgb.report.sheet_rows import LONGEST
from kmgb.report.signs import visible
from kmgb.report.week import HeatCell, Role, WeekReport
from kmgb.report.week_charts import charts_of
from kmgb.report.week_files import week_json, write_week_findings
from kmgb.report.workbook import FINDING_SHEET, write_workbook
from kmgb.run.week_formats import Format, write_formats
from kmgb.sources.delivered import Limits
from kmgb.sources.excel import read_excel

__all__ = ["town"]

ZONE = "Europe/Amsterdam"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HOSTILE = [
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "@SUM(1)", "+1+1", "-2+3", "\t=1", "x" * 30_000, "a\u202eb\u200fc",
    "nul\x00 en \x1b[31m", "]]>", "&amp; & <b>", "_x0041_", "😀 Ünal", "</svg><script>alert(2)</script>", "w" * 300,
    "{{ 7777*7 }}", '" onmouseover="x', "'); drop table afwijking; --", "\ud800",
]  # fmt: skip


@pytest.fixture(scope="module")
def week(town: Town) -> WeekReport:
    return town.week(8)


@pytest.fixture(scope="module")
def made(town: Town, week: WeekReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with every format."""
    folder = tmp_path_factory.mktemp("formaten")
    settings = town.municipality.settings.model_copy(update={"templates": ROOT / "reports"})
    municipality = type(town.municipality)(settings)
    written = write_formats(municipality, week, folder, list(Format))
    assert {path.suffix for path in written} == {".html", ".pdf", ".json", ".xlsx", ".csv", ".parquet"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in written)
    return folder


def sheet(path: Path, name: str, columns: list[str], scratch: Path) -> list[dict[str, Any]]:
    scratch.mkdir(exist_ok=True, parents=True)
    read = read_excel(path, Aanlevering(formaat="xlsx", blad=name), columns, Limits(), scratch)
    return read.frame.select(columns).collect().to_dicts()


def sheet_names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        book = etree.fromstring(archive.read("xl/workbook.xml"))
    return [one.get("name", "") for one in book.iter(f"{MAIN}sheet")]


def overview(path: Path) -> list[list[str]]:
    """The first sheet, cell by cell, as Excel holds it."""
    with zipfile.ZipFile(path) as archive:
        root = etree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
        shared = etree.fromstring(archive.read("xl/sharedStrings.xml"))
    texts = ["".join(one.itertext()) for one in shared.iter(f"{MAIN}si")]
    rows = []
    for row in root.iter(f"{MAIN}row"):
        cells = []
        for cell in row.iter(f"{MAIN}c"):
            value = cell.findtext(f"{MAIN}v") or ""
            cells.append(texts[int(value)] if cell.get("t") == "s" else value)
        rows.append(cells)
    return rows


# --- the same numbers ---


def test_every_format_states_the_numbers_of_the_week(made: Path, week: WeekReport, tmp_path: Path) -> None:
    document = json.loads((made / "week.json").read_text(encoding="utf-8"))
    page = (made / "week.html").read_text(encoding="utf-8")
    pdf = " ".join(one.extract_text() for one in pypdf.PdfReader(made / "week.pdf").pages)
    flat = re.sub(r"\s+", "", pdf)
    listed = {row[0]: row for row in overview(made / "week.xlsx") if len(row) == 12}
    assert document["counts"] == {name: getattr(week.counts, name) for name in type(week.counts).__slots__}
    assert week.zin in page
    assert re.sub(r"\s+", "", week.zin) in flat
    for afnemer in week.afnemers:
        counts = afnemer.counts
        assert afnemer.zin in page
        assert re.sub(r"\s+", "", afnemer.zin) in flat
        (one,) = [line for line in document["afnemers"] if line["naam"] == afnemer.naam]
        assert (one["counts"]["open"], one["counts"]["kritiek"]) == (counts.open, counts.kritiek)
        row = [counts.open, counts.kritiek, counts.nieuw, counts.teruggekeerd, counts.opgelost, counts.vervallen,
               counts.onderweg, counts.geaccepteerd, counts.cosmetisch, counts.oudste]  # fmt: skip
        assert [int(cell) for cell in listed[afnemer.titel][2:]] == row
    assert f"{number(week.critical_total)} kritiek" in page


def test_csv_parquet_and_workbook_hold_every_finding(made: Path, week: WeekReport, tmp_path: Path) -> None:
    with (made / "week-afwijkingen.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    exact = pl.read_parquet(made / "week-afwijkingen.parquet")
    assert [row["id"] for row in rows] == [str(number) for number in exact["id"]]
    kinds = dict(exact.group_by("kind").len().iter_rows())
    names = {name.lower().replace(" ", "_"): name for name in sheet_names(made / "week.xlsx")}
    for kind in kinds:
        name = names.get(kind) or names[f"{kind}_verschil"]
        found = sheet(made / "week.xlsx", name, ["Nr", "Sinds"], tmp_path / kind)
        assert sorted(int(one["Nr"]) for one in found) == sorted(exact.filter(kind=kind)["id"])
        assert all(re.fullmatch(r"2026-\d\d-\d\d", one["Sinds"]) for one in found)  # typed as a day
    counted = sum(getattr(week.counts, part) for part in ("kritiek",))
    of_afnemers = exact.filter(pl.col("afnemer").is_in([one.naam for one in week.afnemers]))
    wrong = of_afnemers.filter(
        (pl.col("severity") == "kritiek") & (pl.col("status") != "geaccepteerd") & (pl.col("kind") != "cosmetisch")
        & ~pl.col("cause").is_in(["onderweg", "veldtoewijzing"])
    )  # fmt: skip
    assert wrong.height == counted


def test_the_pdf_is_a4_tagged_dutch_numbered_and_has_bookmarks(made: Path) -> None:
    reader = pypdf.PdfReader(made / "week.pdf")
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "nl"
    box = reader.pages[0].mediabox
    assert (round(float(box.width)), round(float(box.height))) == (595, 842)
    titles = [
        one.title for part in reader.outline if isinstance(part, list) for one in part if not isinstance(one, list)
    ]
    assert {"Grootste oorzaken", "Normen"} <= set(titles)
    assert f"bladzijde 1 van {len(reader.pages)}" in reader.pages[0].extract_text()
    assert b"pdfuaid" in (made / "week.pdf").read_bytes() or "pdfuaid" in str(
        reader.xmp_metadata and reader.xmp_metadata.stream.get_data()
    )


def test_the_same_week_gives_the_same_files(town: Town, week: WeekReport, made: Path, tmp_path: Path) -> None:
    settings = town.municipality.settings.model_copy(update={"templates": ROOT / "reports"})
    write_formats(type(town.municipality)(settings), week, tmp_path, list(Format))
    for name in ("week.html", "week.pdf", "week.json", "week-afwijkingen.csv", "week-afwijkingen.parquet"):
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes(), name


def test_masking_follows_the_role_in_every_format(town: Town, tmp_path: Path) -> None:
    settings = town.municipality.settings.model_copy(update={"templates": ROOT / "reports"})
    municipality = type(town.municipality)(settings)
    secret = values_of(town)
    for role in (Role.GEGEVENSBEHEERDER, Role.MANAGER, Role.AUDITOR):
        folder = tmp_path / role
        for path in write_formats(municipality, town.week(8, role), folder, list(Format)):
            assert not secret & set(re.findall(r"\d{8,}", _text_of(path))), path.name
    assert not any(path.suffix in (".csv", ".parquet") for path in (tmp_path / Role.MANAGER).iterdir())
    own = town.week(8, Role.BEHEERDER, "belasting")
    shown = write_formats(municipality, own, tmp_path / "eigen", [Format.XLSX])
    assert secret & set(re.findall(r"\d{8,}", _text_of(shown[1])))


def _text_of(path: Path) -> str:
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            return " ".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml"))
    if path.suffix == ".pdf":
        return " ".join(one.extract_text() for one in pypdf.PdfReader(path).pages)
    if path.suffix == ".parquet":
        return pl.read_parquet(path).write_csv()
    return path.read_text(encoding="utf-8-sig")


# --- hostile values ---


def poisoned(value: Any, poison: str) -> Any:
    """The same record with the poison behind every free text; what chooses a word or a link stays as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {
            "stand",
            "severity",
            "kind",
            "cause",
            "next_step",
            "role",
            "woord",
            "status",
            "signaal",
            "rule",
            "page",
            "naam",
            "afnemer",
            "entity",
        }
        changes = {
            one.name: getattr(value, one.name) if one.name in kept else poisoned(getattr(value, one.name), poison)
            for one in fields(value)
        }
        return replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(poisoned(one, poison) for one in value)
    return poison if isinstance(value, str) else value


@pytest.fixture(scope="module")
def bad_findings() -> pl.DataFrame:
    texts = [text for text in HOSTILE if text != "\ud800"]
    place = range(len(texts))
    return pl.DataFrame(
        {name: texts for name in FINDING_SHEET if name not in ("id", "first_seen")}
        | {"id": list(place), "first_seen": [date(2026, 1, 1) + timedelta(days=n) for n in place],
           "kind": ["afwijkend"] * len(texts)}
    )  # fmt: skip


def test_nothing_in_a_workbook_can_run_and_every_value_is_recognised(
    week: WeekReport, bad_findings: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "week.xlsx"
    write_workbook(poisoned(week, HOSTILE[0]), bad_findings, path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                root = etree.fromstring(archive.read(name))
                assert not list(root.iter(f"{MAIN}f")), name
        assert not [name for name in archive.namelist() if "external" in name.lower() or "vba" in name.lower()]
        links = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".rels"))
        assert b'TargetMode="External"' not in links
        rows = etree.fromstring(archive.read("xl/worksheets/sheet2.xml"))
    column = list(FINDING_SHEET).index("distributie")
    found = ["".join(list(row)[column].itertext()) for row in rows.iter(f"{MAIN}row")][1:]
    expected = [text.replace("_x0041_", "_x005F_x0041_") for text in map(visible, bad_findings["distributie"])]
    assert found == expected
    assert all(len(cell) <= LONGEST for cell in found)


def test_a_cell_longer_than_excel_can_hold_is_cut_with_a_mark(
    week: WeekReport, bad_findings: pl.DataFrame, tmp_path: Path
) -> None:
    long = bad_findings.head(1).with_columns(pl.lit("y" * 40_000).alias("distributie"))
    write_workbook(week, long, tmp_path / "week.xlsx")
    (cell,) = sheet(tmp_path / "week.xlsx", "Afwijkend", ["Bron"], tmp_path / "x")
    assert len(cell["Bron"]) == LONGEST and cell["Bron"].endswith("… (afgekapt)")


@pytest.mark.parametrize("poison", [text for text in HOSTILE if text != "\ud800"], ids=lambda text: repr(text[:12]))
def test_nothing_on_a_page_or_in_its_pdf_can_run(week: WeekReport, poison: str) -> None:
    bad = poisoned(replace(week, heat=week.heat[:6]), poison)
    bad = replace(bad, heat=tuple(replace(cell, fout=cell.vergeleken or 1) for cell in bad.heat))
    renderer = Renderer(ROOT / "reports", ZONE)
    page = renderer.week(bad, charts_of(bad), ())
    for text in (page, renderer.week_of(bad, bad.afnemers[0], ())):
        root = etree.HTML(text)
        assert not list(root.iter("script"))
        assert not [key for one in root.iter(etree.Element) for key in one.attrib if str(key).startswith("on")]
        assert "54439" not in "".join(root.itertext())
    if poison in HOSTILE[:3]:
        pdf = pdf_of(page, ROOT / "reports")
        assert b"/JavaScript" not in pdf and b"/Launch" not in pdf
        assert visible(poison)[:20].replace(" ", "") in "".join(
            one.extract_text() for one in pypdf.PdfReader(io.BytesIO(pdf)).pages
        ).replace(" ", "").replace("\n", "")


def test_a_drawing_holds_a_hostile_name_as_text(week: WeekReport) -> None:
    cells = tuple(
        HeatCell(
            "a",
            text.encode("utf-8", "replace").decode(),
            "personen",
            "Personen",
            "bsn",
            text.encode("utf-8", "replace").decode(),
            10,
            5,
        )
        for text in HOSTILE
    )
    (chart,) = charts_of(replace(week, heat=cells)).warmte
    root = etree.fromstring(chart.svg.encode())
    assert not [one for one in root.iter() if etree.QName(one).localname in ("script", "foreignObject", "a", "image")]
    assert root.get("role") == "img"
    assert [etree.QName(one).localname for one in list(root)[:2]] == ["title", "desc"]
    assert " style=" not in chart.svg
    assert len(chart.rijen) == len({cell.label for cell in cells if cell.fout}) or len(chart.rijen) == 12


def test_json_gives_back_what_went_in(week: WeekReport) -> None:
    for poison in (text for text in HOSTILE if text != "\ud800"):
        document = json.loads(week_json(poisoned(week, poison)))
        assert document["zin"] == poison
        assert document["role"] == week.role


def test_csv_holds_no_formula_and_parquet_is_exact(bad_findings: pl.DataFrame, tmp_path: Path) -> None:
    count = write_week_findings(iter([bad_findings, bad_findings]), tmp_path / "a.csv", tmp_path / "a.parquet")
    assert count == 2 * bad_findings.height
    assert pl.read_parquet(tmp_path / "a.parquet").equals(pl.concat([bad_findings, bad_findings]))
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    assert len(rows) == count
    for row, text in zip(rows, [*bad_findings["distributie"]] * 2, strict=True):
        assert row["distributie"] in (shown := "\n".join(map(visible, text.split("\n"))), f"'{shown}")
        assert not re.match(r"^[=+\-@\t\r＝＋－＠]", row["distributie"])
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", row["distributie"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.parquet"]


def test_the_workbook_opens_in_libreoffice(made: Path, tmp_path: Path) -> None:
    """Every cell of a sheet of findings comes out of a real office as it went in."""
    office = shutil.which("soffice")
    if office is None:
        if os.environ.get("KMGB_REQUIRE_OFFICE") == "1":
            pytest.fail("LibreOffice is not installed: apt-get install libreoffice-calc")
        pytest.skip("LibreOffice is not installed: the workbook was NOT opened in an office")
    convert = "csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,false,false,false,-1"
    command = [office, f"-env:UserInstallation=file://{tmp_path / 'profiel'}", "--headless", "--convert-to", convert,
               "--outdir", str(tmp_path), str(made / "week.xlsx")]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    with (tmp_path / "week-Afwijkend.csv").open(encoding="utf-8", newline="") as stream:
        head, *rows = list(csv.reader(stream, delimiter=";"))
    assert head == list(FINDING_SHEET.values())
    exact = pl.read_parquet(made / "week-afwijkingen.parquet").filter(kind="afwijkend")
    got = {int(row[0]): (row[3], row[5], row[6], row[10]) for row in rows}
    for row in exact.iter_rows(named=True):
        day = row["first_seen"].strftime("%d-%m-%Y")
        assert got[row["id"]] == (row["key"], row["distributie"] or "", row["afnemer_value"] or "", day)
    assert len(got) == exact.height
