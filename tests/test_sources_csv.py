"""Separated text: cell for cell as delivered, and every damaged file refused or marked, never lost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kmgb.catalogue.columns import FAULT, ROW
from kmgb.mapping.model import Aanlevering
from kmgb.sources.delivered import Delivered, Limits, RefusedError
from kmgb.sources.read import read

SECRET = "Geheimzinnig"
Reads = Callable[..., Delivered]


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    def _reads(content: bytes, needed: list[str], **reader: object) -> Delivered:
        path = tmp_path / "dump.csv"
        path.write_bytes(content)
        return read(path, Aanlevering.model_validate(reader), needed, Limits(max_cell=50), tmp_path / "werk")

    return _reads


def frame(cells: dict[str, list[str | None]], faults: list[str | None], rows: list[int] | None = None) -> pl.DataFrame:
    numbers = pl.Series(rows or range(1, len(faults) + 1), dtype=pl.UInt32)
    texts = {name: pl.Series(values, dtype=pl.String) for name, values in cells.items()}
    return pl.DataFrame({ROW: numbers, **texts, FAULT: pl.Series(faults, dtype=pl.String)})


def test_text_comes_as_delivered(reads: Reads) -> None:
    got = reads(b'bsn,naam,leeg\n007, "x" ,\n"0","a""b\r\n,c",""\n', ["bsn", "naam", "leeg"])
    want = frame({"bsn": ["007", "0"], "naam": [' "x" ', 'a"b\r\n,c'], "leeg": ["", ""]}, [None, None])
    assert_frame_equal(got.frame.collect(), want)


def test_names_of_columns_without_a_header_may_be_a_plain_list(reads: Reads) -> None:
    got = reads(b"1,2\n3,4\n", ["B"], kop=False, kolommen=["A", "B"])
    assert_frame_equal(got.frame.collect(), frame({"B": ["2", "4"]}, [None, None]))


def test_only_needed_columns_in_delivered_order(reads: Reads) -> None:
    got = reads(b"a,b,c\n1,2,3\n", ["c", "a"])
    assert_frame_equal(got.frame.collect(), frame({"a": ["1"], "c": ["3"]}, [None]))
    assert got.columns == ("a", "b", "c")
    assert got.remarks == ("1 kolom zonder veldtoewijzing: 'b'.",)


def test_forty_digits_stay_whole(reads: Reads) -> None:
    digits = "0123456789" * 4
    assert reads(f"n\n{digits}\n".encode(), ["n"]).frame.collect()["n"].to_list() == [digits]


def test_the_sha256_is_of_the_file_as_delivered(reads: Reads) -> None:
    for encoding in ("utf-8", "utf-16"):
        content = "a\n1\n".encode(encoding)
        got = reads(content, ["a"], codering=encoding)
        assert (got.size, got.sha256) == (len(content), sha256(content).hexdigest())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_line_ends_and_bom(reads: Reads, end: bytes, bom: bytes) -> None:
    got = reads(bom + end.join([b"a,b", b"1,2", b'"3",4']), ["a", "b"])
    assert_frame_equal(got.frame.collect(), frame({"a": ["1", "3"], "b": ["2", "4"]}, [None, None]))


def test_lines_before_the_header_are_skipped(reads: Reads) -> None:
    got = reads(b'VAN;"1\nTM;2\na;b\n1;2\n', ["b"], overslaan=2, scheidingsteken=";")
    assert_frame_equal(got.frame.collect(), frame({"b": ["2"]}, [None]))


def test_without_header_the_mapping_names_the_columns(reads: Reads) -> None:
    got = reads(b"1|2\n3|4", ["y"], kop=False, kolommen=[{"naam": "x"}, {"naam": "y"}], scheidingsteken="|")
    assert_frame_equal(got.frame.collect(), frame({"y": ["2", "4"]}, [None, None]))


def test_header_over_two_lines(reads: Reads) -> None:
    assert reads(b'"a\nb",c\n1,2\n', ["a\nb"]).frame.collect().row(0) == (1, "1", None)


def test_quotes_in_the_middle_are_text(reads: Reads) -> None:
    got = reads(b'a,b\n1,Jan "Piet" Smit\n5",6"\n"x",y\n', ["a", "b"])
    assert got.frame.collect().rows() == [(1, "1", 'Jan "Piet" Smit', None), (2, '5"', '6"', None), (3, "x", "y", None)]


def test_ragged_rows_are_marked_and_kept(reads: Reads) -> None:
    got = reads(b"a,b,c\n1,2,3\n1,2\n1\n1,2,3,\n1,2,3,4,5\n,,\n", ["a", "c"])
    faults = [None, *(f"rij heeft {n}, verwacht 3" for n in ("2 velden", "1 veld", "4 velden", "5 velden")), None]
    want = frame({"a": ["1", "1", "1", "1", "1", ""], "c": ["3", "", "", "3", "3", ""]}, faults)
    assert_frame_equal(got.frame.collect(), want)


def test_ragged_rows_between_quotes_are_marked_and_kept(reads: Reads) -> None:
    got = reads(b'a,b\n"1,\n1","2"\n"3"\n"4","5","6"\n\n7,8\n', ["a", "b"])
    faults = [None, "rij heeft 1 veld, verwacht 2", "rij heeft 3 velden, verwacht 2", None]
    want = frame({"a": ["1,\n1", "3", "4", "7"], "b": ["2", "", "5", "8"]}, faults, rows=[1, 2, 3, 5])
    assert_frame_equal(got.frame.collect(), want)


def test_blank_lines_are_no_records(reads: Reads) -> None:
    got = reads(b"a,b\n1,2\n\n3,4\r\n\r\n", ["a"])
    assert_frame_equal(got.frame.collect(), frame({"a": ["1", "3"]}, [None, None], rows=[1, 3]))


def test_in_one_column_a_blank_line_is_an_empty_cell(reads: Reads) -> None:
    assert reads(b"a\n1\n\n3\n", ["a"]).frame.collect()["a"].to_list() == ["1", "", "3"]


def test_nul_control_characters_and_long_cells_are_marked(reads: Reads) -> None:
    rows = [b"x\0y", b"x\x07y", b"x" * 51, "é".encode() * 50, b"tab\ttab"]
    got = reads(b"a,b\n" + b"".join(b"1," + row + b"\n" for row in rows), ["a", "b"]).frame.collect()
    faults = [f"waarde {w} in kolom 'b'" for w in ("met een NUL-teken", "met een stuurteken", "langer dan 50 tekens")]
    assert got[FAULT].to_list() == [*faults, None, None]
    assert got["b"].to_list() == [row.decode() for row in rows]


BAD = {
    "leeg": (b"", {}, "het bestand is leeg (0 bytes)"),
    "alleen_kop": (b"a,b\n", {}, "geen enkel record"),
    "alleen_kop zonder regeleinde": (b"a,b", {}, "geen enkel record"),
    "codering cp1252": (f"a,b\n1,{SECRET}é\n".encode("cp1252"), {}, "regel 2 is geen utf-8: byte 0xe9"),
    "codering utf-8": (f"a,b\n1,{SECRET}é\n".encode(), {"codering": "cp1252"}, "vermoedelijk utf-8, niet cp1252"),
    "codering c1": ("a,b\n1,€\n".encode("cp1252"), {"codering": "latin-1"}, "vermoedelijk cp1252, niet latin-1"),
    "codering utf-16": ("a,b\n1,é\n".encode("utf-16"), {}, "Vermoedelijk utf-16"),
    "codering bom": ("a,b\n1,é\n".encode("utf-16-le"), {"codering": "utf-16"}, "vermoedelijk utf-16-le, niet utf-16"),
    "codering cp850": ("a,b\n1,éëö\n".encode("cp850"), {}, "Vermoedelijk cp850"),
    "codering ascii": ("a,b\n1,é\n".encode(), {"codering": "ascii"}, "regel 2 is geen ascii: byte 0xc3"),
    "codering in de kop": ("é,b\n1,2\n".encode("cp1252"), {}, "regel 1 is geen utf-8: byte 0xe9"),
    "kolom_ontbreekt": (f"A,b\n{SECRET},2\n".encode(), {}, "1 kolom ontbreekt: 'a' (Bedoelde u 'A'?)"),
    "kolom_ontbreekt scheiding": (b"a;b\n1;2\n", {}, "Met scheidingsteken ';' heeft de kopregel 2 kolommen"),
    "kolom_dubbel": (b"a,b,a\n1,2,3\n", {}, "kolomnaam komt meer dan eens voor: 'a'"),
    "kolom_ontbreekt elke": (b"x\n1\n", {}, "2 kolommen ontbreken: 'a' (geen gelijkende naam); 'b' (geen"),
    "aanhalingsteken": (f'a,b\n1,2\n3,"{SECRET}\n5,6\n'.encode(), {}, "in het record dat op regel 3 begint"),
    "aanhalingsteken even": (f'a,b\n1,"{SECRET}\n"2",3\n'.encode(), {}, "in het record dat op regel 2 begint"),
    "aanhalingsteken regels": (f'a,b\n1,"{SECRET}\n2","3"\n4","5\n'.encode(), {}, "dat op regel 4 begint"),
    "aanhalingsteken tekst": (f'a,b\n1,"{SECRET}" x\n'.encode(), {}, "in het record dat op regel 2 begint"),
    "formaat": (b"%PDF-1.7\n", {}, "dit is een PDF-bestand, geen csv-bestand"),
    "zip": (b"PK\x03\x04" + b"\0" * 20, {}, "het zipbestand is beschadigd of afgebroken."),
}


@pytest.mark.parametrize(("content", "reader", "sentence"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_refused(
    reads: Reads, content: bytes, reader: dict[str, str], sentence: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(RefusedError) as caught:
        reads(content, ["a", "b"], **reader)
    assert caught.value.reason == request.node.callspec.id.split()[0]
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("dump.csv: ")
    assert SECRET not in str(caught.value)
    assert caught.value.exit_code == 3


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="het bestand is er niet"):
        read(tmp_path / "weg.csv", Aanlevering(), ["a"], Limits(), tmp_path / "werk")


def test_agreed_mojibake_is_read(reads: Reads) -> None:
    got = reads("a\né\n".encode(), ["a"], codering="cp1252", decodering="mojibake")
    assert got.frame.collect()["a"].to_list() == ["Ã©"]


def test_double_names_matter_only_when_needed(reads: Reads) -> None:
    got = reads(b"a,b,a\n1,2,3\n", ["b"])
    assert got.frame.collect().rows() == [(1, "2", None)]
    assert "Kolomnaam komt meer dan eens voor: 'a'." in got.remarks


def test_a_file_without_lines_is_refused(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmgb.sources.bytescan.LONGEST_LINE", 2**20)
    with pytest.raises(RefusedError, match="een regel is langer dan 1048576 bytes"):
        reads(b"a\n" + b"1" * 2**21, ["a"])


@pytest.mark.parametrize("quote", [True, False], ids=["quoted", "plain"])
def test_records_across_pieces_of_the_file(reads: Reads, monkeypatch: pytest.MonkeyPatch, quote: bool) -> None:
    monkeypatch.setattr("kmgb.sources.bytescan.CHUNK", 16)
    rows = [(str(n), "é,\n" * (n % 3) if quote else "é" * n) for n in range(20)]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL, lineterminator="\n").writerows(rows)
    got = reads(f"a,b\n{text.getvalue()}20\n".encode(), ["a", "b"]).frame.collect()
    assert got.rows()[:-1] == [(n + 1, *row, None) for n, row in enumerate(rows)]
    assert got.rows()[-1] == (21, "20", "", "rij heeft 1 veld, verwacht 2")


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "cp850", "iso-8859-15"]
# One letter that no single-byte encoding writes as valid UTF-8 keeps the guess at the encoding out of this property.
CELLS = st.text(alphabet=st.sampled_from("aé ,;|\t\"'0\n§x"), max_size=6)


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12),
    st.sampled_from(ENCODINGS),
    st.sampled_from([",", ";", "|", "\t", "§"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_any_table_comes_back_cell_for_cell(
    rows: list[tuple[str, ...]], encoding: str, separator: str, quoting: int, end: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end).writerows([("a", "b", "c"), *rows])  # type: ignore[arg-type]
    reader = Aanlevering(codering=encoding, scheidingsteken=separator)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "dump.csv"
        path.write_bytes(text.getvalue().encode(encoding))
        got = read(path, reader, ["a", "b", "c"], Limits(), Path(folder) / "werk").frame.collect()
    assert got.rows() == [(number, *row, None) for number, row in enumerate(rows, 1)]
