"""What a stored run becomes in its report: masked as what it is a value of, codes with what they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.kinds import FINDING_COLUMNS
from kmgb.explain import clusters
from kmgb.report import figures
from kmgb.report.data import RunReport
from kmgb.report.files import RECORD, mask_findings
from kmgb.report.hints import double_hints
from kmgb.report.load import load_run
from kmgb.report.render import Renderer
from kmgb.store.database import open_database
from kmgb.store.runs import DONE, History, NewRun
from kmgb.store.secrets import Vault

CATALOGUE = load_catalogue()
RENDERER = Renderer(Path(__file__).parents[1] / "reports", "Europe/Amsterdam")
NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
BSN = "999900067"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    engine = open_database(f"sqlite:///{tmp_path / 'kmgb.sqlite'}")
    yield History(engine, Vault(bytes(range(32))))
    engine.dispose()


def _report(
    history: History,
    *rows: dict[str, str],
    entity: str = "personen",
    coverage: tuple[dict[str, Any], ...] = (),
    counts: dict[str, int] | None = None,
) -> RunReport:
    known = {"key": BSN, "key_field": "bsn", "field": "", "severity": "normaal"}
    found = pl.DataFrame([known | row for row in rows], schema=FINDING_COLUMNS)
    facts: dict[str, Any] = {"titel": "App", "eigenaar": "Ik", "contact": "", "population": "", "versions": {}}
    facts["coverage"] = list(coverage)
    new = NewRun("app", entity, DONE, NOW, NOW, None, None, facts, {"rows": counts or {}})
    number, _ = history.write(new, [], found, clusters(found))
    stored = history.run(number)
    return load_run(history, CATALOGUE, stored, history.findings(stored))


def _answer(field: str, coverage: str, **more: object) -> dict[str, object]:
    return {"field": field, "coverage": coverage, "explanation": "", "deadline": None} | more


def test_an_example_is_masked_by_the_key_field_of_its_finding(history: History) -> None:
    key = {"key": "1234AB|12", "key_field": "postcode|huisnummer", "distributie": "1234AB|12", "kind": "ontbreekt"}
    report = _report(history, key, entity="nummeraanduiding")
    (example,) = report.clusters[0].examples
    assert (example.key, example.distributie) == ("1234AB|12", "1234AB|12")
    person = {"key": f"Jansen|{BSN}", "key_field": "geslachtsnaam_diacriet|bsn", "kind": "overtollig"}
    report = _report(history, person | {"afnemer_value": f"Jansen|{BSN}"})
    (example,) = report.clusters[0].examples
    assert (example.key, example.afnemer) == ("Jansen|•••067", "Jansen|•••067")
    assert (report.findings[0].key, report.findings[0].afnemer) == ("Jansen|•••067", "Jansen|•••067")


def test_an_invalid_part_of_a_key_shows_no_other_part(history: History) -> None:
    key = f"{BSN}|20240230"
    row = {"key": key, "key_field": "bsn|geboortedatum", "field": "geboortedatum", "kind": "ongeldig"}
    row |= {"distributie": key, "afnemer_raw": key}
    report = _report(history, row)
    assert report.findings[0].distributie == report.clusters[0].examples[0].distributie == "•••067|20240230"
    record = mask_findings(pl.DataFrame([row], schema=dict.fromkeys(RECORD, pl.String)), CATALOGUE["personen"])
    assert record.select("key", "distributie", "afnemer_raw").rows() == [("•••067|20240230", "•••", "•••")]


def test_a_code_comes_with_what_it_stands_for(history: History) -> None:
    pair = {"field": "geslacht", "kind": "afwijkend", "distributie": "M", "afnemer_value": "V"}
    report = _report(history, *({**pair, "key": f"99990006{n}"} for n in range(3)))
    assert report.findings[0].meanings == ("man", "vrouw")
    assert report.clusters[0].pattern == "M (man) → V (vrouw)"
    page = RENDERER.run(report)
    assert page.count('<bdi>M</bdi> <span class="zacht">(man)</span>') == 6


@pytest.mark.parametrize(
    ("field", "value"), [("burgerlijke_staat", "2"), ("geslacht", "X"), ("voornamen", "M"), ("geslacht", "")]
)
def test_what_is_sensitive_or_no_code_has_no_meaning(history: History, field: str, value: str) -> None:
    report = _report(history, {"field": field, "kind": "afwijkend", "distributie": value, "afnemer_value": value})
    assert report.findings[0].meanings == ("", "")


def test_the_parts_of_a_composite_field_are_one_field(history: History) -> None:
    parts = [f"id_codes_verblijfadres.{name}" for name in ("adresseerbaar_object", "nummeraanduiding")]
    lines = (_answer("bsn", "sleutel"), *(_answer(part, "vergeleken") for part in parts))
    report = _report(history, coverage=(*lines, _answer("voornamen", "niet_gevoerd")))
    assert figures.field_count(report.coverage) == 3
    assert "2 van 3 velden vergeleken." in RENDERER.run(report)


def test_a_wish_shows_what_is_done_until_its_deadline(history: History) -> None:
    wish = _answer(
        "voornamen", "niet_aangeleverd", explanation="In de export", deadline="2026-10-01", alternative="Lijst per mail"
    )
    report = _report(history, coverage=(wish,))
    assert (report.coverage[0].deadline, report.coverage[0].alternative) == (date(2026, 10, 1), "Lijst per mail")
    page = RENDERER.run(report)
    assert 'In de export<br><span class="zacht">Tot dan: Lijst per mail</span>' in page
    assert '1 oktober 2026 <span class="woord kritiek">verlopen</span>' in page


DOUBLE = {"kind": "dubbel", "rule": "gelijk", "key_field": "id_pand", "distributie": "2"}
ADVICE = (
    "Meer dan de helft van de sleutels van de distributie komt meer dan eens voor. Bevat de aanlevering alle voorkomens, "
    'zet dan historie = "actueel" bij [entiteit.pand] van de veldtoewijzing van de distributie: alleen het voorkomen van '
    "de peildatum telt dan."
)


@pytest.mark.parametrize(("rows", "hints"), [(5, (ADVICE,)), (6, ())], ids=["more than half", "half"])
def test_mostly_double_keys_bring_a_hint(history: History, rows: int, hints: tuple[str, ...]) -> None:
    keys = ({**DOUBLE, "key": f"036310000000000{n}"} for n in range(2))
    report = _report(history, *keys, entity="pand", counts={"distributie": rows, "distributie_dubbel": 4})
    assert report.hints == hints
    assert ("<strong>Let op:</strong> Meer dan de helft" in RENDERER.run(report)) == bool(hints)


def test_an_entity_without_voorkomens_needs_another_key() -> None:
    found = pl.DataFrame([{"kind": "dubbel", "afnemer_value": "3"}], schema=FINDING_COLUMNS)
    assert list(double_hints(found, {"afnemer": 3, "afnemer_dubbel": 3}, CATALOGUE["personen"])) == [
        "Meer dan de helft van de sleutels van de applicatie komt meer dan eens voor. Noem onder 'sleutel' bij "
        "[entiteit.personen] van de veldtoewijzing van de applicatie een veld dat één rij aanwijst."
    ]
