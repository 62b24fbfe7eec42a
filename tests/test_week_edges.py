"""Weeks that are not as other weeks: nothing checked, never compared, one application alone, a folder of its own."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from typer.testing import CliRunner
from weekly import Rounds, copy_mappings, moment

from kmgb.cli.main import app
from kmgb.demo.weeks import generate_weeks
from kmgb.report.house import DELIVERED, Colours, load_colours
from kmgb.report.week import AfnemerWeek, ControleLine, Counts, HeatCell
from kmgb.report.week_charts import charts_of, heat_chart
from kmgb.report.week_words import afnemer_sentence, week_sentence
from kmgb.run.week import publish_week, week_report

ROOT = Path(__file__).parents[1]
ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 16, 11, tzinfo=UTC)
WEEK = timedelta(days=7)


def line(stand: str, finished: datetime, *, ooit: bool = True) -> ControleLine:
    return ControleLine("geo", "Geo", "pand", "Pand", 1, finished, stand, "", Counts(), 0, 0, 0, 0, 0, "", ooit=ooit)


def application(*lines: ControleLine, counts: Counts, ingericht: bool = True) -> AfnemerWeek:
    return AfnemerWeek(
        "geo", "Geo", "", "", lines[0].stand, "", counts, Counts(), lines, kolommen=(), ingericht=ingericht
    )


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (application(line("quarantaine", NOW, ooit=False), counts=Counts()),
         "Nog nooit vergeleken wegens quarantaine (pand)."),
        (application(line("quarantaine", NOW), counts=Counts(open=5, oudste=9)),
         "Niet vergeleken wegens quarantaine (pand); van eerder staan er 5 afwijkingen open; de oudste staat 9 dagen open."),
        (application(line("afwijkend", NOW - WEEK), counts=Counts(open=1)),
         "Deze week niet gecontroleerd; op 09-11-2026 was er 1 afwijking."),
        (application(line("afwijkend", NOW), line("quarantaine", NOW), counts=Counts(open=2)),
         "2 afwijkingen, 1 meer dan vorige week (0 nieuw, 0 opgelost, 1 erbij door een ander oordeel);"
         " niet vergeleken wegens quarantaine: pand."),
        (application(line("in_orde", NOW), counts=Counts(), ingericht=False),
         "Geen afwijkingen, 1 minder dan vorige week (0 nieuw, 0 opgelost, 1 eraf door een ander oordeel);"
         " niet meer ingericht: er is geen veldtoewijzing meer."),
    ],
)  # fmt: skip
def test_the_sentence_of_an_application(one: AfnemerWeek, said: str) -> None:
    assert afnemer_sentence(one, Counts(open=1), NOW - WEEK, ZONE) == said


def test_the_sentence_of_the_week() -> None:
    calm, grave = (application(line(stand, NOW), counts=Counts(open=2)) for stand in ("afwijkend", "kritiek"))
    counts = Counts(open=2, nieuw=2)
    tail = ": 2 afwijkingen, voor het eerst gecontroleerd."
    for afnemers, said in (
        ((), "Er is nog geen controle uitgevoerd."),
        ((calm,), f"1 applicatie, zonder spoed{tail}"),
        ((grave,), f"1 applicatie vraagt nu aandacht{tail}"),
        ((calm, calm), f"Geen van de 2 applicaties vraagt nu met spoed aandacht{tail}"),
        ((grave, calm), f"1 van 2 applicaties vraagt nu aandacht{tail}"),
    ):
        assert week_sentence(afnemers, counts, None, NOW - WEEK, ZONE) == said
    old = application(line("kritiek", NOW - 3 * WEEK), counts=counts)
    said = week_sentence((old,), counts, counts, NOW - WEEK, ZONE)
    assert said == "Deze week is niets gecontroleerd; op 26-10-2026 waren er 2 afwijkingen."


def test_two_applications_with_one_title_are_told_apart() -> None:
    cells = [HeatCell(naam, "Belastingen", "personen", "Personen", "naam", "Naam", 10, wrong)
             for naam, wrong in (("oud", 1), ("nieuw", 2))]  # fmt: skip
    chart = heat_chart("Personen", cells, DELIVERED)
    assert chart is not None
    assert chart.kolommen == ("Veld", "Belastingen (nieuw)", "Belastingen (oud)")
    assert chart.rijen == (("Naam", "20,0 % (2 van 10)", "10,0 % (1 van 10)"),)


def test_drawings_follow_the_house_style(tmp_path: Path) -> None:
    sheet = (ROOT / "reports" / "stijl.css").read_text(encoding="utf-8")
    assert load_colours(ROOT / "reports") == DELIVERED
    (tmp_path / "stijl.css").write_text(sheet.replace("--kleur-hoofd: #154273", "--kleur-hoofd: #ffdd00"), "utf-8")
    colours = load_colours(tmp_path)
    assert colours == Colours(hoofd="#ffdd00")
    cells = [HeatCell("a", "A", "personen", "Personen", "naam", "Naam", 10, 10)]
    chart = heat_chart("Personen", cells, colours)
    assert chart is not None
    assert "rgb(255, 221, 0)" in chart.svg and 'fill="#000000"' in chart.svg  # black is what can be read on yellow
    assert "#154273" not in chart.svg


# --- the command ---


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    """Two weeks of which the second is not checked yet."""
    folder = tmp_path_factory.mktemp("gemeente")
    weeks = generate_weeks(folder / "weken")
    rounds = Rounds(folder, copy_mappings(folder / "mappings", inputs=False))
    rounds.week(weeks.weeks[0])
    (folder / "kmgb.toml").write_text(f'mappings = "mappings"\ntemplates = "{ROOT / "reports"}"\n', encoding="utf-8")
    return rounds


def kmgb(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["weekrapport", *words])
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def test_one_application_alone_never_takes_the_place_of_all(
    town: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ("--out", str(tmp_path))
    assert kmgb(monkeypatch, town.folder, *out)[0] == 0
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "week.html" in whole and "week-geo.html" in whole
    for afnemer in ("geo", "belasting"):
        alone = ("--afnemer", afnemer)
        assert kmgb(monkeypatch, town.folder, *out, *alone, "--formaat", "csv")[0] == 0
        own = ("--rol", "functioneel beheerder", "--reden", "werklijst", "--formaat", "csv")
        assert kmgb(monkeypatch, town.folder, *out, *alone, *own)[0] == 0
    assert {name: (tmp_path / name).read_bytes() for name in whole} == whole
    made = {path.name for path in tmp_path.iterdir()} - {*whole}
    for afnemer in ("geo", "belasting"):
        for role in ("", "-functioneel-beheerder"):
            head = f"week-{afnemer}-alleen"
            names = {f"{head}{role}.html", f"{head}-werklijst{role}.html"}
            names |= {f"{head}{role}-afwijkingen.{ending}" for ending in ("csv", "parquet")}
            assert names <= made
    for path in tmp_path.glob("*.html"):  # every link leads to a page that is there
        for target in re.findall(r'href="\./([^"#]+)"', path.read_text(encoding="utf-8")):
            assert (tmp_path / target).exists(), (path.name, target)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_manager_is_led_to_no_page_of_others(town: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kmgb(monkeypatch, town.folder)[0] == 0
    assert kmgb(monkeypatch, town.folder, "--rol", "manager")[0] == 0
    uit = town.folder / "uitvoer"
    (uit / "dekking.html").touch()
    targets = re.findall(r'href="\./([^"#]+)"', (uit / "week-manager.html").read_text(encoding="utf-8"))
    assert targets and all(target.endswith("-manager.html") for target in targets)


def test_a_day_is_told_to_its_end_and_no_week_is_still_to_come(town: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    first = moment(generate_weeks(town.folder / "nogmaals").weeks[0]).astimezone(ZONE)
    code, said = kmgb(monkeypatch, town.folder, "--moment", f"{first:%Y-%m-%d}")
    assert code == 0 and "voor het eerst gecontroleerd" in said
    code, said = kmgb(monkeypatch, town.folder, "--moment", f"{first:%Y-%m-%d}T00:00")
    assert code == 0 and "Er is nog geen controle uitgevoerd." in said
    code, said = kmgb(monkeypatch, town.folder, "--moment", f"{first + 3 * WEEK:%Y-%m-%d}")
    assert code == 0 and "Deze week is niets gecontroleerd" in said
    for wrong in ("2100-01-01", "9999-12-31", "2026-11-2", "vandaag", "2026-02-30"):
        code, said = kmgb(monkeypatch, town.folder, "--moment", wrong)
        assert code != 0 and f"--moment {wrong!r}".replace("'", "") in said.replace("'", "")


def test_a_town_without_runs_gets_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    (tmp_path / "kmgb.toml").write_text(f'templates = "{ROOT / "reports"}"\n', encoding="utf-8")
    formats = [word for name in ("csv", "json", "xlsx") for word in ("--formaat", name)]
    code, said = kmgb(monkeypatch, tmp_path, *formats)
    assert code == 0, said
    uit = tmp_path / "uitvoer"
    assert pl.read_parquet(uit / "week-afwijkingen.parquet").height == 0
    assert (uit / "week-afwijkingen.csv").read_text(encoding="utf-8-sig").startswith("run_id;afnemer;")
    page = (uit / "week.html").read_text(encoding="utf-8")
    assert "Er is nog niets gecontroleerd." in page and "Er is nog niets aangeleverd." in page


def test_the_same_report_is_the_same_file(town: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = "2026-10-01T12:00"
    for name in ("een", "twee"):
        words = ("--moment", made, "--out", str(tmp_path / name), "--formaat", "xlsx", "--formaat", "json")
        assert kmgb(monkeypatch, town.folder, *words)[0] == 0
    for path in (tmp_path / "een").iterdir():
        assert path.read_bytes() == (tmp_path / "twee" / path.name).read_bytes(), path.name


def test_an_application_without_a_mapping_is_said_so(town: Rounds, tmp_path: Path) -> None:
    municipality = town.municipality(town.folder)
    week = week_report(municipality, datetime.now(UTC))
    assert all(one.ingericht for one in week.afnemers)
    path = town.mappings / "vergunningen.toml"
    kept = path.read_bytes()
    path.unlink()
    try:
        week = week_report(town.municipality(town.folder), datetime.now(UTC))
    finally:
        path.write_bytes(kept)
    assert [one.naam for one in week.afnemers if not one.ingericht] == ["vergunningen"]
    page = publish_week(municipality, replace(week, heat=()), tmp_path).read_text(encoding="utf-8")
    assert page.count("niet meer ingericht") == 1
    assert charts_of(replace(week, heat=())).warmte == ()
