"""The weekly report against a count in plain Python, in every week of an invented municipality, for every role."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from weekly import ROOT, Rounds, copy_mappings, moment

from kmgb.arrival.audit import AUDIT_FILE
from kmgb.cli.main import app
from kmgb.demo.weeks import Weeks, generate_weeks
from kmgb.report.week import Counts, Role, WeekReport
from kmgb.report.week_words import changed
from kmgb.run.municipality import Municipality
from kmgb.run.week import publish_week, week_report
from kmgb.store.suppression import Pattern

WEEK = timedelta(days=7)
ZONE = "Europe/Amsterdam"


@dataclass
class Town:
    weeks: Weeks
    rounds: Rounds
    municipality: Municipality

    def made(self, number: int) -> datetime:
        return moment(self.weeks.weeks[number - 1]) + timedelta(hours=2)

    def week(self, number: int, role: Role = Role.GEGEVENSBEHEERDER, afnemer: str | None = None) -> WeekReport:
        return week_report(self.municipality, self.made(number), role, afnemer)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Eight weeks; after the fifth some findings are accepted, by number and by pattern, one of them until week 7."""
    folder = tmp_path_factory.mktemp("gemeente")
    weeks = generate_weeks(folder / "weken")
    rounds = Rounds(folder, copy_mappings(folder / "mappings", inputs=False))
    for week in weeks.weeks[:5]:
        rounds.week(week)
    municipality = rounds.municipality(folder)
    decide(municipality, moment(weeks.weeks[4]) + timedelta(hours=1), moment(weeks.weeks[6]))
    for week in weeks.weeks[5:]:
        rounds.week(week)
    return Town(weeks, rounds, rounds.municipality(folder))


def decide(municipality: Municipality, now: datetime, short: datetime) -> None:
    history = municipality.history
    (stored,) = [run for run in history.as_of(moment=now) if (run.afnemer, run.entity) == ("belasting", "personen")]
    ids = history.findings(stored).filter(kind="afwijkend")["id"].to_list()
    keys = {"reason": "Zo afgesproken", "who": "M. de Vries", "zone": ZONE, "now": now}
    history.decisions.accept(ids[:3], last_day=(short - WEEK).date(), **keys)
    numbers = history.decisions.accept(ids[3:6], last_day=(now + timedelta(days=300)).date(), **keys)
    history.decisions.withdraw(numbers[0], reason="Toch niet", who="M. de Vries", now=now)
    pattern = Pattern("belasting", "personen", field="verblijfsadres", kind="afwijkend")
    history.decisions.accept_pattern(pattern, last_day=(now + timedelta(days=40)).date(), **keys)
    history.decisions.report_back(ids[6:8], reference="TMV-1", state="verzonden", who="M. de Vries", now=now)


Row = dict[str, Any]


def oracle(town: Town, made: datetime) -> dict[tuple[str, str], Counts]:
    """Every finding opened and looked at one by one."""
    history, since = town.municipality.history, made - WEEK
    found = {}
    for stored in history.as_of(moment=made):
        rows = history.findings(stored, made).to_dicts()
        wrong = [row for row in rows if part(row) == "afwijkend"]
        columns = {row["field"] for row in rows if part(row) == "veldtoewijzing"}
        grave = {row["field"] for row in rows if part(row) == "veldtoewijzing" and row["severity"] == "kritiek"}
        fresh = [row for row in wrong if row["first_seen"].replace(tzinfo=UTC) > since]
        whole: dict[str, list[bool]] = {}
        for row in rows:
            if part(row) == "veldtoewijzing":
                whole.setdefault(row["field"], []).append(row["first_seen"].replace(tzinfo=UTC) > since)
        gone = [row for row in history.findings(stored, made, closed=True).to_dicts() if left(row, since, made)]
        single = [row for row in gone if row["cause"] != "veldtoewijzing"]
        found[stored.afnemer, stored.entity] = Counts(
            open=len(wrong) + len(columns),
            kritiek=sum(row["severity"] == "kritiek" for row in wrong) + len(grave),
            cosmetisch=sum(part(row) == "cosmetisch" for row in rows),
            onderweg=sum(part(row) == "onderweg" for row in rows),
            geaccepteerd=sum(part(row) == "geaccepteerd" for row in rows),
            teruggemeld=sum(row["status"] == "teruggemeld" for row in wrong),
            nieuw=sum(row["predecessor"] is None for row in fresh)
            + sum(sum(late) * 2 > len(late) for late in whole.values()),
            teruggekeerd=sum(row["predecessor"] is not None for row in fresh),
            opgelost=sum(row["status"] == "opgelost" for row in single)
            + len(
                {row["field"] for row in gone if row["cause"] == "veldtoewijzing" and row["status"] == "opgelost"}
                - {*whole}
            ),
            vervallen=sum(row["status"] != "opgelost" for row in single),
            oudste=max(((made - row["first_seen"].replace(tzinfo=UTC)).days for row in wrong), default=0),
        )
    return found


