"""Whatever is done to a pack shows: to its bytes, its rows, its figures, its audit log, or to the archive itself."""

from __future__ import annotations

import io
import json
import re
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from packs import contents, play, repacked
from typer.testing import CliRunner

from kmgb.cli.main import app
from kmgb.errors import ReportError
from kmgb.report.pack.forms import Forms, form_names
from kmgb.report.pack.tables import TABLES
from kmgb.run.pack.export import Exported, Request, export_pack
from kmgb.run.pack.verify import verify_pack

Files = dict[str, bytes]
Change = Callable[[Files], None]
AUDIT, MANIFEST = "audit/audit.jsonl", "manifest.json"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("bewijs")
    request = Request(date(2026, 1, 1), date(2026, 12, 31), (), (), "A. Auditor")
    now = datetime(2027, 3, 1, 9, tzinfo=UTC)
    return export_pack(play(folder).municipality, request, folder / "bewijs.zip", now=now)


def flip(name: str) -> Change:
    """One bit of a file is another."""

    def change(files: Files) -> None:
        content = bytearray(files[name])
        content[len(content) // 2] ^= 1
        files[name] = bytes(content)

    return change


def less(name: str) -> Change:
    """The last row of one form is gone."""

    def change(files: Files) -> None:
        if name.endswith(".parquet"):
            frame, sink = pl.read_parquet(files[name]), io.BytesIO()
            frame.head(frame.height - 1).write_parquet(sink)
            files[name] = sink.getvalue()
        else:
            files[name] = b"".join(files[name].splitlines(keepends=True)[:-1])

    return change


def without(name: str) -> Change:
    def change(files: Files) -> None:
        del files[name]

    return change


def put(name: str, content: bytes) -> Change:
    def change(files: Files) -> None:
        files[name] = content

    return change


def replaced(name: str, old: bytes, new: bytes) -> Change:
    def change(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return change


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Change:
    """Other lines in the audit log, and their number in the manifest made to fit."""

    def apply(files: Files) -> None:
        found = change(files[AUDIT].splitlines(keepends=True))
        manifest = json.loads(files[MANIFEST])
        manifest["audit"]["regels"] = len(found)
        files |= {AUDIT: b"".join(found), MANIFEST: json.dumps(manifest).encode()}

    return apply


def table(name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Change:
    """Other rows in all three forms alike, and their number in the manifest made to fit."""

    def apply(files: Files) -> None:
        names = form_names(TABLES[name]).values()
        rows = change(pl.read_parquet(files[f"parquet/{name}.parquet"]))
        with tempfile.TemporaryDirectory() as folder:
            with Forms(Path(folder), TABLES[name]) as forms:
                forms.add(rows)
            files |= {path: (Path(folder) / path).read_bytes() for path in names}
        manifest = json.loads(files[MANIFEST])
        for file in manifest["bestanden"]:
            file["rijen"] = rows.height if file["naam"] in names else file["rijen"]
        files[MANIFEST] = json.dumps(manifest).encode()

    return apply


def moved(column: str, by: int) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The first filled cell of a column of numbers is another number."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        first = pl.col(column).is_not_null() & (pl.col(column).is_not_null().cum_sum() == 1)
        return frame.with_columns(pl.when(first).then(pl.col(column) + by).otherwise(column).alias(column))

    return change


def other(column: str, text: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The last cell of a column of texts is another text."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        last = pl.int_range(pl.len()) == pl.len() - 1
        return frame.with_columns(pl.when(last).then(pl.lit(text)).otherwise(column).alias(column))

    return change


def later(column: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Every moment of a column is a minute later."""
    return lambda frame: frame.with_columns(pl.col(column) + pl.duration(minutes=1))


def nothing(column: str, text: str | None = None) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The first cell is empty, or a text that kmgb never writes."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        first = pl.int_range(pl.len()) == 0
        empty = pl.lit(text).cast(frame.schema[column])
        return frame.with_columns(pl.when(first).then(empty).otherwise(column).alias(column))

    return change


def in_quarantine(runs: pl.DataFrame) -> pl.DataFrame:
    """A run that judged nothing has an outcome."""
    this = pl.col("status") == "quarantaine"
    return runs.with_columns(pl.when(this).then(100).otherwise("total").cast(pl.Int64).alias("total"))


def one_more(group: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The first count of a group is one more."""

    def change(counts: pl.DataFrame) -> pl.DataFrame:
        this = (pl.col("groep") == group) & ((pl.col("groep") == group).cum_sum() == 1)
        return counts.with_columns(pl.col("aantal") + this.cast(pl.Int64))

    return change


def more_severe(counts: pl.DataFrame) -> pl.DataFrame:
    """One finding more of one severity in one run."""
    this = (pl.col("run_id") == 2) & (pl.col("groep") == "ernst") & (pl.col("naam") == "hoog")
    return counts.with_columns(pl.col("aantal") + this.cast(pl.Int64))


def test_what_was_not_touched_stays_whole(written: Exported, tmp_path: Path) -> None:
    same = repacked(written.path, tmp_path / "zelfde.zip", lambda files: None, sums=True)
    assert verify_pack(same).faults == ()


@pytest.mark.parametrize(("before", "behind"), [(b"x", b""), (b"", b"x"), (b"PK", b"\0" * 40)])
def test_nothing_hides_before_or_behind_a_pack(written: Exported, tmp_path: Path, before: bytes, behind: bytes) -> None:
    path = tmp_path / "meer.zip"
    path.write_bytes(before + written.path.read_bytes() + behind)
    (fault,) = verify_pack(path).faults
    assert fault in (
        "er staat iets voor of achter het pakket in het bestand.",
        "geweigerd: het zipbestand is beschadigd of afgebroken.",
    )


def test_a_comment_in_the_zip_is_no_part_of_a_pack(written: Exported, tmp_path: Path) -> None:
    path = tmp_path / "meer.zip"
    path.write_bytes(written.path.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"gelezen en akkoord"
    assert verify_pack(path).faults == ("er staat iets voor of achter het pakket in het bestand.",)


def test_a_disk_that_is_full_accuses_no_pack(written: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, mode: str = "r", **_: object) -> io.RawIOBase:
        stream = io.FileIO("/dev/full", "w") if mode == "wb" else real(self, mode)
        return stream  # type: ignore[return-value]

    real = Path.open
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ReportError, match="TMPDIR"):
        verify_pack(written.path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (flip("csv/bevindingen.csv"), "csv/bevindingen.csv is veranderd: de sha256 is niet die van het manifest."),
        (flip("parquet/versies.parquet"), "parquet/versies.parquet is veranderd"),
        (flip("LEESMIJ.md"), "LEESMIJ.md is veranderd"),
        (flip("SHA256SUMS"), "SHA256SUMS is veranderd"),
        (less("json/runs.jsonl"), "json/runs.jsonl telt "),
        (without("json/audit.jsonl"), "'json/audit.jsonl' ontbreekt."),
        (put("extra.csv", b"x"), "extra.csv hoort er niet bij"),
        (without(MANIFEST), "manifest.json ontbreekt."),
        (put(MANIFEST, b"{}"), "manifest.json is geen manifest van een bewijspakket."),
        (replaced(MANIFEST, b'"totaal"', b'"totalen"'), "manifest.json is geen manifest van een bewijspakket."),
        (replaced(MANIFEST, b'"eerste_regel": ', b'"eerste_regel": 9' + b"9" * 40), "manifest.json is geen manifest"),
        (replaced(MANIFEST, b'"eerste_regel": ', b'"eerste_regel": -'), "manifest.json is geen manifest"),
    ],
    ids=[
        "csv",
        "parquet",
        "readme",
        "sums",
        "row",
        "absent",
        "extra",
        "no manifest",
        "other",
        "shape",
        "huge",
        "below nought",
    ],
)
def test_a_change_shows_by_its_sum(written: Exported, tmp_path: Path, change: Change, said: str) -> None:
    faults = verify_pack(repacked(written.path, tmp_path / "x.zip", change)).faults
    assert any(fault.startswith(said) for fault in faults), faults


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (less("csv/bevindingen.csv"), r"csv/bevindingen.csv telt \d+ rijen; het manifest zegt \d+\."),
        (less("json/tellingen.jsonl"), "json/tellingen.jsonl telt "),
        (less("parquet/versies.parquet"), "parquet/versies.parquet telt "),
        (replaced("csv/runs.csv", b"gereed", b"gered"), "csv/runs.csv: 1 rijen zeggen iets anders dan de Parquet."),
        (replaced("json/runs.jsonl", b"gereed", b"gered"), "json/runs.jsonl: 1 rijen zeggen iets anders"),
        (replaced("csv/runs.csv", b"titel", b"titels"), "runs: ten minste één vorm is niet te lezen als deze tabel."),
        (put("json/runs.jsonl", b"{"), "json/runs.jsonl telt 1 rijen; het manifest zegt 9."),
        (put("parquet/runs.parquet", b"PAR1 geen parquet PAR1"), "runs: ten minste één vorm is niet te lezen"),
        (lines(lambda all_: all_[:-1]), "audit/audit.jsonl: de laatste regel is niet die van het manifest."),
        (lines(lambda all_: all_[1:]), "audit/audit.jsonl: regel 1 sluit niet aan op de regel ervoor."),
        (lines(lambda all_: [all_[0], *all_[2:]]), "audit/audit.jsonl: regel 2 sluit niet aan"),
        (replaced(AUDIT, b"klopt", b"hapert"), r"audit/audit.jsonl: regel \d sluit niet aan"),
        (table("audit", moved("line", 1)), "audit: de tabel zegt iets anders dan audit/audit.jsonl."),
        (table("documenten", lambda rows: rows.head(1)), r"documenten: '[\w/.-]+' staat niet in de lijst\."),
        (table("tellingen", more_severe), "run 2: volgens de bevindingen 2 hoog, volgens de run 3."),
        (table("bevindingen", moved("closed_run", -1)), r"bevinding \d "),
        (table("bevindingen", moved("opened_run", 3)), r"bevinding \d heeft "),
        (table("bevindingen", lambda rows: rows.head(rows.height - 1)), r"bevinding \d heeft een versie en is er niet"),
        (table("versies", lambda rows: rows.head(rows.height - 1)), r"bevinding \d heeft bij haar opening geen versie"),
        (table("onbekend", lambda rows: rows.clear()), r"run 4: volgens de bevindingen 3 afwijkend, volgens de run 2"),
        (table("bevindingen", other("severity", "laag")), r"bevinding \d heeft een andere severity dan haar laatste versie"),
        (table("bevindingen", other("cause", "onderweg")), r"bevinding \d heeft een andere cause dan haar laatste versie"),
        (table("bevindingen", later("first_seen")), r"bevinding \d heeft in first_seen een ander moment"),
        (table("bevindingen", later("closed")), r"bevinding \d heeft in closed een ander moment"),
        (table("versies", later("since")), r"bevinding \d heeft een versie met een ander moment"),
        (table("runs", lambda rows: pl.concat([rows, rows.head(1)])), r"runs: 2 rijen staan er meer dan eens\."),
        (table("runs", nothing("run_id")), r"runs: \d rijen hebben geen run_id\."),
        (table("runs", nothing("status", "x")), r"run \d: "),
        (table("runs", in_quarantine), r"runs: 1 runs in quarantaine hebben een uitkomst"),
        (table("tellingen", lambda rows: pl.concat([rows, rows.tail(1)])), r"tellingen: 2 rijen staan er meer dan eens\."),
        (table("tellingen", one_more("ernst")), r"run \d: volgens de bevindingen \d \w+, volgens de run \d"),
        (table("velden", moved("run_id", 900)), r"velden: run_id noemt 1 keer iets dat niet in runs staat\."),
        (table("besluiten", lambda rows: rows.clear()), r"onderdrukkingen: decision noemt \d keer iets"),
        (table("aanleveringen", lambda rows: rows.clear()), r"runs: distributie_id noemt \d keer iets"),
        (table("runs", other("veldtoewijzing", "0" * 64)), r"runs: veldtoewijzing noemt 1 keer iets dat niet in documenten"),
        (put("csv/runs.csv", b"\xff\xfe"), r"csv/runs.csv telt|runs: ten minste"),
        (lines(lambda found: [b"[" * 200_000 + b"\n", *found]), r"audit|de inhoud is niet na te gaan"),
        (table("runs", moved("opened", 1)), "run 2: opened is volgens de run 4, volgens de bevindingen 3."),
        (table("runs", moved("total", 1)), "run 2: het manifest noemt andere aantallen"),
        (replaced(MANIFEST, b'"totaal":0', b'"totaal":1'), "run 1: het manifest noemt andere aantallen"),
    ],
)  # fmt: skip
def test_a_change_shows_also_when_all_sums_are_made_to_fit(
    written: Exported, tmp_path: Path, change: Change, said: str
) -> None:
    def compact(files: Files) -> None:
        files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]), separators=(",", ":")).encode()
        change(files)

    pack = repacked(written.path, tmp_path / "x.zip", compact, sums=True)
    pattern = re.compile(said)
    faults = verify_pack(pack).faults
    assert any(pattern.match(fault) for fault in faults), faults
    assert verify_pack(pack, written.manifest_sha256).faults[0].startswith("manifest.json is veranderd")


