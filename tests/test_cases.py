"""Whole dumps with a complete list of planted faults: everything planted is found, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from habits import HABITS, Habit, Row, Town, quoted, table
from typer.testing import CliRunner

from kmgb.catalogue.fields import Entity, load_catalogue
from kmgb.cli.main import app
from kmgb.mapping.load import load_mapping

ROOT = Path(__file__).parents[1]
CASES = {"personen": "personen", "personen_utf8": "personen", "pand": "pand", "vestiging": "nnp"}
SEED = int(__import__("os").environ.get("SEEDX", "1"))
DIFFERENT = ("afwijkend", "leeg_in_applicatie", "leeg_in_bron")
Cells = set[tuple[str, str]]


def run_compare(mapping: Path, entity: str, ours: Path, theirs: Path, out: Path) -> pl.DataFrame:
    """The record that the real command writes."""
    arguments = ["compare", "--mapping", mapping, "--entity", entity, "--distributie", ours, "--afnemer", theirs]
    done = CliRunner().invoke(app, [*map(str, arguments), "--out", str(out), "--peildatum", "2022-06-01"])
    assert done.exit_code == 1, (done.output, done.exception)
    return pl.read_parquet(out / "afwijkingen.parquet")


def keys(findings: pl.DataFrame, kind: str) -> set[str]:
    return set(findings.filter(pl.col("kind") == kind)["key"])


def cells(findings: pl.DataFrame, *kinds: str) -> Cells:
    return set(findings.filter(pl.col("kind").is_in(kinds)).select("key", "field").iter_rows())


@dataclass(frozen=True)
class Case:
    """A worked case: its truth in our names, and what the command found."""

    findings: pl.DataFrame
    truth: dict[str, Any]
    entity: Entity

    def planted(self, *path: str) -> Cells:
        listed = self.truth
        for step in path:
            listed = listed[step]
        return {(item["sleutel"], self.entity.by_label(item["veld"]).name) for item in listed}  # type: ignore[union-attr]

    @property
    def double(self) -> set[str]:
        return {item["sleutel"] for item in self.truth["verwacht"]["dubbel"]}


def toml_of(case: dict[str, Any], entity: Entity) -> str:
    """The case's mapping in our format."""
    key = entity.by_label(case["sleutel"]["veld"])
    fields = (f"{quoted(entity.by_label(v['veld']).name)} = {table(entry(v))}\n" for v in case["velden"])  # type: ignore[union-attr]
    return (
        '[afnemer]\nnaam = "app"\ntitel = "App"\n[aanlevering]\n'
        f"codering = {quoted(case['app']['codering'])}\nscheidingsteken = {quoted(case['app']['scheidingsteken'])}\n"
        f"[entiteit.{entity.name}]\nsleutel = [{quoted(key.name)}]\n[entiteit.{entity.name}.velden]\n{''.join(fields)}"  # type: ignore[union-attr]
    )


def entry(veld: dict[str, Any]) -> dict[str, object]:
    said: dict[str, object] = {"kolom": veld["kolom"]}
    if veld.get("lijst"):
        said["codes"] = {theirs: ours for ours, theirs in veld["lijst"].items()}
    said |= {ours: [veld[name]] for name, ours in (("leeg_als", "leeg"), ("leeg_bij", "leeg_bij")) if veld.get(name)}
    said |= {"voorloopnullen": "weg"} if veld.get("nullen_weg") else {}
    said |= {"diakrieten": "weg"} if veld.get("vlak") else {}
    return said | ({"letters": "hoofdletters"} if veld.get("hoofdletters") else {})


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder, work = shared / "cases" / request.param, tmp_path_factory.mktemp(request.param)
    entity = load_catalogue()[CASES[request.param]]
    said = json.loads((folder / "mapping.json").read_text(encoding="utf-8"))
    mapping = work / "app.toml"
    mapping.write_text(toml_of(said, entity), encoding="utf-8")
    findings = run_compare(mapping, entity.name, folder / "dds.csv", folder / "app.csv", work / "uit")
    return Case(findings, json.loads((folder / "truth.json").read_text(encoding="utf-8")), entity)


