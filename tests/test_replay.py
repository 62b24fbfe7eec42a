"""Weeks of history: every run done again gives the same figure, what was touched since is told, and evidence is whole."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from packs import rows_of
from sqlalchemy import delete, func, select, update
from typer.testing import CliRunner, Result
from weekly import Rounds, copy_mappings, planted

from kmgb.cli.main import app
from kmgb.crosscheck.model import RULE
from kmgb.demo.weeks import generate_weeks
from kmgb.run import replay as replaying
from kmgb.run.municipality import Municipality
from kmgb.run.pack.export import Request, export_pack
from kmgb.run.pack.verify import verify_pack
from kmgb.run.replay import replay
from kmgb.store.documents import Document, remember_documents
from kmgb.store.runs import DONE, QUARANTINE, History, NewRun
from kmgb.store.schema import afwijking, document, metadata, versie

WEEKS = (1, 2, 6)  # in the sixth a dump breaks off halfway


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    folder = tmp_path_factory.mktemp("opnieuw")
    weeks = generate_weeks(folder / "weken")
    rounds = Rounds(folder, copy_mappings(folder / "mappings", inputs=True))
    for number in WEEKS:
        rounds.week(weeks.weeks[number - 1])
    return rounds


@pytest.fixture
def touched(played: Rounds, tmp_path: Path) -> Municipality:
    """The same history in a place of its own, to be spoiled."""
    for name in ("data", "mappings"):
        shutil.copytree(played.folder / name, tmp_path / name)
    return Rounds(tmp_path, tmp_path / "mappings").municipality(tmp_path)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """What the command line says of a municipality."""

    def run(municipality: Municipality, *words: object) -> Result:
        for name in ("mappings", "dumps", "data"):
            monkeypatch.setenv(f"KMGB_{name.upper()}", str(getattr(municipality.settings, name)))
        return CliRunner().invoke(app, ["check", "--replay", *map(str, words)])

    return run


def _last(municipality: Municipality, afnemer: str = "belasting", entity: str = "personen") -> int:
    return municipality.history.runs(afnemer, 1, entity=entity, status=DONE)[0].id


def _rows(history: History) -> dict[str, int]:
    with history.engine.connect() as connection:
        counts = {table.name: select(func.count()).select_from(table) for table in metadata.sorted_tables}
        return {name: connection.execute(statement).scalar_one() for name, statement in counts.items()}


def test_every_run_gives_the_same_figure_again(played: Rounds) -> None:
    municipality = played.municipality(played.folder)
    runs = municipality.history.runs(limit=1000)
    assert {run.status for run in runs} == {DONE, QUARANTINE}
    assert [result for run in runs if not (result := replay(municipality, run.id)).equal] == []
    found = {run.id: replay(municipality, run.id).found for run in runs[:10]}
    assert found == {run.id: run.outcome["total"] for run in runs[:10]}
    assert sum(run.outcome.get("total", 0) for run in runs) > 500


def test_the_pack_of_these_weeks_gives_what_was_planted(played: Rounds, tmp_path: Path) -> None:
    """The list of what was planted knows nothing of the store; the pack is read in plain Python."""
    municipality = played.municipality(played.folder)
    request = Request(date(2026, 1, 1), date(2027, 12, 31), (), (), "A. Auditor")
    written = export_pack(municipality, request, tmp_path / "bewijs.zip", now=datetime(2028, 1, 1, tzinfo=UTC))
    assert verify_pack(written.path, written.manifest_sha256).faults == ()
    findings = [row for row in rows_of(written.path, "bevindingen") if not row["rule"].startswith(RULE)]
    versions = rows_of(written.path, "versies")
    for place, number in enumerate(WEEKS[:2]):
        last = max(played.runs[place].values())
        kinds = {row["id"]: row["kind"] for row in versions if int(row["run_id"]) <= last}
        stood = [one for one in findings if int(one["opened_run"]) <= last < int(one["closed_run"] or last + 1)]
        expected = planted(played.folder / "weken" / f"week-{number:02d}")
        assert Counter((one["afnemer"], one["entity"], one["field"], kinds[one["id"]]) for one in stood) == Counter(
            (one["afnemer"], one["entity"], one["field"], one["kind"]) for one in expected
        )


def test_nothing_is_written(touched: Municipality) -> None:
    before, files = _rows(touched.history), sorted(touched.settings.data.rglob("*"))
    assert replay(touched, _last(touched)).equal
    assert (_rows(touched.history), sorted(touched.settings.data.rglob("*"))) == (before, files)


def test_the_texts_of_then_are_used(touched: Municipality, said: Callable[..., Result]) -> None:
    number = _last(touched)
    for path in touched.settings.mappings.rglob("*.toml"):
        if path.stem != "distributie":
            path.unlink()
    (touched.settings.mappings / "distributie.toml").write_text("geen TOML meer", encoding="utf-8")
    result = said(touched, number)
    total = touched.history.run(number).outcome["total"]
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        0,
        f"Run {number}: {total} bevindingen, gelijk aan de geschiedenis",
    )


def test_every_text_is_kept_once(played: Rounds) -> None:
    history = played.municipality(played.folder).history
    with history.engine.connect() as connection:
        kinds = dict(connection.execute(select(document.c.kind, func.count()).group_by(document.c.kind)).all())
    mappings = len(list(played.mappings.glob("*.toml")))
    assert kinds == {"veldtoewijzing": mappings, "kruiscontroles": 1, "catalogus": 1, "codelijsten": 1}
    (path,) = (path for path in played.mappings.glob("belasting.toml"))
    kept = Document("veldtoewijzing", path.read_bytes())
    assert history.documents([kept.sha256]) == {kept.sha256: kept}


def test_a_text_that_two_runs_keep_at_once_is_kept_once(played: Rounds) -> None:
    history, text = played.municipality(played.folder).history, Document("veldtoewijzing", b"tekst")
    with history.engine.connect() as connection:
        remember_documents(connection, [text, text])
        remember_documents(connection, [text])
        assert connection.execute(select(func.count()).where(document.c.sha256 == text.sha256)).scalar_one() == 1


def test_an_altered_aanlevering_is_noticed(touched: Municipality, said: Callable[..., Result]) -> None:
    number = _last(touched)
    stored = touched.history.run(number)
    (data,) = touched.landing.glob(f"*/*/{stored.afnemer_id}/data.parquet")
    rows = pl.read_parquet(data)
    rows.head(rows.height - 1).write_parquet(data)
    result = said(touched, number)
    assert result.exit_code == 3
    assert f"Run {number}: niet te bewijzen; aanlevering {stored.afnemer_id} (belasting, personen) is niet meer" in (
        result.stderr
    )
    data.unlink()
    assert "is er niet meer: de bewaartermijn" in said(touched, number).stderr


def test_a_text_that_is_gone_or_altered_is_told(touched: Municipality) -> None:
    number = _last(touched)
    version = touched.history.run(number).facts["versions"]["veldtoewijzing"]
    with touched.history.engine.begin() as connection:
        connection.execute(update(document).where(document.c.sha256 == version).values(content=b"anders"))
    (altered,) = replay(touched, number).reasons
    with touched.history.engine.begin() as connection:
        connection.execute(delete(document).where(document.c.sha256 == version))
    assert replay(touched, number).reasons == (altered,)
    assert altered == "de tekst van de veldtoewijzing is bij deze run niet bewaard, of is veranderd."


def test_a_history_that_was_altered_is_told_by_kind(touched: Municipality, said: Callable[..., Result]) -> None:
    number = _last(touched)
    of_controle = select(afwijking.c.id).where(afwijking.c.afnemer == "belasting", afwijking.c.entity == "personen")
    changed = versie.c.afwijking_id.in_(of_controle) & (versie.c.kind == "ontbreekt")
    with touched.history.engine.begin() as connection:
        connection.execute(update(versie).where(changed).values(kind="overtollig"))
    result = said(touched, number)
    kinds = touched.history.run(number).outcome["kinds"]
    assert result.exit_code == 3
    assert f"Run {number}: {sum(kinds.values())} bevindingen, NIET gelijk aan de geschiedenis" in result.stderr
    assert f"  ontbreekt: 0 alleen in de geschiedenis, {kinds['ontbreekt']} alleen nu" in result.stderr
    assert f"  overtollig: {kinds['ontbreekt']} alleen in de geschiedenis, 0 alleen nu" in result.stderr


def test_counts_that_were_altered_are_told(touched: Municipality) -> None:
    number = _last(touched)
    runs = metadata.tables["run"]
    outcome = touched.history.run(number).outcome
    with touched.history.engine.begin() as connection:
        wrong = outcome | {"rows": outcome["rows"] | {"afnemer": 1}}
        connection.execute(update(runs).where(runs.c.id == number).values(outcome=wrong))
    result = replay(touched, number)
    assert (result.differences, result.counts) == ((), ("rows",))


def test_a_run_in_quarantaine_changed_nothing(touched: Municipality, said: Callable[..., Result]) -> None:
    (refused,) = touched.history.runs(limit=100, status=QUARANTINE)
    assert said(touched, refused.id).stdout.startswith(f"Run {refused.id}: in quarantaine; er is niets vergeleken")
    with touched.history.engine.begin() as connection:
        one = select(func.min(afwijking.c.id)).scalar_subquery()
        closing = update(afwijking).where(afwijking.c.id == one)
        connection.execute(closing.values(closed_run=refused.id, closed_as="opgelost"))
    (reason,) = replay(touched, refused.id).reasons
    assert reason == "de run staat in quarantaine, en toch zijn er bevindingen door veranderd."


def test_another_version_is_said_beside_the_outcome(played: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    municipality = played.municipality(played.folder)
    monkeypatch.setattr(replaying, "RULE_VERSION", "2099.1")
    result = replay(municipality, _last(municipality))
    assert result.equal
    assert result.other == ("regels 2026.2 (nu 2099.1)",)


def test_a_run_from_before_anything_was_kept_says_so(touched: Municipality) -> None:
    now = datetime(2026, 11, 16, tzinfo=UTC)
    number, _ = touched.history.write(NewRun("oud", "personen", DONE, now, now, None, None, {}), [], None, None)
    (reason,) = replay(touched, number).reasons
    assert reason.startswith("deze run is van vóór de tijd dat teksten en instellingen bewaard werden")


def test_an_aanlevering_without_a_sum_is_proven_by_the_outcome_only(touched: Municipality) -> None:
    number = _last(touched)
    deliveries, used = metadata.tables["aanlevering"], touched.history.run(number).afnemer_id
    assert used is not None
    old = touched.history.delivery(used).manifest
    del old["data_sha256"]
    with touched.history.engine.begin() as connection:
        connection.execute(update(deliveries).where(deliveries.c.id == used).values(manifest=old))
    result = replay(touched, number)
    assert (result.equal, result.unproven) == (True, (used,))


@pytest.mark.parametrize("words", [[], ["twaalf"], ["12", "--entiteit", "personen"], ["999999"]])
def test_a_number_that_is_none_is_refused(played: Rounds, said: Callable[..., Result], words: list[str]) -> None:
    result = said(played.municipality(played.folder), *words)
    assert result.exit_code != 0
    assert "kmgb history list" in str(result.exception)
