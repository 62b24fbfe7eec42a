"""The command line as a user meets it: sentences, exit codes, files; never a traceback or a person's value."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parent.parent


def kmgb(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the real program in a folder of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KMGB_")}
    command = [sys.executable, "-c", "from kmgb.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A municipality made by `kmgb init`, checked once."""
    folder = tmp_path_factory.mktemp("gemeente") / "werkmap"
    assert kmgb("init", folder, cwd=folder.parent).returncode == 0
    done = kmgb("check", cwd=folder)
    assert done.returncode == 1, done.stderr
    return folder


def test_help_teaches(tmp_path: Path) -> None:
    done = kmgb("--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("demo", "check", "compare", "catalogue", "mapping", "schedule", "Uitgangscodes"):
        assert word in done.stdout


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_catalogue_shows_all_fields(form: str, tmp_path: Path) -> None:
    done = kmgb("catalogue", "--format", form, cwd=tmp_path)
    assert done.returncode == 0
    if form == "json":
        assert len(json.loads(done.stdout)) == 171
    elif form == "csv":
        assert len(list(csv.DictReader(done.stdout.splitlines()))) == 171
    else:
        assert "Geslachtsnaam diacriet" in done.stdout


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_closed_pipe_ends_quietly(form: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from kmgb.cli.main import main; main()", "catalogue", "--format", form]
    done = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_entity_names_the_known_ones(tmp_path: Path) -> None:
    done = kmgb("catalogue", "persoon", cwd=tmp_path)
    assert done.returncode == 2
    assert "personen" in done.stderr


def test_check_finds_what_was_planted_and_reports_it(town: Path) -> None:
    pages = sorted(path.name for path in (town / "uitvoer").glob("*.html"))
    assert "overzicht.html" in pages
    assert "dekking.html" in pages
    assert "week.html" in pages
    # A page per controle (10, and 7 of the distribution itself), the overview, the coverage, the week and 5 applications.
    assert len(pages) == 25
    text = "".join((town / "uitvoer" / page).read_text(encoding="utf-8") for page in pages)
    assert not re.search(r"https?://|//[a-z]+\.", text)


def test_nothing_beside_the_report_shows_a_sensitive_value(town: Path) -> None:
    persons = pl.read_csv(
        town / "sample_dumps" / "distributie_personen_20261116.csv", separator=";", infer_schema=False
    )
    hidden = {*persons["PRS_BSN"].drop_nulls(), *persons["PRS_A_NUMMER"].drop_nulls()}
    for path in (town / "uitvoer").iterdir():
        shown = path.read_text(encoding="utf-8-sig") if path.suffix != ".parquet" else str(pl.read_parquet(path).rows())
        assert not hidden & set(re.findall(r"\d{9,10}", shown)), path.name


def test_a_second_check_changes_nothing(town: Path) -> None:
    done = kmgb("check", "belasting", cwd=town)
    assert done.returncode == 1
    assert "(0 nieuw, 0 opgelost)" in done.stdout


def test_findings_beside_the_report_have_the_whole_record(town: Path) -> None:
    frame = pl.read_parquet(next((town / "uitvoer").glob("belasting-personen-*.parquet")))
    assert frame.columns[:6] == ["run_id", "afnemer", "entity", "key", "key_field", "field"]
    assert frame.columns[17:19] == ["first_seen", "status"]


def test_reports_are_made_again_from_the_store(town: Path) -> None:
    page = next((town / "uitvoer").glob("geo-pand-*.html"))
    before = page.read_text(encoding="utf-8")
    page.unlink()
    assert kmgb("report", page.stem.rpartition("-")[2], cwd=town).returncode == 0
    assert page.read_text(encoding="utf-8") == before


def test_history_lists_the_runs(town: Path) -> None:
    done = kmgb("history", "list", "--afnemer", "havenbeheer", cwd=town)
    assert done.returncode == 0
    assert "ligplaats" in done.stdout


def test_mapping_check_lists_every_fault_with_the_nearest_names(town: Path) -> None:
    wrong = town / "fout.toml"
    text = (town / "mappings" / "belasting.toml").read_text(encoding="utf-8")
    text = text.replace('bsn = "SOFINR"', 'bsnn = "SOFINR"').replace("bandbreedte", "bandbredte")
    wrong.write_text(text.replace("datum_overlijden is leeg", "datum_overleden is leeg"), encoding="utf-8")
    done = kmgb("mapping", "check", wrong, cwd=town)
    assert done.returncode == 2
    for hint in ("'bandbreedte'", "'bsn'", "'datum_overlijden'"):
        assert hint in done.stderr
    assert kmgb("mapping", "check", town / "mappings" / "belasting.toml", cwd=town).returncode == 0


def test_schedule_commands(town: Path) -> None:
    assert kmgb("schedule", "check", cwd=town).returncode == 0
    listed = kmgb("schedule", "list", cwd=town)
    assert "wekelijks" in listed.stdout
    coming = kmgb("schedule", "next", "wekelijks", "--aantal", "3", cwd=town)
    assert len(coming.stdout.splitlines()) == 3
    assert kmgb("schedule", "next", "bestaatniet", cwd=town).returncode == 2


def test_compare_writes_three_files(town: Path, tmp_path: Path) -> None:
    dumps = town / "sample_dumps"
    done = kmgb(
        "compare", "--mapping", town / "mappings" / "belasting.toml", "--entity", "personen",
        "--distributie", dumps / "distributie_personen_20261116.csv",
        "--distributie-mapping", town / "mappings" / "distributie.toml",
        "--afnemer", dumps / "belasting_personen_20261116.csv", "--out", tmp_path / "uit", "--peildatum", "2026-11-16",
        cwd=town,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert {p.name for p in (tmp_path / "uit").iterdir()} == {
        "afwijkingen.csv", "afwijkingen.parquet", "samenvatting.json",
    }  # fmt: skip
    frame = pl.read_parquet(tmp_path / "uit" / "afwijkingen.parquet")
    midnight = datetime(2026, 11, 15, 23, tzinfo=UTC)
    for name in ("peildatum_distributie", "peildatum_afnemer", "first_seen"):
        assert frame[name].unique().to_list() == [midnight]
    summary = json.loads((tmp_path / "uit" / "samenvatting.json").read_text(encoding="utf-8"))
    assert summary["opmerkingen"] == {
        "distributie": [], "afnemer": ["2 kolommen zonder veldtoewijzing: 'VOLGNR', 'GEBRUIKER'."],
    }  # fmt: skip
    assert sum(summary["soorten"].values()) == pl.read_parquet(tmp_path / "uit" / "afwijkingen.parquet").height


@pytest.mark.parametrize(
    ("option", "value", "code", "sentence"),
    [
        ("--out", "bezet", 2, "bezet: de map is niet te maken, er staat een bestand op die plaats."),
        ("--out", "bezet/uit", 2, "bezet/uit: de map is niet te maken, er staat een bestand op die plaats."),
        ("--out", "/proc/x", 2, "/proc/x: de map is niet te maken of niet te beschrijven."),
        ("--distributie", "nergens.csv", 3, "bestand nergens.csv bestaat niet."),
        ("--afnemer", "bezet/x.csv", 3, "bestand bezet/x.csv bestaat niet."),
        ("--afnemer", ".", 3, ". is een map. Noem een bestand."),
        ("--mapping", "nergens.toml", 2, "het bestand bestaat niet."),
        ("--mapping", ".", 2, "dit is een map, geen bestand."),
    ],
)
def test_compare_with_a_wrong_path(
    option: str, value: str, code: int, sentence: str, town: Path, tmp_path: Path
) -> None:
    (tmp_path / "bezet").write_text("", encoding="utf-8")
    dump = town / "sample_dumps" / "distributie_standplaats_20261116.csv"
    mapping = town / "mappings" / "distributie.toml"
    given = {"--mapping": mapping, "--distributie-mapping": mapping, "--entity": "standplaats", "--distributie": dump,
             "--afnemer": dump, "--out": "uit"}  # fmt: skip
    given[option] = value
    done = kmgb("compare", *(part for pair in given.items() for part in pair), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_voorkomens_without_history_bring_a_hint(tmp_path: Path) -> None:
    rows = "".join(f"036310000000000{pand},{day}\n" for pand in (1, 2, 3) for day in (20100101, 20200101))
    (tmp_path / "bron.csv").write_text(f"id_pand,datum_begin_geldigheid_cyclus\n{rows}", encoding="utf-8")
    (tmp_path / "app.csv").write_text("P\n0363100000000001\n", encoding="utf-8")
    mapping = (
        '[afnemer]\nnaam = "app"\ntitel = "App"\n[entiteit.pand]\nsleutel = "id_pand"\nvelden = { id_pand = "P" }\n'
    )
    (tmp_path / "app.toml").write_text(mapping, encoding="utf-8")
    done = kmgb(
        "compare", "--mapping", "app.toml", "--entity", "pand", "--distributie", "bron.csv", "--afnemer", "app.csv",
        "--out", "uit", cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == (
        "Let op: Meer dan de helft van de sleutels van de distributie komt meer dan eens voor. Bevat de aanlevering alle "
        'voorkomens, zet dan historie = "actueel" bij [entiteit.pand] van de veldtoewijzing van de distributie: alleen '
        "het voorkomen van de peildatum telt dan."
    ), done.stderr


def test_a_side_agrees_with_itself(town: Path, tmp_path: Path) -> None:
    dump = town / "sample_dumps" / "distributie_standplaats_20261116.csv"
    mapping = town / "mappings" / "distributie.toml"
    done = kmgb(
        "compare", "--mapping", mapping, "--distributie-mapping", mapping, "--entity", "standplaats",
        "--distributie", dump, "--afnemer", dump, "--out", tmp_path / "uit", "--peildatum", "2026-11-16", cwd=town,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


BAD = {
    "leeg": lambda data: b"",
    "alleen kop": lambda data: data.split(b"\n")[0] + b"\n",
    "andere kolom": lambda data: data.replace(b"SOFINR", b"BSN_NR", 1),
    "scheidingsteken": lambda data: data.replace(b";", b"|"),
    "codering": lambda data: data.decode("cp1252").encode("utf-16"),
    "afgekapt": lambda data: data[: len(data) // 3],
    "aanhalingsteken": lambda data: data.replace(b"\n", b'\n"', 2),
}


@pytest.mark.parametrize("damage", BAD.values(), ids=BAD.keys())
def test_a_damaged_dump_is_quarantined_and_closes_nothing(damage: object, town: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gemeente"
    shutil.copytree(town, folder)
    dump = folder / "sample_dumps" / "belasting_personen_20261116.csv"
    data = dump.read_bytes()
    later = dump.with_name("belasting_personen_20261123.csv")
    later.write_bytes(damage(data))  # type: ignore[operator]
    done = kmgb("check", "belasting", cwd=folder)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "quarantaine" in done.stderr
    assert "Traceback" not in done.stderr
    numbers = set(re.findall(rb"\d{8,9}", data))
    assert not numbers & {number.encode() for number in re.findall(r"\d{8,9}", done.stdout + done.stderr)} - {
        b"20261123"
    }
    listed = kmgb("history", "list", "--afnemer", "belasting", "--aantal", "1", cwd=folder)
    assert "quarantaine" in listed.stdout
    page = max((folder / "uitvoer").glob("belasting-personen-*.html"), key=lambda path: path.stat().st_mtime_ns)
    assert "quarantaine" in page.read_text(encoding="utf-8").lower()


def test_init_never_overwrites(town: Path) -> None:
    done = kmgb("init", town, cwd=town.parent)
    assert done.returncode == 2
    assert "niet leeg" in done.stderr


def test_check_without_mappings_says_how_to_begin(tmp_path: Path) -> None:
    done = kmgb("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "kmgb init" in done.stderr


def test_demo_finds_exactly_what_it_planted(tmp_path: Path) -> None:
    done = kmgb("demo", "--out", tmp_path / "demo", "--rows", "150", "--seed", "7", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 5
    assert "gemist 0, ten onrechte gemeld 0" in done.stdout