def test_a_figure_moved_between_kinds_everywhere_shows_in_the_intervals(written: Exported, tmp_path: Path) -> None:
    """The manifest and the counts say the same lie; the findings do not."""

    def lie(files: Files) -> None:
        manifest = json.loads(files[MANIFEST])
        (run,) = (one for one in manifest["runs"] if one["run"] == 2)
        run["soorten"] |= {"afwijkend": 1, "cosmetisch": 1}
        files[MANIFEST] = json.dumps(manifest).encode()
        ours = (
            (pl.col("run_id") == 2) & (pl.col("groep") == "soorten") & pl.col("naam").is_in(["afwijkend", "cosmetisch"])
        )
        table("tellingen", lambda rows: rows.with_columns(
            pl.when(ours).then(pl.lit(1)).otherwise("aantal").cast(pl.Int64).alias("aantal")))(files)  # fmt: skip

    assert verify_pack(repacked(written.path, tmp_path / "x.zip", lie, sums=True)).faults == (
        "run 2: volgens de bevindingen 2 afwijkend, volgens de run 1.",
        "run 2: volgens de bevindingen 0 cosmetisch, volgens de run 1.",
    )


@pytest.mark.parametrize("name", ["../weg.csv", "/etc/passwd", "csv\\runs.csv", "csv/../../weg", "a/b/c.csv"])
def test_a_name_that_leads_elsewhere_is_refused(written: Exported, tmp_path: Path, name: str) -> None:
    pack = repacked(written.path, tmp_path / "x.zip", put(name, b"x"))
    before = sorted(tmp_path.rglob("*"))
    (fault,) = verify_pack(pack).faults
    assert fault == f"{name!r} is geen naam die in een bewijspakket voorkomt."
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_that_occurs_twice_is_refused(written: Exported, tmp_path: Path) -> None:
    pack = repacked(written.path, tmp_path / "x.zip", lambda files: None)
    with zipfile.ZipFile(pack, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("csv/runs.csv", b"anders")
    assert verify_pack(pack).faults == ("'csv/runs.csv' staat er 2 keer in.",)


def test_a_link_is_refused(written: Exported, tmp_path: Path) -> None:
    pack = repacked(written.path, tmp_path / "x.zip", without("csv/runs.csv"))
    link = zipfile.ZipInfo("csv/runs.csv")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(pack, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert verify_pack(pack).faults == ("'csv/runs.csv' is geen gewoon bestand maar een verwijzing, map of apparaat.",)


def test_a_bomb_is_refused_unopened(written: Exported, tmp_path: Path) -> None:
    pack = repacked(written.path, tmp_path / "x.zip", put("csv/runs.csv", bytes(300 * 2**20)))
    (fault,) = verify_pack(pack).faults
    assert fault.startswith("geweigerd: uitgepakt is het zipbestand ")


def test_a_file_larger_than_the_manifest_says_is_not_unpacked(written: Exported, tmp_path: Path) -> None:
    pack = repacked(written.path, tmp_path / "x.zip", put("csv/runs.csv", b"x" * 2**20))
    assert any(fault.startswith("csv/runs.csv telt 1048576 bytes;") for fault in verify_pack(pack).faults)


def test_every_byte_of_the_files_counts(written: Exported, tmp_path: Path) -> None:
    """Bytes of the archive itself: wherever a file's own bytes are hit, it is told."""
    whole = written.path.read_bytes()
    with zipfile.ZipFile(written.path) as archive:
        places = [(info.filename, info.header_offset) for info in archive.infolist() if info.compress_size > 100]
    pack = tmp_path / "x.zip"
    for name, place in places:
        spoiled = bytearray(whole)
        spoiled[place + 30 + len(name) + 60] ^= 0xFF
        pack.write_bytes(spoiled)
        assert verify_pack(pack).faults, name


@pytest.mark.parametrize("content", [b"", b"geen zip", b"PK\x03\x04 afgebroken"], ids=["empty", "text", "cut"])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    pack = tmp_path / "x.zip"
    pack.write_bytes(content)
    assert verify_pack(pack).faults == ("geweigerd: het zipbestand is beschadigd of afgebroken.",)


def test_half_a_pack_is_told(written: Exported, tmp_path: Path) -> None:
    pack = tmp_path / "x.zip"
    content = written.path.read_bytes()
    pack.write_bytes(content[: len(content) // 2])
    assert verify_pack(pack).faults == ("geweigerd: het zipbestand is beschadigd of afgebroken.",)


def test_every_fault_is_named_and_the_exit_code_says_so(written: Exported, tmp_path: Path) -> None:
    def change(files: Files) -> None:
        flip("csv/runs.csv")(files)
        flip("json/versies.jsonl")(files)
        put("extra.csv", b"x")(files)

    pack = repacked(written.path, tmp_path / "x.zip", change)
    told = CliRunner().invoke(app, ["history", "verify", str(pack)])
    assert (told.exit_code, told.stdout) == (3, "")
    assert sorted(line.partition(": ")[2].split(" ")[0] for line in told.stderr.splitlines()) == [
        "csv/runs.csv", "extra.csv", "json/versies.jsonl",
    ]  # fmt: skip
    absent = CliRunner().invoke(app, ["history", "verify", str(tmp_path / "weg.zip")])
    assert (absent.exit_code, absent.stderr) == (3, "weg.zip: het bestand bestaat niet.\n")


def test_faults_never_hold_a_value(written: Exported, tmp_path: Path) -> None:
    def change(files: Files) -> None:
        files["csv/besluiten.csv"] = files["csv/besluiten.csv"].replace(b"toch fout", b"999900067\x00,,,,")

    faults = verify_pack(repacked(written.path, tmp_path / "x.zip", change, sums=True)).faults
    assert faults
    assert "9999" not in "".join(faults)
    assert contents(written.path).keys() > {MANIFEST}
