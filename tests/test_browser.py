"""The report in a real browser, also when there are a hundred thousand findings."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import axe_playwright_python
import polars as pl
import pytest
from playwright.sync_api import sync_playwright

from kmgb.compare.kinds import FINDING_COLUMNS, Kind
from kmgb.explain import clusters
from kmgb.run.municipality import Municipality
from kmgb.run.publish import publish_overview, publish_run
from kmgb.run.week import publish_week, week_report
from kmgb.settings import Settings
from kmgb.store.runs import DONE, NewRun

ROOT = Path(__file__).parent.parent
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
MANY = 100_000
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and os.environ.get("KMGB_REQUIRE_BROWSER") == "1":
        pytest.fail("no Chromium on this machine: install the package chromium")
    if found is None:
        pytest.skip("no Chromium on this machine: the report was NOT opened in a browser; install chromium")
    return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The report of a run with MANY findings, the overview, the week and its application."""
    folder = tmp_path_factory.mktemp("veel")
    settings = Settings(
        mappings=ROOT / "mappings", templates=ROOT / "reports", data=folder / "data", output=folder / "uitvoer"
    )
    municipality = Municipality(settings)
    place = pl.int_range(MANY)
    found = pl.select(
        (place + 900_000_000).cast(pl.String).alias("key"),
        pl.lit("bsn").alias("key_field"),
        pl.when(place % 2 == 0).then(pl.lit("voornamen")).otherwise(pl.lit("gemeentecode")).alias("field"),
        pl.lit(Kind.AFWIJKEND.value).alias("kind"),
        pl.lit("<script>alert(1)</script>").alias("distributie"),
        (pl.lit("=cmd|") + place.cast(pl.String)).alias("afnemer_value"),
        pl.lit("normaal").alias("severity"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("rule", "distributie_raw", "afnemer_raw")),
    ).select(*FINDING_COLUMNS)
    facts = {
        "titel": "Belastingapplicatie", "eigenaar": "", "contact": "", "population": "", "coverage": [], "versions": {},
    }  # fmt: skip
    counts = {"paren": MANY, "beide_leeg": 0, "vergeleken": MANY, "gelijk": MANY // 2, "afwijkend": MANY // 2}
    none = dict.fromkeys(("leeg_in_applicatie", "leeg_in_bron", "cosmetisch", "onbeslist", "ongeldig"), 0)
    fields = [{"field": name, **counts, **none} for name in ("voornamen", "gemeentecode")]
    outcome = {"total": MANY, "fields": fields, "rows": {"gekoppeld": MANY}}
    new = NewRun("belasting", "personen", DONE, NOW, NOW, None, None, facts, outcome)
    number, changes = municipality.history.write(new, [], found, clusters(found))
    assert changes.opened == MANY
    week = publish_week(municipality, week_report(municipality, NOW), settings.output)
    of_one = week.with_name("week-belasting.html")
    made = publish_run(municipality, number), publish_overview(municipality, NOW), week, of_one
    municipality.history.engine.dispose()
    return made


def _opened(browser: str, page: Path, profile: Path) -> str:
    command = [browser, *_QUIET, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_report_of_many_findings_opens_in_a_browser(browser: str, pages: tuple[Path, ...], tmp_path: Path) -> None:
    report, *_ = pages
    assert report.stat().st_size < 1_000_000
    seen = _opened(browser, report, tmp_path / "profiel")
    assert "100.000" in seen
    assert "<script" not in seen.lower()


def test_the_overview_opens_in_a_browser(browser: str, pages: tuple[Path, ...], tmp_path: Path) -> None:
    report, overview, *_ = pages
    seen = _opened(browser, overview, tmp_path / "profiel")
    assert report.name in seen


@pytest.mark.parametrize("width", [1280, 400])
def test_everyone_can_use_the_pages(browser: str, pages: tuple[Path, ...], width: int) -> None:
    """No violation of WCAG 2.2 AA, with everything that is folded opened, and nothing wider than the screen."""
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for page in pages:
            tab = opened.new_page(bypass_csp=True, viewport={"width": width, "height": 900})
            tab.goto(page.as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            tab.evaluate(AXE.read_text(encoding="utf-8"))
            found = tab.evaluate(f"axe.run(document, {{runOnly: {_RULES}}})")
            assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
            assert tab.evaluate("document.documentElement.scrollWidth") == width
        opened.close()


def test_the_week_fits_and_nothing_in_it_runs(browser: str, pages: tuple[Path, ...], tmp_path: Path) -> None:
    *_, week, of_one = pages
    assert week.stat().st_size < 300_000
    for page in (week, of_one):
        seen = _opened(browser, page, tmp_path / page.stem)
        assert "<script" not in seen.lower()
        assert "100.000 afwijkingen" in seen
    assert "<svg" in week.read_text(encoding="utf-8")


def test_the_files_beside_it_are_complete_and_harmless(pages: tuple[Path, ...]) -> None:
    report, *_ = pages
    table = report.with_name(f"{report.stem}-afwijkingen.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(table) == MANY + 1
    assert not any(cell.startswith("=") for cell in table[1].split(";"))
    assert pl.read_parquet(report.with_name(f"{report.stem}-afwijkingen.parquet")).height == MANY