def part(row: Row) -> str:
    if row["decision"] is not None or row["status"] == "geaccepteerd":
        return "geaccepteerd"
    if row["cause"] == "onderweg":
        return "onderweg"
    if row["kind"] == "cosmetisch":
        return "cosmetisch"
    return "veldtoewijzing" if row["cause"] == "veldtoewijzing" else "afwijkend"


def left(row: Row, since: datetime, made: datetime) -> bool:
    """It counted as wrong before it was closed: by the last that was known of it."""
    if row["closed"] is None or row["kind"] == "cosmetisch" or row["cause"] == "onderweg":
        return False
    opened, closed = (row[name].replace(tzinfo=UTC) for name in ("first_seen", "closed"))
    return bool(opened <= since < closed <= made)


def counted(week: WeekReport) -> dict[tuple[str, str], Counts]:
    lines = [*week.own, *(line for afnemer in week.afnemers for line in afnemer.controles)]
    return {(line.afnemer, line.entity): line.counts for line in lines}


@pytest.mark.parametrize("number", range(1, 9))
def test_every_count_is_that_of_the_findings_themselves(town: Town, number: int) -> None:
    assert counted(town.week(number)) == oracle(town, town.made(number))


def test_something_happened_in_these_weeks(town: Town) -> None:
    """The counts above would also agree on nothing."""
    weeks = [town.week(number).counts for number in range(1, 9)]
    for name in ("open", "nieuw", "opgelost", "teruggekeerd", "onderweg", "geaccepteerd", "teruggemeld", "kritiek"):
        assert any(getattr(counts, name) for counts in weeks), name


def test_the_sums_are_those_of_the_parts_and_of_the_week_before(town: Town) -> None:
    week, before = town.week(6), town.week(5)
    parts = [afnemer.counts for afnemer in week.afnemers]
    for name in ("open", "kritiek", "nieuw", "opgelost", "geaccepteerd"):
        assert getattr(week.counts, name) == sum(getattr(one, name) for one in parts)
    assert week.vorige.open == town.week(5).counts.open or before.made != week.since


def test_an_earlier_week_reads_the_same_later(town: Town, tmp_path: Path) -> None:
    """After week 3 much happened; its report of then is that of now."""
    shown = [publish_week(town.municipality, town.week(3), tmp_path / name).read_bytes() for name in ("een", "twee")]
    assert shown[0] == shown[1]
    assert counted(town.week(3)) == oracle(town, town.made(3))


def test_the_last_point_of_the_trend_is_what_stands_open(town: Town) -> None:
    week = town.week(8)
    lines = [row for stored in town.municipality.history.as_of(moment=week.made) if stored.afnemer != "distributie"
             for row in town.municipality.history.findings(stored, week.made).to_dicts()]  # fmt: skip
    beside = ("onderweg", "veldtoewijzing")
    last = week.trend[-1]
    assert last.open == sum(row["kind"] != "cosmetisch" and row["cause"] not in beside for row in lines)
    assert last.open == week.counts.open + week.counts.geaccepteerd - sum(len(one.kolommen) for one in week.afnemers)
    assert last.opgelost == week.counts.opgelost - sum(len(one.kolommen) for one in town.week(7).afnemers)
    # There was nothing to see before the first run.
    assert [point.day for point in week.trend] == [town.made(number).date() for number in range(1, 9)]


def test_the_sentence_of_every_week_adds_up(town: Town) -> None:
    seen = set()
    for number in range(2, 9):
        week = town.week(number)
        for counts, before in [(week.counts, week.vorige), *((one.counts, one.vorige) for one in week.afnemers)]:
            said = changed(counts, before)
            found = re.findall(r"(\d+) (nieuw|teruggekeerd|opgelost|vervallen|geaccepteerd|erbij|eraf)", said)
            moves = {name: count for count, name in found}
            came = sum(int(moves.get(name, 0)) for name in ("nieuw", "teruggekeerd", "erbij"))
            went = sum(int(moves.get(name, 0)) for name in ("opgelost", "vervallen", "geaccepteerd", "eraf"))
            assert came - went == counts.open - before.open, said
            seen |= {*moves}
    assert seen >= {"nieuw", "opgelost", "vervallen", "geaccepteerd"}  # else this shows little


