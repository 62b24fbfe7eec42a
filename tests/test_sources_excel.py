"""Excel: what a person sees in the cell, and what is wrong with it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from kmgb.mapping.model import Aanlevering
from kmgb.sources.delivered import Delivered, Limits, RefusedError
from kmgb.sources.read import read

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def excel(path: Path, needed: list[str], limits: Limits | None = None, **reader: object) -> Delivered:
    settings = Aanlevering.model_validate({"formaat": "xlsx", **reader})
    return read(path, settings, needed, limits or Limits(), path.parent / "werk")


def book(path: Path, fill: Callable[[Any, Any], None], **options: object) -> Path:
    workbook = xlsxwriter.Workbook(path, options)
    fill(workbook, workbook.add_worksheet("Gegevens"))
    workbook.close()
    return path


def test_cells_are_what_a_person_sees(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        shown = ["", "dd-mm-yyyy", "d mmm yyyy hh:mm", "hh:mm", "000000000", '"nr "00', "#,##0.00", "[$-413]d mmmm"]
        cells: list[Any] = [
            7,
            date(2020, 1, 2),
            datetime.fromisoformat("2020-01-02T13:05"),
            time(13, 5),
            7,
            7,
            1234.5,
            date(1999, 12, 31),
        ]
        for column, (code, value) in enumerate(zip(shown, cells, strict=True)):
            sheet.write(0, column, f"k{column}")
            sheet.write(1, column, value, workbook.add_format({"num_format": code} if code else {}))
        for column, value in enumerate(["007", 0.1 + 0.2, 363200000087815, 1e21, True, " é\n"]):
            sheet.write(2, column, value)

    got = excel(book(tmp_path / "a.xlsx", fill), [f"k{n}" for n in range(8)]).frame.collect()
    first = ("7", "2020-01-02", "2020-01-02 13:05:00", "13:05:00", "000000007", "07", "1234.5", "1999-12-31")
    second = ("007", "0.3", "363200000087815", "1" + "0" * 21, "true", " é\n", None, None)
    assert got.rows() == [(1, *first, None), (2, *second, None)]


def test_dates_counted_from_1904(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write(0, 0, "d")
        sheet.write(1, 0, date(2020, 1, 2), workbook.add_format({"num_format": 14}))

    got = excel(book(tmp_path / "a.xlsx", fill, date_1904=True), ["d"])
    assert got.frame.collect()["d"].to_list() == ["2020-01-02"]


def test_formulas_errors_and_merged_cells(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_formula(1, 0, "=1+1", None, 2)
        sheet.write_formula(2, 0, '=""', None, "")
        sheet.write_formula(3, 0, "=1/0", None, "#DIV/0!")
        sheet.merge_range(5, 0, 5, 1, "samen")
        sheet.write(6, 4, "los")

    got = excel(book(tmp_path / "a.xlsx", fill), ["a", "b"])
    assert got.frame.collect().rows() == [
        (1, "2", None, None),
        (2, None, None, "een formule zonder berekende waarde in kolom 'a'"),
        (3, None, None, "een foutwaarde in kolom 'a'"),
        (5, "samen", None, None),
        (6, None, None, "rij heeft waarden voorbij de 2 kolommen van de kop"),
    ]
    assert got.remarks == (
        "Samengevoegde gebieden op het blad: 1; alleen de eerste cel heeft een waarde.",
        "Formules op het blad: 3; de opgeslagen uitkomst is gelezen.",
    )


def test_sheet_header_and_headerless(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        other = workbook.add_worksheet("Tweede")
        other.write_row(2, 1, ["x", "y"])
        other.write_row(3, 1, ["1", "2"])

    path = book(tmp_path / "a.xlsx", fill)
    assert excel(path, ["y"], blad="Tweede").frame.collect().rows() == [(1, "2", None)]
    names = [{"naam": name} for name in ("", "p", "q")]
    bare = excel(path, ["q"], blad="Tweede", kop=False, kolommen=names, overslaan=3)
    assert bare.frame.collect().rows() == [(1, "2", None)]
    with pytest.raises(RefusedError, match=r"het werkblad 'Twede' is er niet; wel: 'Gegevens', 'Tweede'\. Bedoelde u"):
        excel(path, ["y"], blad="Twede")
    with pytest.raises(RefusedError, match="het blad is leeg"):
        excel(path, ["y"])


def test_locked_old_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    for content, reason in [
        (OLE + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le"), "versleuteld"),
        (OLE + b"\0" * 504 + "Workbook".encode("utf-16-le"), "formaat"),
        (b"a;b\n1;2\n", "formaat"),
        (b"", "leeg"),
    ]:
        path.write_bytes(content)
        with pytest.raises(RefusedError) as caught:
            excel(path, ["a"])
        assert caught.value.reason == reason


def test_damaged_and_hostile_workbooks_are_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", lambda _, sheet: sheet.write_column(0, 0, ["a", "1"]))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RefusedError, match="beschadigd of afgebroken"):
        excel(path, ["a"])
    path.write_bytes(whole)
    with pytest.raises(RefusedError, match="zipbom"):
        excel(path, ["a"], Limits(max_unpacked=100))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'r="2"', b'r="x"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(RefusedError, match="beschadigd of onvolledig"):
        excel(path, ["a"])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/iets.xml", "<a/>")
    with pytest.raises(RefusedError, match="onvolledig"):
        excel(path, ["a"])
