"""What a report says of causes, next steps and lives: what to do first, what does not count, and what was not judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.crosscheck.model import Vervolg
from kmgb.explain import EXPLAINED_COLUMNS, Cause, clusters
from kmgb.report import causes, figures
from kmgb.report.data import CountLine, Overview, RunReport, Tally
from kmgb.report.evidence import shown_evidence
from kmgb.report.files import RECORD, mask_findings
from kmgb.report.load import load_run
from kmgb.report.render import Renderer
from kmgb.store.database import open_database
from kmgb.store.runs import DONE, QUARANTINE, History, NewRun, StoredDelivery
from kmgb.store.secrets import Vault
from kmgb.store.suppression import Pattern

CATALOGUE = load_catalogue()
RENDERER = Renderer(Path(__file__).parents[1] / "reports", "Europe/Amsterdam")
NOW = datetime(2026, 11, 9, 6, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
FACTS: dict[str, Any] = {
    "titel": "App", "eigenaar": "Ik", "contact": "", "population": "", "versions": {}, "coverage": [], "warnings": [],
}  # fmt: skip
TITLE = "Jonger dan 16 en gehuwd"
BOOK = {
    "code": "kind_gehuwd", "kant": "applicatie", "entity": "personen", "titel": TITLE, "severity": "normaal",
    "rijen": 408, "beoordeeld": 55, "fout": 6, "niet_te_beoordelen": 1, "buiten": 352,
}  # fmt: skip
CHECK = {"rule": "kruiscontrole:kind_gehuwd", "kind": "ongeldig", "field": "burgerlijke_staat"}


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    engine = open_database(f"sqlite:///{tmp_path / 'kmgb.sqlite'}")
    yield History(engine, Vault(bytes(range(32))))
    engine.dispose()


def _rows(count: int, **values: str) -> list[dict[str, str]]:
    known = {"key_field": "bsn", "field": "voornamen", "kind": "afwijkend", "severity": "normaal", "cause": "onbekend"}
    known |= {"cause_evidence": "Geen oorzaak bewezen.", "next_step": "herstellen_applicatie"} | values
    return [known | {"key": f"{999_900_000 + number}"} for number in range(count)]


def _write(
    history: History,
    rows: Sequence[dict[str, str]],
    weeks: int = 0,
    *,
    status: str = DONE,
    own: bool = False,
    facts: dict[str, Any] = FACTS,
    **more: Any,
) -> RunReport:
    found = pl.DataFrame(rows, schema=EXPLAINED_COLUMNS)
    moment = NOW + weeks * WEEK
    outcome = {"rows": {"gekoppeld": 100}} if status == DONE else {}
    outcome |= {name: more.pop(name) for name in ("crosschecks", "crosschecks_skipped") if name in more}
    manifest = {
        "file": "a.csv", "peildatum_from": "opgegeven", "faulty_rows": 0, "reasons": [], "remarks": [],
    }  # fmt: skip
    landed = [StoredDelivery("d1", "d", "personen", "geaccepteerd", moment, moment, "0" * 64, 408, manifest)]
    new = NewRun("app", "personen", status, moment, moment, "d1" if own else None, None, facts, outcome)
    judged = (found, clusters(found)) if status == DONE else (None, None)
    number, _ = history.write(new, landed if own else [], *judged, **more)
    return _report(history, number)


def _report(history: History, number: int) -> RunReport:
    stored = history.run(number)
    return load_run(history, CATALOGUE, stored, history.findings(stored))


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]))


def test_every_cause_and_step_has_words() -> None:
    assert set(causes.CAUSE_ORDER) == {cause.value for cause in Cause}
    assert set(causes.STEP_ORDER) == {*get_args(Vervolg), ""}
    assert all(causes.cause_words(cause).meaning for cause in Cause)
    assert all(causes.step_words(step).meaning for step in get_args(Vervolg))


@pytest.mark.parametrize(
    ("kind", "cause", "step", "said"),
    [
        ("afwijkend", "formaat", "herstellen_applicatie", "Laat de leverancier het veld zo inlezen"),
        ("leeg_in_bron", "handmatig", "terugmelden", "Onderzoek de waarde en meld haar terug"),
        ("overtollig", "handmatig", "herstellen_applicatie", "Ga na of het bericht van beëindiging"),
        ("afwijkend", "niet_ontvangen", "herzenden", "Laat de gegevens herzenden en zoek in het berichtenlog"),
        ("cosmetisch", "onbekend", "geen", "Geen haast"),
    ],
)
def test_advice_fits_the_step(kind: str, cause: str, step: str, said: str) -> None:
    assert causes.advice(kind, cause, step).startswith(said)


def test_tasks_come_critical_first_then_as_a_steward_asks(history: History) -> None:
    rows = [
        *_rows(9, field="voornamen"),
        *_rows(3, field="verblijfsadres", severity="hoog"),
        *_rows(1, field="", kind="ontbreekt", severity="hoog", next_step="herzenden"),
        *_rows(1, field="geslacht", severity="laag"),
        *_rows(2, field="datum_overlijden", severity="kritiek", kind="leeg_in_applicatie"),
        *_rows(4, field="bsn", severity="hoog"),
    ]
    report = _write(history, rows)
    assert [(task.field_name, task.count) for task in figures.tasks(report)] == [
        ("datum_overlijden", 2), ("verblijfsadres", 3), ("bsn", 4), ("", 1), ("voornamen", 9), ("geslacht", 1),
    ]  # fmt: skip
    assert [finding.severity for finding in report.findings[:2]] == ["kritiek", "kritiek"]


def test_a_wrong_column_is_one_task_and_no_list(history: History) -> None:
    evidence = "De kolom verschilt in 40 van de 40 rijen waarin dat kan. Voorstel: {}"
    proposal = "De kolom bij Voornamen bevat de waarden van Geslachtsnaam diacriet; wissel de kolommen."
    column = {"cause": "veldtoewijzing", "next_step": "aanpassen_veldtoewijzing"}
    rows = [
        *_rows(30, field="voornamen", cause_evidence=evidence.format(proposal), **column),
        *[row | {"key": f"x{row['key']}", "kind": "leeg_in_applicatie"} for row in _rows(10, **column)],
        *_rows(2, field="geslacht"),
    ]
    report = _write(history, rows)
    assert report.tally == Tally(afwijkend=2, veldtoewijzing=40, velden=1)
    first, second = figures.tasks(report)
    assert (first.field_name, first.count, first.numbers, second.count) == ("voornamen", 40, (1, 2), 2)
    assert {finding.field for finding in report.findings} == {"Geslacht"}
    text = _text(RENDERER.run(report))
    assert "2 van 100 personen wijken af; 1 veld lijkt verkeerd toegewezen; 2 nieuw" in text
    assert f"in 40 van de 40 rijen waarin dat kan. Voorstel: {proposal}" in text
    assert "40 bevindingen van een veld dat verkeerd toegewezen lijkt, staan niet in deze lijst" in text
    assert "2 nieuw en 40 in een verkeerd toegewezen veld" in text
    assert figures.step_count(report, report.steps[0]) == "1 veld"


def test_under_way_and_accepted_do_not_count(history: History) -> None:
    rows = [
        *_rows(3, cause="onderweg", next_step="wachten", former_until="2026-11-02"),
        *_rows(2, field="geslacht"),
        *_rows(4, field="voorletters", cause="bron_in_onderzoek", next_step="wachten"),
    ]
    _write(history, rows)
    history.decisions.accept_pattern(
        Pattern("app", "personen", field="geslacht"), reason="zo afgesproken", who="M. de Vries",
        last_day=(NOW + 9 * WEEK).date(), zone="Europe/Amsterdam", now=NOW + WEEK / 2,
    )  # fmt: skip
    report = _write(history, rows, 1)
    assert report.tally == Tally(afwijkend=4, onderweg=3, geaccepteerd=2, in_onderzoek=4)
    assert (report.nieuw, figures.uncounted(report), figures.discrepancies(report)) == (0, 5, 4)
    assert figures.tasks(report) == ()
    assert {line.field_name: (line.count, line.accepted) for line in figures.waiting(report)} == {
        "voornamen": (3, 0), "geslacht": (2, 2), "voorletters": (4, 0),
    }  # fmt: skip
    assert report.causes == (CountLine("bron_in_onderzoek", 4, 0), CountLine("onderweg", 3, 0))
    text = _text(RENDERER.run(report))
    assert "4 van 100 personen wijken af (niet meegeteld: 3 onderweg, 2 geaccepteerd)" in text
    assert "verouderd: gold tot en met 02-11-2026" in text
    assert "4 in onderzoek bij de bron" in text


def test_a_life_is_told_in_one_run(history: History) -> None:
    first, *others = _rows(4)
    _write(history, [first, *others])
    _write(history, others, 1)
    fates = {others[0]["key"]: "buiten_populatie", others[1]["key"]: "onbekend", others[2]["key"]: "vergeleken"}
    report = _write(history, [first], 2, fates=lambda keys: fates)
    assert (report.nieuw, report.teruggekeerd, report.opgelost) == (0, 1, 1)
    assert (report.buiten_populatie, report.onbekend, report.openstaand) == (1, 1, 2)
    assert {(finding.status, finding.age) for finding in report.findings} == {("teruggekeerd", 0), ("onbekend", 14)}
    text = _text(RENDERER.run(report))
    assert "0 nieuw, 1 teruggekeerd, 1 opgelost" in text
    assert "anders gesloten: 1 buiten populatie" in text
    assert "1 niet beoordeeld blijft open: onbekend is niet opgelost" in text
    assert "09-11-2026 14 dagen niet beoordeeld" in text


def test_a_kruiscontrole_goes_by_its_title_also_when_the_newest_run_did_not_make_it(history: History) -> None:
    rows = [row | CHECK for row in _rows(3, cause_evidence=f"Kruiscontrole: {TITLE}", afnemer_value="2")]
    skipped = {"code": "adres_bestaat", "kant": "applicatie", "reason": "er is geen aanlevering van nummeraanduiding"}
    made = _write(history, rows, crosschecks=[BOOK], crosschecks_skipped=[skipped])
    text = _text(RENDERER.run(made))
    assert f"Burgerlijke staat kruiscontrole: {TITLE}: •••" in text
    assert f"{TITLE} applicatie normaal 55 6 1" in text
    assert "Adres bestaat (applicatie): er is geen aanlevering van nummeraanduiding" in text
    later = _write(history, [], 1, status=QUARANTINE)
    assert {finding.check for finding in later.findings} == {TITLE}
    assert "alle 3 openstaande bevindingen blijven zoals ze waren" in _text(RENDERER.run(later))


def test_the_distribution_itself_is_compared_with_nothing(history: History) -> None:
    rows = [row | CHECK for row in _rows(6, next_step="terugmelden", distributie="2")]
    report = _write(history, rows, own=True, crosschecks=[BOOK | {"kant": "distributie"}])
    text = _text(RENDERER.run(report))
    assert "Controle van de distributie zelf" in text
    assert "App, Personen: 6 van 408 personen voldoen niet aan een kruiscontrole; 6 nieuw" in text
    assert "vergeleken" not in text.lower()
    assert "applicatie" not in text.lower()
    overview = _text(RENDERER.overview(Overview(NOW, (report, replace(report, own=False)), ())))
    assert "1 controle: 1 met afwijkingen; de distributie zelf: 1 met afwijkingen." in overview


def test_warnings_stand_out_also_in_quarantaine(history: History) -> None:
    facts = FACTS | {"warnings": ["Tussen 2026-10-26 en 2026-11-09 is een aanlevering gemist."]}
    for status in (DONE, QUARANTINE):
        page = RENDERER.run(_write(history, [], 1, status=status, facts=facts))
        assert '<span class="datum">26-10-2026</span> en <span class="datum">09-11-2026</span> is een' in page
    report = _report(history, 1)
    assert "1 waarschuwing" in _text(RENDERER.overview(Overview(NOW, (report,), ())))


def test_evidence_is_shown_but_for_a_day_out_of_the_row_of_a_person() -> None:
    evidence = "De bron wijzigde dit tussen 2026-11-02 en 2026-11-09 (de bron noemt zelf 2026-11-05)."
    hidden = evidence.replace("2026-11-05", "•••")
    assert shown_evidence(evidence, CATALOGUE["personen"]) == hidden
    assert shown_evidence(evidence, CATALOGUE["pand"]) == evidence
    row = dict.fromkeys(RECORD, "") | {"key": "1", "key_field": "bsn", "field": "bsn", "cause_evidence": evidence}
    record = pl.DataFrame([row], schema=dict.fromkeys(RECORD, pl.String))
    assert mask_findings(record, CATALOGUE["personen"])["cause_evidence"].to_list() == [hidden]


def test_a_cluster_can_be_decided_on(history: History) -> None:
    report = _write(history, _rows(3, rule="ongeldig:tekens_brp", cause="formaat", transform="afgekapt op 20"))
    text = _text(RENDERER.run(report))
    assert "groep 1" in text
    assert f"kmgb besluit accepteren --cluster {report.run_id}/1" in text
