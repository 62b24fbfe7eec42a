"""The worked cases: every planted discrepancy found by `kmgb compare`, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from kmgb.catalogue.fields import Entity, load_catalogue
from kmgb.cli.main import app
from kmgb.compare.kinds import Kind

pytestmark = pytest.mark.shared
CASES = ("pand", "personen", "personen_utf8", "vestiging")
ENTITIES = {"personen": "personen", "pand": "pand", "vestiging": "nnp"}
UNEQUAL = [Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.LEEG_IN_BRON]


def toml_of(case: dict[str, Any], entity: Entity) -> str:
    """Our mapping of a case's `mapping.json`."""
    reader = case["app"]
    lines = [
        "[afnemer]",
        'naam = "app"',
        'titel = "App"',
        "[aanlevering]",
        f"codering = {_text(reader['codering'])}",
        f"scheidingsteken = {_text(reader['scheidingsteken'])}",
        'datum = "dd-mm-jjjj"',
        f"[entiteit.{entity.name}]",
        f"sleutel = [{_text(_name(case['sleutel']['veld'], entity))}]",
        f"[entiteit.{entity.name}.velden]",
    ]
    return "\n".join([*lines, *(_field(veld, entity) for veld in case["velden"])])


def _field(veld: dict[str, Any], entity: Entity) -> str:
    parts = [f"kolom = {_text(veld['kolom'])}"]
    if "lijst" in veld:
        codes = ", ".join(f"{_text(theirs)} = {_text(ours)}" for ours, theirs in veld["lijst"].items())
        parts.append(f"codes = {{ {codes} }}")
    parts += [f"{ours} = {_text(veld[theirs])}" for theirs, ours in _VALUES.items() if theirs in veld]
    parts += [agreement for flag, agreement in _FLAGS.items() if veld.get(flag)]
    return f"{_text(_name(veld['veld'], entity))} = {{ {', '.join(parts)} }}"


_VALUES = {"leeg_als": "leeg", "leeg_bij": "leeg_bij"}
_FLAGS = {"vlak": 'diakrieten = "weg"', "hoofdletters": 'letters = "hoofdletters"'}


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _name(label: str, entity: Entity) -> str:
    field = entity.by_label(label)
    assert field is not None, label
    return field.name


class Case:
    """One worked case, compared by the real command in a folder of its own."""

    def __init__(self, folder: Path, workdir: Path) -> None:
        case = json.loads((folder / "mapping.json").read_text(encoding="utf-8"))
        self.truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        self.entity = load_catalogue()[ENTITIES[case["set"]]]
        mapping, out = workdir / "app.toml", workdir / "uit"
        mapping.write_text(toml_of(case, self.entity), encoding="utf-8")
        done = CliRunner().invoke(app, [
            "compare", "--mapping", str(mapping), "--entity", self.entity.name, "--peildatum", "2022-06-01",
            "--distributie", str(folder / "dds.csv"), "--afnemer", str(folder / "app.csv"), "--out", str(out),
        ])  # fmt: skip
        assert done.exit_code == 1, done.output
        self.findings = pl.read_parquet(out / "afwijkingen.parquet")

    def cells(self, rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
        """Key and field of rows of the truth."""
        return {(row["sleutel"], _name(row["veld"], self.entity)) for row in rows}

    def found(self, *kinds: str) -> set[tuple[str, str]]:
        """Key and field of what was found."""
        return set(self.findings.filter(pl.col("kind").is_in(kinds)).select("key", "field").iter_rows())


@pytest.mark.parametrize("name", CASES)
def test_a_case_comes_out_exact(name: str, shared: Path, tmp_path: Path) -> None:
    case = Case(shared / "cases" / name, tmp_path)
    expected = case.truth["verwacht"]
    double = {row["sleutel"] for row in expected["dubbel"]}
    lost = {cell for cell in case.cells(case.truth["codering_verlies"]) if cell[0] not in double}
    format_only, accents = case.cells(expected["alleen_opmaak"]), case.cells(expected["diakriet_verloren"])
    assert {key for key, _ in case.found(Kind.ONTBREEKT)} == set(expected["alleen_in_dds"])
    assert {key for key, _ in case.found(Kind.OVERTOLLIG)} == set(expected["alleen_in_app"])
    assert {key for key, _ in case.found(Kind.DUBBEL)} == double
    assert case.found(*UNEQUAL) == case.cells(expected["verschillen"]) | lost
    assert not case.found(*UNEQUAL) & format_only
    assert accents <= case.found(Kind.COSMETISCH, *UNEQUAL)
    assert case.found(Kind.COSMETISCH) <= format_only | accents


@pytest.mark.parametrize("name", CASES)
def test_conflicting_doubles_name_their_fields(name: str, shared: Path, tmp_path: Path) -> None:
    case = Case(shared / "cases" / name, tmp_path)
    rules = dict(case.findings.filter(pl.col("kind") == Kind.DUBBEL).select("key", "rule").iter_rows())
    for row in case.truth["verwacht"]["dubbel"]:
        fields = {_name(cell["veld"], case.entity) for cell in row["afwijkend"]}
        rule = rules[row["sleutel"]]
        assert rule == "gelijk" if row["gelijk"] else fields <= set(rule.removeprefix("strijdig:").split(","))