def test_a_worklist_is_as_long_as_what_there_is_to_do(town: Town) -> None:
    """What was accepted, is under way or wrong as a column takes nobody's place."""
    for number in range(1, 9):
        week = town.week(number)
        for one in week.afnemers:
            assert len(one.taken) == min(25, one.counts.open - len(one.kolommen)), (number, one.naam)
        assert len(week.critical) == min(60, week.counts.kritiek)
    history, made = town.municipality.history, town.made(8) + timedelta(hours=1)
    (stored,) = [run for run in history.as_of(moment=made) if (run.afnemer, run.entity) == ("belasting", "personen")]
    wrong = [row["id"] for row in history.findings(stored, made).to_dicts() if part(row) == "afwijkend"]
    assert len(wrong) > 80
    history.decisions.accept(
        wrong[:-4], last_day=(made + timedelta(days=40)).date(), reason="Zo afgesproken", who="M. de Vries", zone=ZONE,
        now=made,
    )  # fmt: skip
    (left,) = [one for one in week_report(town.municipality, made).afnemers if one.naam == "belasting"]
    assert (left.counts.open, len(left.taken)) == (4, 4)
    assert {one.id for one in left.taken} == {*wrong[-4:]}


def test_a_column_that_is_wrong_as_a_whole_is_seen_at_once(town: Town) -> None:
    week = town.week(7)
    (one,) = [one for one in week.afnemers if one.kolommen]
    assert one.zin.endswith("; als hele kolom verkeerd: Geslachtsnaam diacriet, Voornamen.")
    assert one.counts.nieuw >= 2
    assert {cluster.line.field for cluster in week.clusters[:2]} == {*one.kolommen}
    sizes = [cluster.line.count for cluster in week.clusters[2:]]
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_critical_comes_in_the_order_in_which_it_harms(town: Town) -> None:
    week = town.week(8)
    assert week.critical_total == week.counts.kritiek
    assert len(week.critical) == min(week.critical_total, 60)
    order = [("geheim", "overleden", "verhuisd", "bsn", "").index(one.signaal) for one in week.critical]
    assert order == sorted(order)
    assert all(one.severity == "kritiek" and one.advies for one in week.critical)


def test_acceptances_that_end_soon_are_listed_with_what_they_hold_back(town: Town) -> None:
    listed = town.week(5).expiring
    assert {one.naam for one in listed} == {"belasting"}
    assert all(one.last_day - town.made(5).date() <= timedelta(days=30) for one in listed)
    assert sum(one.findings for one in listed) == 3
    assert town.week(8).expiring != listed


# --- roles ---


