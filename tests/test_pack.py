"""The evidence pack: what is in it, that its three forms agree, and that it gives the figures of the reports again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import stat
import subprocess
import zipfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from packs import Town, contents, parquet, play, rows_of
from typer.testing import CliRunner

from kmgb.arrival.audit import AUDIT_FILE, broken_line, facts_in, first_break, record
from kmgb.arrival.lines import whole_lines
from kmgb.catalogue.fields import catalogue_files, load_catalogue
from kmgb.cli.main import app
from kmgb.errors import KmgbError
from kmgb.report.load import load_run
from kmgb.report.pack.tables import TABLES
from kmgb.run.pack.export import Exported, Request, export_pack
from kmgb.run.pack.verify import verify_pack
from kmgb.store.runs import DONE, NewRun

LATER = datetime(2027, 3, 1, 9, tzinfo=UTC)
WHOLE_YEAR = Request(date(2026, 1, 1), date(2026, 12, 31), (), (), "A. Auditor")
BSNS = ("999900067", "999900079", "999900092", "999900109", "999900110", "999900122")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return play(tmp_path_factory.mktemp("bewijs"))


@pytest.fixture(scope="module")
def pack(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _exported(town, tmp_path_factory.mktemp("pakket") / "bewijs.zip").path


def _exported(town: Town, out: Path, request: Request = WHOLE_YEAR, now: datetime = LATER) -> Exported:
    return export_pack(town.municipality, request, out, now=now)


def test_a_pack_is_whole_and_ours_only(pack: Path) -> None:
    verdict = verify_pack(pack)
    assert verdict.faults == ()
    assert (verdict.runs, verdict.findings) == (len(rows_of(pack, "runs")), len(rows_of(pack, "bevindingen")))
    assert stat.S_IMODE(pack.stat().st_mode) == 0o600
    assert [path.name for path in pack.parent.iterdir()] == [pack.name]


def test_a_pack_of_runs_without_kruiscontroles_is_whole(tmp_path: Path) -> None:
    town = play(tmp_path, 1, checks=False)
    assert verify_pack(_exported(town, tmp_path / "bewijs.zip").path).faults == ()


def test_every_table_says_something(pack: Path) -> None:
    assert [name for name in TABLES if not rows_of(pack, name)] == []


@pytest.mark.parametrize("name", TABLES)
def test_the_three_forms_say_the_same(pack: Path, name: str) -> None:
    exact = parquet(pack, name)
    assert dict(exact.schema) == TABLES[name].schema
    moments = [column for column, dtype in exact.schema.items() if isinstance(dtype, pl.Datetime)]
    told = [
        row | {one: row[one] and row[one].strftime("%Y-%m-%dT%H:%M:%S.%fZ") for one in moments}
        for row in exact.to_dicts()
    ]
    files = contents(pack)
    assert [json.loads(line) for line in files[f"json/{name}.jsonl"].splitlines()] == told
    assert [{column: value.removeprefix("'") for column, value in row.items()} for row in rows_of(pack, name)] == [
        {column: "" if value is None else str(value).removeprefix("'") for column, value in row.items()} for row in told
    ]
    assert b"\r\n" in files[f"csv/{name}.csv"]


def test_the_readme_explains_every_column_of_every_file(pack: Path) -> None:
    files = contents(pack)
    text = files["LEESMIJ.md"].decode()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", text, re.M | re.S))
    explained = {name: re.findall(r"^\| `(\w+)` \| \w+ \| \S", section, re.M) for name, section in sections.items()}
    assert explained == {name: parquet(pack, name).columns for name in TABLES}
    named = set(re.findall(r"`((?:csv|json|parquet)/[\w.]+)`", text))
    assert named == {name for name in files if name.partition("/")[0] in ("csv", "json", "parquet")}
    others = {re.sub(r"[0-9a-f]{64}", "<sha256>", name) for name in files} - named
    assert others <= set(re.findall(r"^- `([^`]+)`", text, re.M)) | {"LEESMIJ.md"}


def test_the_document_names_every_table() -> None:
    text = (Path(__file__).parents[1] / "docs" / "bewijs.md").read_text(encoding="utf-8")
    assert [name for name in TABLES if f"`{name}`" not in text] == []


def test_open_findings_by_hand_are_those_of_the_reports(town: Town, pack: Path) -> None:
    """An oracle beside the store: the CSV read in plain Python, one finding at a time."""
    findings, versions = rows_of(pack, "bevindingen"), rows_of(pack, "versies")
    unknown = {(row["run_id"], row["id"]) for row in rows_of(pack, "onbekend")}
    history, catalogue = town.municipality.history, load_catalogue()
    checked = 0
    for run in rows_of(pack, "runs"):
        number = int(run["run_id"])
        stood = [
            one
            for one in findings
            if (one["afnemer"], one["entity"]) == (run["afnemer"], run["entity"])
            and int(one["opened_run"]) <= number
            and (not one["closed_run"] or int(one["closed_run"]) > number)
        ]
        stored = history.run(number)
        report = load_run(history, catalogue, stored, history.findings(stored))
        assert len(stood) == report.openstaand
        if run["status"] != "gereed":
            continue
        kinds: Counter[str] = Counter()
        for one in stood:
            own = [row for row in versions if row["id"] == one["id"] and int(row["run_id"]) <= number]
            if (run["run_id"], one["id"]) not in unknown:
                kinds[max(own, key=lambda row: int(row["run_id"]))["kind"]] += 1
        assert dict(kinds) == {kind: count for kind, count in report.kinds.items() if count}
        checked += sum(kinds.values())
    assert checked
    assert unknown


def test_decisions_and_what_they_hid_are_told(town: Town, pack: Path) -> None:
    decisions = {row["action"]: row for row in rows_of(pack, "besluiten")}
    assert set(decisions) == {"accepteren", "intrekken", "toewijzen"}
    hidden = [(row["decision"], row["about"], row["hidden"]) for row in rows_of(pack, "onderdrukkingen")]
    assert hidden == town.hidden
    assert {row["who"] for row in decisions.values()} == {"M. de Vries"}


def test_an_aanlevering_has_its_fingerprints_and_what_was_decided(town: Town, pack: Path) -> None:
    rows = {row["id"]: row for row in rows_of(pack, "aanleveringen")}
    used = {row["aanlevering_id"] for row in rows_of(pack, "gebruikt")}
    assert used <= rows.keys()
    (released,) = (row for row in rows.values() if row["decision"])
    assert (released["decision"], released["decided_by"], released["status"]) == (
        "vrijgegeven", "M. de Vries", "quarantaine",
    )  # fmt: skip
    for row in rows.values():
        (folder,) = town.municipality.landing.glob(f"*/*/{row['id']}")
        assert row["data_sha256"] == _sum(folder / "data.parquet")


def test_the_texts_are_there_letter_for_letter(town: Town, pack: Path) -> None:
    files, listed = contents(pack), {row["sha256"]: row for row in rows_of(pack, "documenten")}
    mappings = [path.read_bytes() for path in town.municipality.settings.mappings.glob("*.toml")]
    kept = {files[row["file"]] for row in listed.values()}
    assert kept == {*mappings, *town.earlier_texts, *catalogue_files().values(), town.municipality.crosschecks.content}
    runs = rows_of(pack, "runs")
    assert {run[name] for run in runs for name in ("veldtoewijzing", "catalogus_sha256")} <= listed.keys()


def test_sums_can_be_checked_without_kmgb(pack: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len((tmp_path / "SHA256SUMS").read_text().splitlines()) == len(contents(pack)) - 2


def test_values_are_masked(pack: Path) -> None:
    shown = b"".join(content for name, content in contents(pack).items() if not name.startswith("parquet/"))
    assert [bsn for bsn in BSNS if bsn.encode() in shown] == []
    assert b"Kerkweg" not in shown
    for name in TABLES:
        assert not any(bsn in str(parquet(pack, name).rows()) for bsn in (*BSNS, "Kerkweg"))
    assert {row["key"] for row in rows_of(pack, "bevindingen") if row["key_field"] == "bsn"} <= {
        "•••" + bsn[-3:] for bsn in BSNS
    }


def test_opening_values_is_in_the_audit_log_first(town: Town, tmp_path: Path) -> None:
    request = Request(date(2026, 1, 1), date(2026, 12, 31), (), (), "A. Auditor", why="onderzoek 12")
    written = _exported(town, tmp_path / "open.zip", request)
    assert {row["key"] for row in rows_of(written.path, "bevindingen")} & set(BSNS)
    assert any("Kerkweg" in row["distributie"] for row in rows_of(written.path, "versies"))
    assert "Kerkweg 3" in {row["distributie"] for row in rows_of(written.path, "besluiten")}
    lines = [facts_in(line) for line in whole_lines(town.municipality.settings.data / AUDIT_FILE)]
    assert [(line["wat"], line["wie"], line["waarom"]) for line in lines[-2:]] == [
        ("waarden geopend voor bewijs", "A. Auditor", "onderzoek 12"),
        ("bewijs uitgevoerd", "A. Auditor", "onderzoek 12"),
    ]
    assert lines[-1]["over"].endswith(f"manifest {written.manifest_sha256}")
    assert verify_pack(written.path, written.manifest_sha256).faults == ()


def test_the_same_period_gives_the_same_bytes(town: Town, pack: Path, tmp_path: Path) -> None:
    again = _exported(town, tmp_path / "nog.zip").path
    assert again.read_bytes() == pack.read_bytes()
    later = _exported(town, tmp_path / "later.zip", now=LATER + timedelta(days=3)).path
    before, after = contents(pack), contents(later)
    assert [name for name in before | after if before.get(name) != after.get(name)] == ["manifest.json"]
    assert json.loads(before["manifest.json"]) | {"gemaakt": ""} == json.loads(after["manifest.json"]) | {"gemaakt": ""}


def test_what_came_after_the_period_is_not_seen(town: Town, tmp_path: Path) -> None:
    early = Request(date(2026, 1, 1), town.days[1], (), (), "A. Auditor")
    written = _exported(town, tmp_path / "vroeg.zip", early)
    assert verify_pack(written.path).faults == ()
    runs, findings = rows_of(written.path, "runs"), rows_of(written.path, "bevindingen")
    last = max(int(run["run_id"]) for run in runs)
    assert last < town.municipality.history.runs(limit=1)[0].id
    assert max(int(row["opened_run"]) for row in findings) <= last
    assert max((int(row["closed_run"]) for row in findings if row["closed_run"]), default=0) <= last
    late = Request(town.days[2], town.days[-1], (), (), "A. Auditor")
    assert verify_pack(_exported(town, tmp_path / "laat.zip", late).path).faults == ()


def test_the_audit_log_is_cut_at_the_edges_and_nowhere_else(town: Town, tmp_path: Path) -> None:
    log = town.municipality.settings.data / AUDIT_FILE
    middle = town.days[1]
    halves = [
        _exported(town, tmp_path / f"{number}.zip", Request(begin, end, (), (), "A. Auditor")).path
        for number, (begin, end) in enumerate(
            ((date(2026, 1, 1), middle), (middle + timedelta(days=1), date(2026, 12, 31)))
        )
    ]
    first, second = (json.loads(contents(path)["manifest.json"])["audit"] for path in halves)
    lines = [line for path in halves for line in contents(path)["audit/audit.jsonl"].splitlines()]
    assert first["regels"] and second["regels"]
    assert first["na"] == "0" * 64
    assert first["laatste"] == second["na"]
    assert first_break(lines) is None
    assert lines == whole_lines(log)[: len(lines)]
    assert [row["line"] for path in halves for row in rows_of(path, "audit")] == [
        str(number) for number in range(1, len(lines) + 1)
    ]


def test_one_afnemer_or_one_role_alone(town: Town, tmp_path: Path) -> None:
    only = Request(date(2026, 1, 1), date(2026, 12, 31), ("belasting",), (), "A. Auditor")
    one = _exported(town, tmp_path / "een.zip", only).path
    assert {row["afnemer"] for row in rows_of(one, "runs")} == {"belasting"}
    own = Request(date(2026, 1, 1), date(2026, 12, 31), (), ("distributie",), "A. Auditor")
    other = _exported(town, tmp_path / "rol.zip", own).path
    assert {(row["afnemer"], row["rol"]) for row in rows_of(other, "runs")} == {("distributie", "distributie")}
    assert (verify_pack(one).faults, verify_pack(other).faults) == ((), ())


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (Request(date(2026, 1, 1), date(2026, 12, 31), ("belastingen",), (), "x"), "Bedoelde u 'belasting'"),
        (Request(date(2020, 1, 1), date(2020, 12, 31), (), (), "x"), "geen run die hierbij past"),
        (Request(date(2026, 12, 31), date(2026, 1, 1), (), (), "x"), "--van ligt na --tot"),
    ],
    ids=["unknown", "empty", "turned"],
)
def test_nothing_to_export_is_said(town: Town, tmp_path: Path, request_: Request, what: str) -> None:
    with pytest.raises(KmgbError, match=what):
        _exported(town, tmp_path / "niets.zip", request_)
    assert list(tmp_path.iterdir()) == []


def test_a_pack_never_takes_the_place_of_another(town: Town, pack: Path) -> None:
    before = pack.read_bytes()
    with pytest.raises(KmgbError, match="bestaat al en blijft zoals het is"):
        _exported(town, pack)
    assert pack.read_bytes() == before


def test_runs_from_before_anything_was_kept_are_in_it(tmp_path: Path) -> None:
    town = play(tmp_path, days=1)
    facts = {"titel": "Oud", "versions": {"kmgb": "0.0.1", "veldtoewijzing": "a" * 64}, "coverage": []}
    at = datetime(2025, 3, 3, tzinfo=UTC)
    town.municipality.history.write(
        NewRun("belasting", "pand", DONE, at, at, None, None, facts, {"total": 0}), [], None, None
    )
    written = _exported(town, tmp_path / "oud.zip", Request(date(2025, 1, 1), date(2025, 12, 31), (), (), "x"))
    (run,), (text,) = rows_of(written.path, "runs"), rows_of(written.path, "documenten")
    assert (run["kmgb"], run["catalogus_sha256"], text["file"]) == ("0.0.1", "", "")
    assert verify_pack(written.path).faults == ()


def test_a_broken_audit_log_is_told_and_shows_in_the_pack(tmp_path: Path) -> None:
    town = play(tmp_path, days=1)
    log = town.municipality.settings.data / AUDIT_FILE
    for number in range(3):
        at = datetime(2026, 11, 16, 10, number, tzinfo=UTC)
        record(log, "iets", f"zaak {number}", who="M. de Vries", why="x", now=at)
    lines = whole_lines(log)
    log.write_bytes(b"\n".join([lines[0], *lines[2:]]) + b"\n")
    written = _exported(town, tmp_path / "gebroken.zip")
    assert broken_line(log) == 2
    assert written.warnings == (f"{log}: het auditlog klopt niet meer vanaf regel 2. Zoek uit wie het veranderde.",)
    assert verify_pack(written.path).faults == ("audit/audit.jsonl: regel 2 sluit niet aan op de regel ervoor.",)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = play(tmp_path / "stad", days=1)
    for name in ("mappings", "dumps", "data"):
        monkeypatch.setenv(f"KMGB_{name.upper()}", str(getattr(town.municipality.settings, name)))
    monkeypatch.chdir(tmp_path)
    period = ["--van", "2026-01-01", "--tot", "2026-12-31", "--door", "A. Auditor"]
    said = CliRunner().invoke(app, ["history", "export", *period, "--out", "uit/bewijs.zip"])
    assert said.exit_code == 0, said.output
    sum_ = re.search(r"sha256 van manifest.json: ([0-9a-f]{64})", said.stdout)
    assert sum_ is not None
    for name in ("mappings", "dumps", "data"):
        monkeypatch.setenv(f"KMGB_{name.upper()}", str(tmp_path / "niets"))
    proven = CliRunner().invoke(app, ["history", "verify", "uit/bewijs.zip", "--manifest-sha256", sum_[1].upper()])
    assert proven.exit_code == 0, proven.output
    assert proven.stdout.startswith("bewijs.zip is heel: ")
    assert not (tmp_path / "niets").exists()
    other = CliRunner().invoke(app, ["history", "verify", "uit/bewijs.zip", "--manifest-sha256", "0" * 64])
    assert (other.exit_code, "manifest.json is veranderd" in other.stderr) == (3, True)


@pytest.mark.parametrize("words", [["--waarden"], ["--waarden", "--reden", "x"], ["--reden", "x", "--door", "y"]])
def test_values_are_opened_with_a_name_and_a_reason_only(tmp_path: Path, words: list[str]) -> None:
    refused = CliRunner().invoke(app, ["history", "export", "--out", str(tmp_path / "x.zip"), *words])
    assert "Waarden openen vraagt --waarden, wie dat doet (--door) en waarom (--reden)." in str(refused.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_formula_is_neutralised_in_the_csv_alone(town: Town, pack: Path) -> None:
    text = contents(pack)["csv/besluiten.csv"].decode()
    told = [row["text"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert "'=1+1" in told
    assert "=1+1" in parquet(pack, "besluiten")["text"].to_list()


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
