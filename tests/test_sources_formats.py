"""Fixed width, JSON, XML, Parquet and archives: text as delivered, damage refused or marked."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from kmgb.mapping.model import Aanlevering
from kmgb.sources.delivered import Delivered, Limits, RefusedError
from kmgb.sources.read import read, reading

SECRET = "Geheimzinnig"
Reads = Callable[..., Delivered]
NASTY = "Żywiałowska|'\"; =1+1 \n\t<b>&amp;"


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    def _reads(content: bytes, needed: list[str], limits: Limits | None = None, **reader: object) -> Delivered:
        path = tmp_path / "dump.dat"
        path.write_bytes(content)
        return read(path, Aanlevering.model_validate(reader), needed, limits or Limits(), tmp_path / "werk")

    return _reads


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name.replace("__", "/").replace("_", ".").replace("~", "_"), member)
    return content.getvalue()


def refused(reads: Reads, content: bytes, needed: list[str], reason: str, **reader: object) -> str:
    with pytest.raises(RefusedError) as caught:
        reads(content, needed, **reader)
    assert caught.value.reason == reason
    assert SECRET not in str(caught.value)
    return str(caught.value)


FIXED = {"formaat": "vast", "kolommen": [{"naam": "a", "breedte": 3}, {"naam": "b", "breedte": 4}]}


def test_fixed_width_keeps_leading_and_drops_padding(reads: Reads) -> None:
    got = reads("007 é  \r\n  1xy\nabc\n".encode(), ["a", "b"], **FIXED)
    assert got.frame.collect().rows() == [(1, "007", " é", None), (2, "  1", "xy", None), (3, "abc", "", None)]


def test_fixed_width_lines_of_another_length_are_marked(reads: Reads) -> None:
    got = reads(b"kop\nab\n1234567  \n12345678\n", ["a"], overslaan=1, **FIXED).frame.collect()
    short = "regel is korter dan de eerste 3 tekens die de kolommen vragen"
    assert got.rows() == [(1, "ab", short), (2, "123", None), (3, "123", "regel is langer dan 7 tekens")]


def test_fixed_width_in_another_encoding(reads: Reads) -> None:
    got = reads("abcéë\n".encode("cp850"), ["b"], codering="cp850", **FIXED)
    assert got.frame.collect()["b"].to_list() == ["éë"]
    assert "Vermoedelijk cp1252" in refused(reads, "abcéë\n".encode("cp1252"), ["b"], "codering", **FIXED)


JSON = '[{"n": %s, "f": 7.10, "e": 1E3, "t": true, "leeg": null, "o": {"p": "x"}, "l": [1, null, "a"], "r": []}]'


def test_json_numbers_are_the_text_of_the_file(reads: Reads) -> None:
    digits = "1234567890" * 4
    names = ["n", "f", "e", "t", "leeg", "o.p", "l", "r"]
    got = reads((JSON % digits).encode(), names, formaat="json").frame.collect()
    assert got.rows() == [(1, digits, "7.10", "1E3", "true", None, "x", "1||a", "", None)]


def test_json_lists_of_objects_join_each_leaf(reads: Reads) -> None:
    got = reads(b'[{"k": [{"a": 1, "b": {"c": 2}}, {"b": {"c": 3}}]}]', ["k.a", "k.b.c"], formaat="json")
    assert got.frame.collect().rows() == [(1, "1|", "2|3", None)]


def test_json_array_deep_in_an_object(reads: Reads) -> None:
    content = b'{"kop": {"x": [1, 2]}, "data": {"n": 1, "rijen": [{"a": 1}, {"a": 22}]}, "slot": 1}'
    got = reads(content, ["a"], formaat="json", record="data.rijen")
    assert got.frame.collect()["a"].to_list() == ["1", "22"]
    assert "het pad 'data.rij'" in refused(reads, content, ["a"], "record", formaat="json", record="data.rij")


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_json_read_in_pieces_of_any_size(reads: Reads, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("kmgb.sources.json_cursor._CHUNK", size)
    got = reads('[{"a": 1234, "b": "é\\u00e9"}, {"a": -0.50}]'.encode(), ["a", "b"], formaat="json").frame.collect()
    assert got.rows() == [(1, "1234", "éé", None), (2, "-0.50", None, None)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f'[{{"a": "{SECRET}"}}, {{"a": "{SECRET}', "json"),
        (f'[{{"a": "{SECRET}"}}', "json"),
        (f'[{{"a": "{SECRET}"}} {{"a": 1}}]', "json"),
        ('[{"a": 1}] {}', "json"),
        ('[{"a": 1, "a": 2}]', "json"),
        ("[" * 100_000, "json"),
        ('{"a": 1}', "record"),
        ("[]", "geen_records"),
        ("", "leeg"),
        ('[{"b": 1}]', "kolom_ontbreekt"),
    ],
    ids=["cut", "open", "comma", "more", "double", "deep", "object", "none", "empty", "column"],
)
def test_bad_json_is_refused(reads: Reads, content: str, reason: str) -> None:
    refused(reads, content.encode(), ["a"], reason, formaat="json")


def test_jsonl_keeps_a_row_for_every_line(reads: Reads) -> None:
    deep = '{"a":' * 100_000
    lines = ['{"a": "x\\u0000"}', '{"a": ', "[1]", "", '{"a": 1, "a": 2}', deep, '{"a": 2}']
    got = reads("\n".join(lines).encode(), ["a"], formaat="jsonl").frame.collect()
    broken = "record is geen geldige JSON"
    assert got.rows() == [
        (1, "x\0", "waarde met een NUL-teken in kolom 'a'"),
        (2, None, broken),
        (3, None, "record is geen JSON-object"),
        (4, None, "record noemt een sleutel twee keer"),
        (5, None, broken),
        (6, "2", None),
    ]
    assert "regel 2 is geen utf-8" in refused(reads, b'{"a": 1}\n{"a": "\xe9"}\n', ["a"], "codering", formaat="jsonl")


@pytest.mark.parametrize("formaat", ["json", "jsonl"])
def test_half_a_character_is_a_fault_of_its_record(reads: Reads, formaat: str) -> None:
    records = [r'{"k": 1, "a": "x\ud800", "b": 2}', r'{"k": 2, "a": "\ud83d\ude00", "\udc00": "\ud800"}', '{"k": 3}']
    content = "\n".join(records) if formaat == "jsonl" else f"[{','.join(records)}]"
    got = reads(content.encode(), ["k", "a"], formaat=formaat)
    assert got.frame.collect().rows() == [
        (1, "1", "x\ufffd", "een tekst bevat een half teken (surrogaat) in kolom 'a'"),
        (2, "2", "\U0001f600", None),
        (3, "3", None, None),
    ]
    assert got.columns == ("k", "a", "b", "\ufffd")


def test_batches_keep_order_and_count(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmgb.sources.batches.BATCH", 3)
    content = "\n".join(f'{{"a": {n}}}' for n in range(10)).encode()
    got = reads(content, ["a"], formaat="jsonl").frame.collect()
    assert got.rows() == [(n + 1, str(n), None) for n in range(10)]


def test_a_column_in_no_record_is_a_remark(reads: Reads) -> None:
    got = reads(b'[{"naam": 1}]', ["naam", "namm"], formaat="json")
    assert got.frame.collect().rows() == [(1, "1", None, None)]
    assert got.remarks == ("Kolom 'namm' komt in geen enkel record voor. Bedoelde u 'naam'?",)


def test_json_zip_one_object_per_file(reads: Reads) -> None:
    content = zipped(b_json=b'{"a": 2}', a_json=b'{"a": 1}', c_json=b"{", lees_txt=b"x")
    got = reads(content, ["a"], formaat="json", binnen="*.json").frame.collect()
    assert got.rows() == [(1, "1", None), (2, "2", None), (3, None, "record is geen geldige JSON")]
    assert "past bij '*.jsn'" in refused(reads, content, ["a"], "binnen", formaat="json", binnen="*.jsn")


XML = """<?xml version="1.0" encoding="UTF-8"?><!-- x -->
<s xmlns="urn:a" xmlns:x="urn:b"><kop><id>0</id></kop>
 <x:P soort="N"><id domein="d">007</id><doel>a</doel><doel>b</doel><v><w x:leeg="geen"/></v><!-- y --></x:P>
 <x:P><id>8</id><P><id>9</id></P></x:P></s>"""


def test_xml_leaves_become_columns_by_path(reads: Reads) -> None:
    names = ["@soort", "id@domein", "id", "doel", "v/w@leeg", "v/w", "P/id"]
    got = reads(XML.encode(), names, formaat="xml", record="P")
    assert got.columns == tuple(names)
    assert got.frame.collect().rows() == [
        (1, "N", "d", "007", "a|b", "geen", "", None, None),
        (2, None, None, "8", None, None, None, "9", None),
    ]


def test_xml_text_is_as_delivered(reads: Reads) -> None:
    content = f"<s><r><a><![CDATA[{NASTY}]]></a></r></s>".encode()
    assert reads(content, ["a"], formaat="xml", record="r").frame.collect()["a"].to_list() == [NASTY]


def test_xml_of_many_records_in_small_pieces(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmgb.sources.trees.CHUNK", 10)
    content = "<s>" + "".join(f"\n <q>tekst</q> los <r><a>{n}</a></r>" for n in range(200)) + "</s>"
    got = reads(content.encode(), ["a"], formaat="xml", record="r").frame.collect()
    assert got["a"].to_list() == [str(n) for n in range(200)]


LAUGHS = '<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><s><r><a>&b;</a></r></s>'
OUTSIDE = '<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><s><r><a>&a;</a></r></s>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"<s><r><a>{SECRET}</a></r><r>", "xml"),
        (f"<s><r><a>{SECRET}</b></r></s>", "xml"),
        (SECRET, "xml"),
        (LAUGHS, "xml_entiteiten"),
        (OUTSIDE, "xml_entiteiten"),
        ("<s><q/></s>", "geen_records"),
        ("<s><r><b>1</b></r></s>", "kolom_ontbreekt"),
    ],
    ids=["cut", "crossed", "text", "laughs", "outside", "none", "column"],
)
def test_bad_xml_is_refused(reads: Reads, content: str, reason: str) -> None:
    refused(reads, content.encode(), ["a"], reason, formaat="xml", record="r")


def test_xml_in_nested_zips(reads: Reads) -> None:
    inner = [f"<s><r><a>{n}</a></r></s>".encode() for n in range(4)]
    content = zipped(PND_zip=zipped(x_xml=inner[0]), VBO_zip=zipped(y_xml=inner[1], z_xml=inner[2]), los_xml=inner[3])
    everything = reads(content, ["a"], formaat="xml", record="r").frame.collect()
    assert everything["a"].to_list() == ["0", "1", "2", "3"]
    one = reads(content, ["a"], formaat="xml", record="r", binnen="VBO*").frame.collect()
    assert one["a"].to_list() == ["1", "2"]


def test_names_in_an_archive_write_nothing(reads: Reads, tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../buiten.xml", "<s><r><a>1</a></r></s>")
    got = reads(content.getvalue(), ["a"], formaat="xml", record="r")
    assert got.frame.collect()["a"].to_list() == ["1"]
    assert not list(tmp_path.parent.rglob("buiten.xml"))


def test_zip_bombs_are_refused(reads: Reads) -> None:
    bomb = zipped(x_xml=b" " * 10_000_000)
    nested = zipped(x_zip=bomb)
    for content in (bomb, nested):
        assert "zipbom" in refused(reads, content, ["a"], "zipbom", formaat="xml", record="r")
    small = Limits(max_unpacked=1000)
    parts = {f"{n}_zip": zipped(x_xml=b"<s>" + b"<r/>" * 150 + b"</s>") for n in range(3)}
    refused(reads, zipped(**parts), ["a"], "zipbom", formaat="xml", record="r", limits=small)
    deep = zipped(x_xml=b"<s/>")
    for _ in range(5):
        deep = zipped(x_zip=deep)
    assert "lagen" in refused(reads, deep, ["a"], "zipbom", formaat="xml", record="r")


PACKED: dict[str, tuple[bytes, dict[str, object]]] = {
    "one csv": (zipped(dump_csv=b"a\n1\n"), {}),
    "one csv beside others": (zipped(lees__mij_md=b"x", map__dump_CSV=b"a\n1\n"), {}),
    "the only file": (zipped(export_uit=b"a\n1\n"), {}),
    "named": (zipped(een_csv=b"b\n", twee_csv=b"a\n1\n"), {"binnen": "twee*"}),
    "zip in zip": (zipped(binnen_zip=zipped(x_csv=b"a\n1\n")), {}),
    "gz": (gzip.compress(b"a\n1\n"), {}),
    "gz of xml": (gzip.compress(b"<s><r><a>1</a></r></s>"), {"formaat": "xml", "record": "r"}),
    "lines of json": (zipped(x_jsonl=b'{"a": 1}\n'), {"formaat": "jsonl"}),
    "fixed width": (zipped(x_txt=b"1  \n"), {"formaat": "vast", "kolommen": [{"naam": "a", "breedte": 3}]}),
}


@pytest.mark.parametrize(("content", "reader"), PACKED.values(), ids=PACKED.keys())
def test_a_packed_file_is_read_as_the_one_in_it(reads: Reads, content: bytes, reader: dict[str, object]) -> None:
    got = reads(content, ["a"], **reader)
    assert got.frame.collect().rows() == [(1, "1", None)]
    assert (got.sha256, got.size) == (sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize(
    ("content", "reader", "reason", "sentence"),
    [
        (
            zipped(a_csv=b"a\n", b_txt=b"a\n"),
            {},
            "binnen",
            "2 bestanden in het zipbestand kunnen het zijn. Noem er met",
        ),
        (zipped(a_csv=b"a\n"), {"binnen": "b*"}, "binnen", "geen bestand in het zipbestand past bij 'b*'."),
        (zipped(a_csv=b""), {}, "leeg", "het bestand is leeg (0 bytes)."),
        (zipped(a_csv=b"b\n1\n"), {}, "kolom_ontbreekt", "dump.dat: 1 kolom ontbreekt: 'a'"),
        (zipped(a_csv=b"a\n" + b" " * 10_000_000), {}, "zipbom", "zipbom"),
        (
            gzip.compress(b"a\n" + b" " * 10_000_000),
            {},
            "zipbom",
            "uitgepakt is het gz-bestand meer dan 4194304 bytes.",
        ),
        (gzip.compress(b"a\n1\n")[:-9], {}, "zip", "het gz-bestand is beschadigd of afgebroken."),
        (zipped(a_csv=b"a\n1\n")[:-9], {}, "zip", "het zipbestand is beschadigd of afgebroken."),
        (zipped(xl__workbook_xml=b"", **{"[Content~Types]_xml": b""}), {}, "formaat", "dit is een Office-bestand"),
    ],
    ids=["two", "named", "empty", "names the pack", "zip bomb", "gz bomb", "gz cut", "zip cut", "xlsx"],
)
def test_a_pack_without_the_one_file_is_refused(
    reads: Reads, content: bytes, reader: dict[str, object], reason: str, sentence: str
) -> None:
    assert sentence in refused(reads, content, ["a"], reason, **reader)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (pl.exceptions.ShapeError(SECRET), "niet alle records hebben evenveel velden."),
        (pl.exceptions.SchemaError(SECRET), "de kolommen zijn niet overal in het bestand gelijk."),
        (pl.exceptions.ComputeError(SECRET), "het bestand is beschadigd of anders opgebouwd dan afgesproken."),
    ],
)
def test_what_polars_meets_is_said_in_dutch(error: Exception, sentence: str) -> None:
    with pytest.raises(RefusedError) as caught, reading(Path("dump.csv")):
        raise error
    assert str(caught.value) == f"dump.csv: {sentence} Vraag een nieuwe aanlevering."


@pytest.mark.parametrize("formaat", ["xml", "json", "xlsx"])
def test_damaged_archives_are_refused(reads: Reads, formaat: str) -> None:
    whole = zipped(x_xml=b"<s><r><a>" + bytes(range(65, 90)) * 40 + b"</a></r></s>", x_json=b'{"a": 1}')
    refused(reads, whole[:-30], ["a"], "zip", formaat=formaat, record="r" if formaat == "xml" else "")
    if formaat == "xml":
        broken = whole[:60] + b"\0\0\0" + whole[63:]
        refused(reads, broken, ["a"], "zip", formaat="xml", record="r", binnen="x.xml")


@pytest.fixture
def parquet(tmp_path: Path) -> bytes:
    columns = {
        "bsn": ["007", None],
        "n": [7, 8],
        "f": [7.0, 0.5],
        "d": [date(2020, 1, 2), None],
        "m": [datetime.fromisoformat("2020-01-02T03:04:05"), None],
        "b": [True, False],
        "c": [Decimal("1.10"), None],
        "l": [[1, None], []],
        "s": [{"x": {"y": "z"}}, None],
        "lo": [[{"x": 1}], None],
    }
    pl.DataFrame(columns).write_parquet(tmp_path / "x.parquet")
    return (tmp_path / "x.parquet").read_bytes()


def test_parquet_values_become_text(reads: Reads, parquet: bytes) -> None:
    got = reads(parquet, ["bsn", "n", "f", "d", "m", "b", "c", "l", "s.x.y", "lo"], formaat="parquet").frame.collect()
    assert got.rows() == [
        (1, "007", "7", "7", "2020-01-02", "2020-01-02 03:04:05", "true", "1.10", "1|", "z", '{"x":1}', None),
        (2, None, "8", "0.5", None, None, "false", None, "", None, None, None),
    ]


def test_bad_parquet_is_refused(reads: Reads, parquet: bytes) -> None:
    refused(reads, parquet[:-10], ["n"], "afgebroken", formaat="parquet")
    refused(reads, b"bsn\n1\n", ["n"], "formaat", formaat="parquet")
    refused(reads, parquet[:100] + parquet[-8:], ["n"], "parquet", formaat="parquet")
    assert "Bedoelde u 'bsn'" in refused(reads, parquet, ["bsm"], "kolom_ontbreekt", formaat="parquet")


def test_damage_found_while_reading_rows_is_a_refusal_too(reads: Reads, parquet: bytes, tmp_path: Path) -> None:
    got = reads(b"PAR1" + b"\xff" * 60 + parquet[64:], ["bsn"], formaat="parquet")
    with pytest.raises(RefusedError, match=r"dump\.dat: het bestand is beschadigd"), reading(tmp_path / "dump.dat"):
        got.frame.collect()