def values_of(town: Town) -> set[str]:
    """Every BSN and A-nummer in the dumps: what nobody may see without a reason."""
    found = set()
    for path in town.rounds.folder.glob("weken/*/distributie_personen_*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter=";"):
                found |= {value for name, value in row.items() if name.lower().endswith(("bsn", "anummer", "a_nummer"))}
    return {value for value in found if value and len(value) >= 8}


def written(town: Town, tmp_path: Path, role: Role, afnemer: str | None = None) -> Iterator[str]:
    publish_week(town.municipality, town.week(8, role, afnemer), tmp_path)
    for path in sorted(tmp_path.glob("*.html")):
        yield path.read_text(encoding="utf-8")


@pytest.mark.parametrize("role", [Role.GEGEVENSBEHEERDER, Role.AUDITOR, Role.MANAGER])
def test_no_page_but_that_of_the_own_application_shows_who_it_is_about(town: Town, tmp_path: Path, role: Role) -> None:
    secret = values_of(town)
    assert len(secret) > 100
    for page in written(town, tmp_path, role):
        assert not secret & set(re.findall(r"\d{8,}", page))


def test_a_manager_sees_numbers_and_no_object_at_all(town: Town, tmp_path: Path) -> None:
    week = town.week(8, Role.MANAGER)
    assert week.critical == () and all(afnemer.taken == () for afnemer in week.afnemers)
    assert all(one.line.examples == () and one.line.pattern == "" for one in week.clusters)
    assert week.counts == town.week(8).counts
    for page in written(town, tmp_path, Role.MANAGER):
        assert "•••" not in page and "Werklijst" not in page


def test_an_application_owner_sees_his_own_values_and_nothing_else(town: Town, tmp_path: Path) -> None:
    week = town.week(8, Role.BEHEERDER, "belasting")
    assert [one.naam for one in week.afnemers] == ["belasting"]
    assert {one.naam for one in week.heat} == {"belasting"}
    assert values_of(town) & {one.key for one in week.afnemers[0].taken}
    assert all("zaaksysteem" not in page for page in written(town, tmp_path, Role.BEHEERDER, "belasting"))


def test_an_auditor_also_gets_the_fingerprints(town: Town) -> None:
    week = town.week(8, Role.AUDITOR)
    assert week.fingerprints and all(re.fullmatch(r"[0-9a-f]{64}", one[4]) for one in week.fingerprints)
    assert town.week(8).fingerprints == ()


def test_seeing_values_is_an_act_that_is_written_down(town: Town, tmp_path: Path) -> None:
    settings = town.municipality.settings
    path = tmp_path / "kmgb.toml"
    folders = {
        "mappings": settings.mappings,
        "data": settings.data,
        "output": tmp_path / "uit",
        "templates": ROOT / "reports",
    }
    path.write_text("".join(f'{name} = "{folder}"\n' for name, folder in folders.items()), encoding="utf-8")
    ask = ["--instellingen", str(path), "weekrapport", "--rol", "functioneel beheerder"]
    refused = CliRunner().invoke(app, [*ask, "--afnemer", "belasting"])
    assert refused.exit_code != 0 and "--reden" in str(refused.exception)
    done = CliRunner().invoke(app, [*ask, "--afnemer", "belasting", "--door", "B. Bakker", "--reden", "werklijst"])
    assert done.exit_code == 0, done.output
    last = json.loads((settings.data / AUDIT_FILE).read_text(encoding="utf-8").splitlines()[-1])
    assert (last["wat"], last["over"], last["wie"]) == ("waarden getoond in weekrapport", "belasting", "B. Bakker")


# --- norms ---


def test_norms_are_held_against_the_runs_and_say_since_when(town: Town) -> None:
    path = town.rounds.mappings / "belasting.toml"
    before = path.read_text(encoding="utf-8")
    text = before.replace("[afnemer]\n", "[afnemer]\nnorm = { percentage = 50, aantal = 100000 }\n", 1)
    text = re.sub(r'(?m)^bsn = "(\w+)"', r'bsn = { kolom = "\1", norm = { aantal = 0 } }', text, count=1)
    text = text.replace(
        "[entiteit.personen.velden.verblijfsadres]\n",
        "[entiteit.personen.velden.verblijfsadres]\nnorm = { percentage = 100, aantal = 0 }\n",
    )
    path.write_text(text, encoding="utf-8")
    try:
        fresh = Municipality(town.municipality.settings)
        lines = {(one.entity_label, one.field): one for one in week_report(fresh, town.made(8)).norms}
    finally:
        path.write_text(before, encoding="utf-8")
    general = lines["Personen", ""]
    assert (general.woord, general.norm) == ("gehaald", "ten minste 50 % goed, hoogstens 100.000 bevindingen")
    assert general.sinds == town.weeks.weeks[0].peildatum
    assert all(one.woord in ("gehaald", "niet gehaald", "niet te bepalen") for one in lines.values())
    address = lines["Personen", "Verblijfsadres"]
    compared, equal, wrong = fields_of(town, "verblijfsadres")
    assert wrong > 0
    assert address.woord == "niet gehaald"
    assert address.werkelijk.endswith(f" van {compared} waarden goed, {wrong} bevindingen") and equal < compared
    assert lines["Personen", "BSN"].woord == "niet te bepalen"  # the key itself is never compared


def fields_of(town: Town, name: str) -> tuple[int, int, int]:
    """Compared, equal and wrong in the newest run, from its own counts."""
    runs = town.municipality.history.as_of(moment=town.made(8))
    (stored,) = [run for run in runs if (run.afnemer, run.entity) == ("belasting", "personen")]
    (line,) = [line for line in stored.outcome["fields"] if line["field"] == name]
    wrong = line["afwijkend"] + line["leeg_in_applicatie"] + line["leeg_in_bron"] + line["ongeldig"]
    return line["vergeleken"], line["gelijk"], wrong


def test_states_of_deliveries_are_in_the_report(town: Town) -> None:
    week = town.week(8)
    assert {one.naam for one in week.deliveries} <= {*town.municipality.mappings}
    assert list(week.deliveries) == sorted(week.deliveries, key=lambda one: not one.refuses)
