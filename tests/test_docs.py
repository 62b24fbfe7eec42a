"""What the documents promise is so: settings, keys of a mapping, rules, and the README's own commands and example."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from kmgb.catalogue.checks import SENTENCES
from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.kinds import Kind
from kmgb.mapping.aanleveren import Aanleveren
from kmgb.mapping.load import parse_mapping
from kmgb.mapping.model import Aanlevering, Afnemer, EntiteitMapping, Opzoeken, Populatie, Veld, Wens
from kmgb.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_every_setting_is_in_the_readme() -> None:
    table = README.partition("## Instellingen")[2].partition("\n## ")[0]
    assert [name for name in Settings.model_fields if f"`{name}`" not in table] == []


@pytest.mark.parametrize(
    "model", [Afnemer, Aanleveren, EntiteitMapping, Veld, Populatie, Wens, Opzoeken], ids=lambda m: m.__name__
)
def test_every_key_of_a_mapping_is_documented(model: type[BaseModel]) -> None:
    text = _doc("veldtoewijzing.md")
    assert [name for name in model.model_fields if not re.search(rf"`(?:[a-z.]*\.)?{name}\b", text)] == []


def test_every_key_of_a_reader_is_documented() -> None:
    text = _doc("aanleveringen.md") + _doc("veldtoewijzing.md")
    assert [name for name in Aanlevering.model_fields if f"`{name}" not in text] == []


def test_every_kind_and_rule_is_documented() -> None:
    text = _doc("vergelijken.md")
    entities = load_catalogue().entities.values()
    rules = {rule for entity in entities for field in entity.fields for rule in field.tolerant}
    assert [name for name in [*Kind, *sorted(rules)] if f"`{name}`" not in text] == []


def test_every_check_has_a_sentence() -> None:
    checks = {
        check.partition(":")[0]
        for entity in load_catalogue().entities.values()
        for field in entity.fields
        for check in field.checks
    }
    assert checks <= set(SENTENCES)


def test_the_example_mapping_is_right() -> None:
    example = _doc("veldtoewijzing.md").partition("```toml\n")[2].partition("```")[0]
    assert parse_mapping(example.encode(), Path("voorbeeld.toml"), load_catalogue()).naam == "belasting"


def test_the_python_example_runs(tmp_path: Path) -> None:
    example = README.partition("```python\n")[2].partition("```")[0]
    folders = {name: str(ROOT / part) for name, part in {
        "KMGB_MAPPINGS": "mappings", "KMGB_DUMPS": "sample_dumps", "KMGB_TEMPLATES": "reports",
    }.items()}  # fmt: skip
    environment = os.environ | folders | {"KMGB_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("personen ")


def test_links_between_documents_exist() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    broken = [
        (page.name, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []
