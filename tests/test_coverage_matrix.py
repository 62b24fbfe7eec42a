"""The coverage matrix says of every application and every field what happens to it, and who is not checked at all."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from typer.testing import CliRunner

from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.main import app
from kmgb.errors import CatalogueError, MappingError
from kmgb.mapping.load import parse_mapping
from kmgb.mapping.model import Entiteitnaam, Gekoppeld
from kmgb.report.coverage import CoverageWish, load_coverage
from kmgb.report.render import Renderer
from kmgb.run.coverage import Coverage
from kmgb.run.coverage_matrix import MATRIX, WITHOUT_CONTROLE, coverage_matrix, expected_afnemers, titles
from kmgb.run.municipality import Municipality
from kmgb.run.publish import publish_overview
from kmgb.settings import Settings

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
DAY = date(2026, 11, 25)

_DISTRIBUTIE = """
[afnemer]
naam = "distributie"
titel = "Distributie"
rol = "distributie"
[gekoppeld]
parkeren = "Parkeerapplicatie"
belasting = { entiteiten = ["personen", "pand", "nnp"] }
zorg = { titel = "Zorgsysteem", entiteiten = ["personen"] }
[entiteit.personen]
sleutel = ["bsn"]
velden = { bsn = "BSN", voornamen = "VN", "id_codes_verblijfadres.nummeraanduiding" = "NUM" }
"""
_BELASTING = """
[afnemer]
naam = "belasting"
titel = "Belastingen <b>"
[entiteit.personen]
sleutel = ["bsn"]
niet_gevoerd = ["geslacht"]
uitgesloten = { geboortedatum = "staat alleen op papier" }
[entiteit.personen.velden]
bsn = "BSN"
voornamen = "VN"
a_nummer = "ANR"
"id_codes_verblijfadres.nummeraanduiding" = "NUM"
"id_codes_verblijfadres.adresseerbaar_object" = "AOBJ"
[entiteit.personen.niet_aangeleverd.voorletters]
wens = "Kolom VOORL opnemen"
ingediend = 2025-11-25
deadline = 2026-11-24
alternatief = "Nakijken in het scherm"
[entiteit.personen.niet_aangeleverd.voorvoegsel]
wens = "Kolom VV opnemen"
ingediend = 2025-11-25
deadline = 2026-11-25
[entiteit.pand]
sleutel = ["id_pand"]
velden = { id_pand = "ID" }
"""


@pytest.fixture
def town(tmp_path: Path) -> Municipality:
    (tmp_path / "mappings").mkdir()
    for name, text in (("distributie", _DISTRIBUTIE), ("belasting", _BELASTING)):
        (tmp_path / "mappings" / f"{name}.toml").write_text(text, encoding="utf-8")
    folders = {"mappings": tmp_path / "mappings", "data": tmp_path / "data", "output": tmp_path / "uitvoer"}
    return Municipality(Settings(templates=ROOT / "reports", **folders))  # type: ignore[arg-type]


def test_every_field_has_one_answer(town: Municipality) -> None:
    matrix = coverage_matrix(town, DAY)
    assert dict(matrix.schema) == {name: kind() for name, kind in MATRIX.items()}
    known = {row["field"]: row for row in matrix.filter(pl.col("entity") == "personen").iter_rows(named=True)}
    answers = {
        "bsn": "sleutel", "voornamen": "vergeleken", "a_nummer": "niet_in_distributie", "voorletters": "niet_aangeleverd",
        "geslacht": "niet_gevoerd", "geboortedatum": "uitgesloten", "burgerlijke_staat": "niet_vermeld",
        "id_codes_verblijfadres.nummeraanduiding": "vergeleken",
        "id_codes_verblijfadres.adresseerbaar_object": "niet_in_distributie",
    }  # fmt: skip
    assert {name: known[name]["coverage"] for name in answers} == answers
    assert known["geboortedatum"]["explanation"] == "staat alleen op papier"
    fields = matrix.filter(
        (pl.col("afnemer") == "belasting") & (pl.col("entity") == "personen") & (pl.col("field") != "")
    )
    assert fields["field"].n_unique() == fields.height == 28


def test_a_wens_is_overdue_the_day_after_its_deadline(town: Municipality) -> None:
    wishes = coverage_matrix(town, DAY).filter(pl.col("deadline").is_not_null())
    assert wishes.select("field", "explanation", "deadline", "alternative", "overdue").rows() == [
        ("voorletters", "Kolom VOORL opnemen", date(2026, 11, 24), "Nakijken in het scherm", True),
        ("voorvoegsel", "Kolom VV opnemen", date(2026, 11, 25), "", False),
    ]


def test_what_the_distribution_does_not_deliver_is_said(town: Municipality) -> None:
    panden = coverage_matrix(town, DAY).filter(pl.col("entity") == "pand")
    assert panden.select("coverage", "explanation").unique().rows() == [
        ("niet_in_distributie", "de distributie levert geen pand")
    ]
    assert panden.height == 14


def test_who_is_coupled_and_not_checked_is_listed(town: Municipality) -> None:
    without = coverage_matrix(town, DAY).filter(pl.col("coverage") == WITHOUT_CONTROLE)
    assert without.select("afnemer", "entity", "field", "explanation").rows() == [
        ("belasting", "nnp", "", "Krijgt deze gegevens van de distributie, maar de veldtoewijzing noemt ze niet."),
        ("parkeren", "", "", "Gekoppeld aan de distributie, maar er is geen veldtoewijzing."),
        ("zorg", "personen", "", "Gekoppeld aan de distributie, maar er is geen veldtoewijzing."),
    ]
    assert expected_afnemers(town) == ("belasting", "parkeren", "zorg")
    assert titles(town)["parkeren"] == "Parkeerapplicatie"


def test_an_application_of_an_unknown_distribution_has_no_controle(town: Municipality) -> None:
    path = town.settings.mappings / "belasting.toml"
    path.write_text('distributie = "ander"\n' + _BELASTING, encoding="utf-8")
    rows = coverage_matrix(town, DAY).filter((pl.col("afnemer") == "belasting") & (pl.col("entity") == ""))
    assert rows["coverage"].to_list() == [WITHOUT_CONTROLE]
    assert "noem met `distributie" in rows["explanation"].item()


def test_the_page_counts_whole_fields_and_the_least_covered_part(town: Municipality) -> None:
    page = load_coverage(coverage_matrix(town, DAY), town.catalogue, titles(town), NOW)
    personen, pand = page.totals
    assert (personen.velden, personen.vergeleken, personen.niet_aangeleverd, personen.verlopen) == (27, 2, 2, 1)
    assert (personen.niet_in_distributie, personen.uitgesloten, personen.niet_gevoerd, personen.niet_vermeld) == (
        2,
        1,
        1,
        19,
    )
    assert (pand.velden, pand.niet_in_distributie) == (14, 14)
    table = page.tables[0]
    words = {row.label: [cell.word for cell in row.cells] for row in table.rows}
    assert words["ID codes verblijfadres"] == ["niet in distributie"]
    assert words["Voorletters"] == ["wens verlopen"]
    assert page.tables[-1].afnemers == ()
    assert page.wishes[0] == CoverageWish(
        "Belastingen <b>", "Personen", "Voorletters", "Kolom VOORL opnemen", date(2026, 11, 24),
        "Nakijken in het scherm", overdue=True,
    )  # fmt: skip
    assert page.sentence == (
        "2 van 41 velden worden vergeleken in 2 controles; 1 wens is verlopen; "
        "3 gekoppelde applicaties hebben geen controle."
    )


def test_the_page_is_written_beside_the_overview_that_links_to_it(town: Municipality) -> None:
    overview = publish_overview(town, NOW)
    town.history.engine.dispose()
    assert 'href="./dekking.html"' in overview.read_text(encoding="utf-8")
    text = (overview.parent / "dekking.html").read_text(encoding="utf-8")
    assert 'href="./overzicht.html"' in text
    assert "Belastingen &lt;b&gt;" in text
    assert "<b>" not in text
    assert text.count('<span class="woord kritiek">verlopen</span>') == 1
    assert "<strong>Parkeerapplicatie</strong>: Gekoppeld aan de distributie" in text
    assert "Geen enkele applicatie vergelijkt Ligplaatsen." in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    assert text.count("<table>") == text.count("<caption>")


def test_a_municipality_without_controles_says_so() -> None:
    page = load_coverage(pl.DataFrame(schema=MATRIX), load_catalogue(), {}, NOW)
    assert page.sentence == "Er is nog geen controle: niets wordt vergeleken."
    assert page.sentence in Renderer(ROOT / "reports", "Europe/Amsterdam").coverage(page)


def test_every_answer_has_a_word(town: Municipality) -> None:
    matrix = coverage_matrix(town, DAY).filter(pl.col("entity") == "personen")
    for answer in Coverage:
        changed = matrix.filter(pl.col("field") != "").with_columns(pl.lit(answer.value).alias("coverage"))
        page = load_coverage(changed, town.catalogue, titles(town), NOW)
        assert page.totals[0].velden == 27


def test_a_coupled_application_is_known_by_its_entities() -> None:
    assert get_args(Entiteitnaam) == tuple(load_catalogue().entities)
    wrong = _DISTRIBUTIE.replace('"nnp"', '"bedrijven"')
    with pytest.raises(MappingError, match=r"gekoppeld\.belasting\.entiteiten .*: moet een van deze zijn: 'personen'"):
        parse_mapping(wrong.encode(), Path("distributie.toml"), load_catalogue())


def test_only_the_distribution_says_who_is_coupled() -> None:
    wrong = _BELASTING + '[gekoppeld]\nparkeren = "Parkeren"\n'
    with pytest.raises(MappingError, match="gekoppeld: hoort in de veldtoewijzing van de distributie"):
        parse_mapping(wrong.encode(), Path("belasting.toml"), load_catalogue())


def test_every_key_of_a_coupled_application_is_documented() -> None:
    text = (ROOT / "docs" / "dekking.md").read_text(encoding="utf-8")
    assert [name for name in Gekoppeld.model_fields if f"`{name}`" not in text] == []


def test_the_command_shows_the_repository_s_own_municipality(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    table = CliRunner().invoke(app, ["dekking", "--entity", "personen"])
    assert table.exit_code == 0, table.output
    assert "Zonder controle: Parkeerapplicatie, Personen: Gekoppeld aan de distributie" in table.stdout
    rows = list(csv.DictReader(CliRunner().invoke(app, ["dekking", "--format", "csv"]).stdout.splitlines()))
    assert list(rows[0]) == list(MATRIX)
    document = json.loads(CliRunner().invoke(app, ["dekking", "--entity", "pand", "--format", "json"]).stdout)
    assert {row["entity"] for row in document} == {"pand"}
    assert isinstance(CliRunner().invoke(app, ["dekking", "--entity", "panden"]).exception, CatalogueError)