@pytest.mark.shared
def test_case_rows_on_one_side_only(case: Case) -> None:
    assert keys(case.findings, "ontbreekt") == set(case.truth["verwacht"]["alleen_in_dds"])
    assert keys(case.findings, "overtollig") == set(case.truth["verwacht"]["alleen_in_app"])


@pytest.mark.shared
def test_case_every_planted_difference_and_no_other(case: Case) -> None:
    lost = {cell for cell in case.planted("codering_verlies") if cell[0] not in case.double}
    shown = set(case.planted("verwacht", "diakriet_verloren"))
    found = cells(case.findings, *DIFFERENT)
    assert found - shown == case.planted("verwacht", "verschillen") | (lost - shown)


@pytest.mark.shared
def test_case_double_keys(case: Case) -> None:
    assert keys(case.findings, "dubbel") == case.double
    rules = dict(case.findings.filter(pl.col("kind") == "dubbel").select("key", "rule").iter_rows())
    told = {item["sleutel"]: item["gelijk"] for item in case.truth["verwacht"]["dubbel"]}
    assert {key: rule == "gelijk" for key, rule in rules.items()} == told


@pytest.mark.shared
def test_case_only_planted_ways_of_writing_are_cosmetic(case: Case) -> None:
    lost_accents = case.planted("verwacht", "diakriet_verloren")
    cosmetic = cells(case.findings, "cosmetisch")
    assert lost_accents <= cosmetic | cells(case.findings, *DIFFERENT)
    assert cosmetic <= case.planted("verwacht", "alleen_opmaak") | lost_accents
    assert not cells(case.findings, *DIFFERENT) & case.planted("verwacht", "alleen_opmaak")


@pytest.mark.shared
def test_case_only_what_the_register_itself_garbles_is_undecided(case: Case) -> None:
    undecided = case.findings.filter(pl.col("rule") == "onleesbaar")
    assert undecided["distributie_raw"].to_list() == undecided["afnemer_raw"].to_list()


@cache
def town_rows(entity: str) -> tuple[Row, ...]:
    """The newest voorkomen of every object in the invented distribution, under catalogue names; addresses composed."""
    mapping = load_mapping(ROOT / "mappings" / "distributie.toml", load_catalogue()).entiteit[entity]
    source = next((ROOT / "sample_dumps").glob(f"distributie_{entity}_*16.csv"))
    frame = pl.read_csv(source, separator=";", infer_schema=False, encoding="utf8").fill_null("")
    chosen = {name: veld.kolom for name, veld in mapping.velden.items() if veld.kolom}
    key = load_catalogue()[entity].primary.name
    rows = frame.select(pl.col(column).alias(name) for name, column in chosen.items()).filter(pl.col(key) != "")
    return tuple(rows.unique(key, keep="last", maintain_order=True).iter_rows(named=True))


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
@pytest.mark.parametrize("entity", ["nummeraanduiding", "verblijfsobject", "ligplaats", "pand", "personen", "nnp"])
def test_variation_gives_its_truth(entity: str, habit: Habit, tmp_path: Path) -> None:
    town = Town(load_catalogue()[entity], load_catalogue(), habit, list(town_rows(entity)), seed=1)
    town.plant()
    findings = run_compare(*_delivered(town, tmp_path), tmp_path / "uit")
    different = findings.filter(pl.col("kind").is_in(DIFFERENT)).select("key", "field", "kind")
    assert {(key, field): kind for key, field, kind in different.iter_rows()} == town.truth.cells
    assert cells(findings, "cosmetisch") <= town.truth.noise
    assert keys(findings, "ontbreekt") == town.truth.missing
    assert keys(findings, "overtollig") == town.truth.surplus
    assert keys(findings, "dubbel") == town.truth.double
    assert findings.filter(pl.col("rule") == "onleesbaar").is_empty()


def _delivered(town: Town, folder: Path) -> tuple[Path, str, Path, Path]:
    mapping, ours, theirs = town.deliver(folder)
    return mapping, town.entity.name, ours, theirs
