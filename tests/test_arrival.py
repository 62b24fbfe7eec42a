"""How deliveries arrive: their profile, their states, and the decisions of people about quarantine."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path

import polars as pl
import pytest

from kmgb.arrival.audit import broken_line
from kmgb.arrival.band import Band, band
from kmgb.arrival.changes import column_changes
from kmgb.arrival.decide import decide, find_delivery
from kmgb.arrival.manifest import last_accepted, manifests
from kmgb.arrival.profile import ColumnProfile, Profile, Profiler, load_profile, profile_columns
from kmgb.arrival.watch import punctuality, states
from kmgb.arrival.written import written_in
from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import KmgbError, LandingError, MappingError
from kmgb.landing import Landed, land
from kmgb.mapping.load import parse_mapping
from kmgb.mapping.model import Aanlevering, Mapping
from kmgb.mapping.verwacht import Verwacht
from kmgb.sources.delivered import Limits

ZONE = "Europe/Amsterdam"
NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
Lands = Callable[..., Landed]


def mapping(**reader: object) -> Mapping:
    velden = {
        "bsn": {"kolom": "B"},
        "geboortedatum": {"kolom": "D", "datum": "dd-mm-jjjj"},
        "voornamen": {"kolom": "N"},
    }
    plan = {"sleutel": "bsn", "velden": velden, "aanlevering": reader}
    document = {"afnemer": {"naam": "sociaal", "titel": "Sociaal"}, "entiteit": {"personen": plan}}
    return Mapping.model_validate({**document, "path": "m.toml", "version": "v1"})


@pytest.fixture
def lands(tmp_path: Path) -> Lands:
    def _lands(rows: list[str], day: int = 1, *, extra: str = "", **reader: object) -> Landed:
        source = tmp_path / f"dump{day}.csv"
        text = "\n".join([f"B,D,N{extra}", *rows]) + "\n"
        source.write_bytes(text.encode(str(reader.get("als", reader.get("codering", "utf-8")))))
        reader.pop("als", None)
        return land(
            source,
            mapping(**reader),
            "personen",
            tmp_path / "data",
            now=NOW,
            limits=Limits(),
            band=20.0,
            peildatum=datetime(2026, 3, day, tzinfo=UTC),
        )

    return _lands


def rows(count: int, name: str = "Jan", extra: str = "") -> list[str]:
    return [f"999990019,01-02-1980,{name}{number % 7}{extra}" for number in range(count)]


def profile(landed: Landed) -> Profile:
    found = load_profile(landed.folder)
    assert found is not None
    return found


def kinds(landed: Landed) -> list[str]:
    return [signal.kind for signal in profile(landed).signals]


def test_a_profile_says_how_full_varied_long_and_valid_each_column_is(lands: Lands) -> None:
    got = lands(["999990019,01-02-1980,Jan", "999990018,31-02-1980, ", "999990019,,José"])
    assert profile(got).columns == (
        ColumnProfile("B", empty=0, distinct=2, shortest=9, longest=9, field="bsn", judged=3, valid=2),
        ColumnProfile("D", empty=1, distinct=2, shortest=10, longest=10, field="geboortedatum", judged=2, valid=1),
        ColumnProfile("N", empty=1, distinct=2, shortest=3, longest=4, field="voornamen", judged=2, valid=2),
    )
    assert (profile(got).rows, profile(got).encoding, profile(got).compared_with) == (3, "utf-8", "")


@pytest.mark.parametrize("part", [1_000, 70_000, 150_000])
def test_a_profile_made_in_parts_is_that_of_the_whole(tmp_path: Path, part: int) -> None:
    """Against plain Python: a column with few values, one in which nearly all differ, blanks, and one growing varied."""
    chance = random.Random(7)
    size = 150_000
    columns = {
        "B": [f"{chance.randrange(10**9):09}" for _ in range(size)],
        "N": [chance.choice(["Jan", "Ünal", "", "   ", None, "x" * 30]) for _ in range(size)],
        "G": ["m" if row < 90_000 else f"naam{row}" for row in range(size)],
    }
    frame = pl.DataFrame(columns)
    frame.write_parquet(tmp_path / "data.parquet")
    plan = mapping().entiteit["personen"]
    profiler = Profiler(list(columns), plan, "personen", date(2026, 3, 1))
    for start in range(0, size, part):
        profiler.feed(frame.slice(start, part))
    found = {one.name: one for one in profiler.finish(tmp_path / "data.parquet", list(columns))}
    whole = {
        one.name: one
        for one in profile_columns(tmp_path / "data.parquet", list(columns), plan, "personen", date(2026, 3, 1))
    }
    for name, cells in columns.items():
        filled = [cell for cell in cells if cell and cell.strip()]
        one = found[name]
        assert (one.empty, one.shortest, one.longest) == (
            size - len(filled), min(map(len, filled)), max(map(len, filled)),
        )  # fmt: skip
        assert abs(one.distinct - len(set(filled))) <= 0.05 * len(set(filled))
        assert (one.judged, one.valid, one.field) == (whole[name].judged, whole[name].valid, whole[name].field)
    assert found["N"].distinct == 3


def test_a_profile_survives_its_file_and_holds_no_values(lands: Lands) -> None:
    got = lands(rows(3, "Geheimpje"))
    text = (got.folder / "profiel.json").read_text(encoding="utf-8")
    assert Profile.from_json(text) == profile(got)
    assert "Geheimpje" not in text
    assert "999990019" not in text


def test_columns_are_laid_beside_those_of_the_last_accepted_delivery(lands: Lands) -> None:
    first, second = lands(rows(30)), lands(rows(30, "Piet"), 2)
    assert profile(second).compared_with == first.manifest.id
    change = column_changes(profile(second).columns, profile(first).columns)[2]
    assert (change.now and change.now.longest, change.before and change.before.longest) == (5, 4)


@pytest.mark.parametrize(
    ("second", "kind", "sentence"),
    [
        (rows(60), "gekrompen", "60 rijen; de vorige keer 100. Dat is meer dan 20 % minder."),
        (rows(100), "tweemaal_hetzelfde", "De inhoud is gelijk aan de vorige geaccepteerde aanlevering, maar de peildatum is nieuwer. Kan dat bij deze entiteit, zet dan onveranderd = true in de veldtoewijzing."),
        ([row[:-4] for row in rows(100)], "kolom_leeg", "Eerder gevuld en nu geheel leeg: 'N'."),
        ([], "leeg", "dump2.csv: er staat geen enkel record in het bestand. Vraag een nieuwe export."),
    ],
    ids=["shrunken", "twice", "emptied", "nothing"],
)  # fmt: skip
def test_what_refuses_is_a_state_with_its_sentence(lands: Lands, second: list[str], kind: str, sentence: str) -> None:
    lands(rows(100))
    got = lands(second, 2)
    assert got.manifest.reasons == (sentence,)
    assert kinds(got) == [kind]


@pytest.mark.parametrize(
    ("second", "extra", "kind", "sentence"),
    [
        (rows(100, extra=",x"), ",M", "schema_gewijzigd", "Andere kolommen dan de vorige keer; nieuw: 'M'."),
        ([row if n < 10 else row[:-4] for n, row in enumerate(rows(100))], "", "kolom_leeg", "Kolom 'N' was voor 100 % gevuld en nu voor 10 %."),
        ([row.replace("01-02", "41-02") for row in rows(100)], "", "minder_geldig", "Van kolom 'D' was 100 % van de waarden geldig en nu 0 %."),
    ],
    ids=["schema", "drained", "invalid"],
)  # fmt: skip
def test_what_only_asks_for_attention_is_accepted(
    lands: Lands, second: list[str], extra: str, kind: str, sentence: str
) -> None:
    lands(rows(100))
    got = lands(second, 2, extra=extra)
    assert got.accepted
    assert [(signal.kind, signal.sentence) for signal in profile(got).signals] == [(kind, sentence)]


def test_another_encoding_is_refused_unless_the_mapping_says_so(lands: Lands) -> None:
    assert lands(rows(50, "José"), codering="cp1252").accepted
    wrong = lands(rows(51, "José"), 2, codering="cp1252", als="cp850")
    assert kinds(wrong) == ["andere_codering", "minder_geldig"]
    assert wrong.manifest.reasons == (
        "De tekst is nu vermoedelijk cp850; de vorige keer cp1252. Pas 'codering' in de veldtoewijzing aan, of vraag de "
        "vorige codering terug.",
    )
    agreed = lands(rows(52, "José"), 3, codering="cp850")
    assert agreed.accepted
    assert kinds(agreed) == ["andere_codering"]
    assert kinds(lands(rows(52, "José"), 4, codering="utf-8", als="cp1252")) == ["andere_codering"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"Jan", ""),
        ("José".encode(), "utf-8"),
        ("José".encode("cp1252"), "cp1252"),
        ("José".encode("cp850"), "cp850"),
        ("José".encode("utf-16"), "utf-16"),
        (b"PAR1\xe9", ""),
        (b"x" * (4 * 2**20 - 1) + "é".encode() + b"x", "utf-8"),
    ],
    ids=["ascii", "utf-8", "cp1252", "cp850", "utf-16", "parquet", "letter cut in two"],
)
def test_encodings_are_seen_in_the_bytes(tmp_path: Path, content: bytes, encoding: str) -> None:
    (tmp_path / "d").write_bytes(content)
    assert written_in(tmp_path / "d") == encoding


@pytest.mark.parametrize(
    ("agreed", "counts", "expected"),
    [
        (5.0, [100] * 9, Band(5.0, "afgesproken in de veldtoewijzing (bandbreedte)")),
        (None, [100] * 5, Band(20.0, "algemene instelling; vanaf 6 geaccepteerde aanleveringen wordt de band geleerd")),
        (None, [10**6] * 6, Band(2.0, "geleerd van 6 aanleveringen: de grootste verandering was 0,0 %")),
        (
            None,
            [103 * 10**4, *[10**6] * 6],
            Band(9.0, "geleerd van 7 aanleveringen: de grootste verandering was 3,0 %"),
        ),
        (None, [10**4] * 6, Band(3.0, "geleerd van 6 aanleveringen: de grootste verandering was 0,0 %")),
        (None, [10] * 6, Band(20.0, "geleerd van 6 aanleveringen: de grootste verandering was 0,0 %")),
    ],
    ids=["agreed", "too few", "floor", "three times", "chance", "ceiling"],
)
def test_the_band_is_agreed_learned_or_general(agreed: float | None, counts: list[int], expected: Band) -> None:
    assert band(agreed, 20.0, counts) == expected


def test_a_learned_band_refuses_what_the_general_one_lets_through(lands: Lands) -> None:
    for day in range(1, 7):
        assert lands(rows(5000 + day), day).accepted
    got = lands(rows(4700), 7)
    assert got.manifest.reasons == (
        "4700 rijen; de vorige keer 5006. Dat is meer dan 4.2 % minder. Die band is geleerd van 6 aanleveringen: "
        "de grootste verandering was 0,0 %.",
    )


MONDAY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)  # 08.00 uur


@pytest.mark.parametrize(
    ("arrivals", "now", "expected"),
    [
        ([], datetime(2026, 3, 2, 9, tzinfo=UTC), [("te_laat", "Verwacht op maandag 02-03-2026 om 08.00 uur en nog niet binnen; respijt tot maandag 02-03-2026 om 12.00 uur.")]),
        ([], datetime(2026, 3, 2, 12, tzinfo=UTC), [("ontbreekt", "Verwacht op maandag 02-03-2026 om 08.00 uur en niet gekomen; er is nog nooit iets gekomen. Vraag de leverancier om de aanlevering.")]),
        ([datetime(2026, 2, 23, 7, tzinfo=UTC)], datetime(2026, 3, 3, tzinfo=UTC), [("ontbreekt", "Verwacht op maandag 02-03-2026 om 08.00 uur en niet gekomen; de vorige kwam op maandag 23-02-2026 om 08.00 uur. Vraag de leverancier om de aanlevering.")]),
        ([datetime(2026, 3, 2, 10, tzinfo=UTC)], datetime(2026, 3, 3, tzinfo=UTC), []),
        ([datetime(2026, 3, 1, 10, tzinfo=UTC)], datetime(2026, 3, 3, tzinfo=UTC), []),
        ([datetime(2026, 3, 2, 13, tzinfo=UTC)], datetime(2026, 3, 3, tzinfo=UTC), [("te_laat", "Verwacht op maandag 02-03-2026 om 08.00 uur, binnengekomen op maandag 02-03-2026 om 14.00 uur.")]),
        ([datetime(2026, 2, 23, 7, tzinfo=UTC)], datetime(2026, 3, 2, 6, tzinfo=UTC), []),
    ],
    ids=["within grace", "never", "missing", "on time", "a day early", "late", "not yet due"],
)  # fmt: skip
def test_punctuality(arrivals: list[datetime], now: datetime, expected: list[tuple[str, str]]) -> None:
    weekly = Verwacht.model_validate({"dag": "ma", "tijd": "08:00", "respijt": 4})
    assert [(s.kind, s.sentence) for s in punctuality(weekly, arrivals, now, ZONE)] == expected


def test_grace_as_long_as_the_period_does_not_hide_that_nothing_comes() -> None:
    daily = Verwacht.model_validate({"dag": "alle", "tijd": "06:00"})
    arrivals = [datetime(2026, 3, 1, 5, tzinfo=UTC)]
    found = [
        [signal.kind for signal in punctuality(daily, arrivals, datetime(2026, 3, day, 8, tzinfo=UTC), ZONE)]
        for day in (1, 2, 3, 4)
    ]
    assert found == [[], ["te_laat"], ["ontbreekt"], ["ontbreekt"]]


def test_an_expected_time_is_that_of_the_clock_in_summer_and_winter() -> None:
    daily = Verwacht.model_validate({"dag": "alle", "tijd": "06:00", "respijt": 0})
    for night, hour in ((28, 5), (29, 4)):  # the clock goes forward on 29 March 2026
        arrivals = [datetime(2026, 3, night - 1, 4, tzinfo=UTC)]
        assert list(punctuality(daily, arrivals, datetime(2026, 3, night, hour - 1, 59, tzinfo=UTC), ZONE)) == []
        late = punctuality(daily, arrivals, datetime(2026, 3, night, hour, 1, tzinfo=UTC), ZONE)
        assert [signal.kind for signal in late] == ["ontbreekt"]


@pytest.mark.parametrize(
    ("dag", "days"),
    [
        ("ma", {2, 9, 16, 23, 30}),
        ("maandag", {2, 9, 16, 23, 30}),
        (["di", "do"], {3, 5, 10, 12, 17, 19, 24, 26, 31}),
        (1, {1}),
        ([15, "zo"], {1, 8, 15, 22, 29}),
    ],
)
def test_the_days_on_which_a_delivery_is_expected(dag: object, days: set[int]) -> None:
    expected = Verwacht.model_validate({"dag": dag, "tijd": time(6)})
    assert {day for day in range(1, 32) if expected.falls_on(date(2026, 3, day))} == days


def test_a_day_that_a_month_has_not_is_its_last() -> None:
    expected = Verwacht.model_validate({"dag": 31, "tijd": "06:00"})
    assert [day for day in range(1, 29) if expected.falls_on(date(2026, 2, day))] == [28]


def test_what_is_expected_says_nothing_about_how_it_is_read(lands: Lands) -> None:
    first = lands(rows(3))
    assert lands(rows(3), verwacht={"dag": "ma", "tijd": "06:00"}) == first
    assert Aanlevering.model_validate({"verwacht": {"dag": "ma", "tijd": "06:00"}}).model_dump() == (
        Aanlevering().model_dump()
    )


def test_faults_in_what_is_expected_are_told_in_dutch() -> None:
    text = (
        '[afnemer]\nnaam = "a"\ntitel = "A"\n[aanlevering]\nverwacht = { dag = "soms", tijd = "25:00" }\n'
        '[entiteit.personen]\nsleutel = ["bsn"]\nvelden = { bsn = "B" }\n'
    )
    with pytest.raises(MappingError) as caught:
        parse_mapping(text.encode(), Path("a.toml"), load_catalogue())
    places = [problem.where for problem in caught.value.problems]
    assert places == ["aanlevering.verwacht.dag", "aanlevering.verwacht.tijd"]
    assert "aanlevering.verwacht.tijd: is geen tijdstip; schrijf uren en minuten" in str(caught.value)


def test_states_name_what_is_the_matter_with_the_newest_delivery(lands: Lands, tmp_path: Path) -> None:
    lands(rows(100))
    got = lands(rows(60), 2)
    found = states(mapping(verwacht={"dag": "alle", "tijd": "05:00"}), "personen", tmp_path / "data", NOW, ZONE)
    assert [(state.signal.title, state.delivery) for state in found] == [("gekrompen buiten de band", got.manifest.id)]


@pytest.fixture
def quarantined(lands: Lands) -> Landed:
    lands(rows(100))
    return lands(rows(60), 2)


def decided(tmp_path: Path, landed: Landed, verdict: str) -> None:
    decide(
        tmp_path / "data", tmp_path / "audit.jsonl", [landed.manifest.id[:6]], verdict,  # type: ignore[arg-type]
        who="Jan", why="gebeld met de leverancier", now=NOW,
    )  # fmt: skip


def test_a_released_delivery_is_compared_from_then_on(quarantined: Landed, lands: Lands, tmp_path: Path) -> None:
    before = (quarantined.folder / "manifest.json").read_bytes()
    decided(tmp_path, quarantined, "vrijgegeven")
    assert (quarantined.folder / "manifest.json").read_bytes() == before
    now = last_accepted(tmp_path / "data", "sociaal", "personen")
    assert now is not None
    assert (now.id, now.status) == (quarantined.manifest.id, "geaccepteerd")
    assert now.remarks == (*quarantined.manifest.remarks, "Vrijgegeven uit quarantaine door Jan op 02-03-2026.")
    again = lands(rows(60), 2)
    assert again.accepted
    assert again.released
    assert lands(rows(59), 3).accepted
    assert states(mapping(), "personen", tmp_path / "data", NOW, ZONE) == []


def test_a_rejected_delivery_stays_out_whatever_it_would_be_later(quarantined: Landed, tmp_path: Path) -> None:
    decided(tmp_path, quarantined, "afgekeurd")
    got = land(
        tmp_path / "dump2.csv", mapping(), "personen", tmp_path / "data",
        now=NOW, limits=Limits(), band=99.0, peildatum=datetime(2026, 3, 2, tzinfo=UTC),
    )  # fmt: skip
    assert not got.accepted
    assert [m.rows for m in manifests(tmp_path / "data", "sociaal", "personen") if m.status == "geaccepteerd"] == [100]
    decided(tmp_path, quarantined, "vrijgegeven")
    assert manifests(tmp_path / "data", "sociaal", "personen")[0].status == "geaccepteerd"


def test_a_later_decision_holds_and_every_one_is_kept(quarantined: Landed, tmp_path: Path) -> None:
    decided(tmp_path, quarantined, "vrijgegeven")
    decided(tmp_path, quarantined, "afgekeurd")
    assert manifests(tmp_path / "data", "sociaal", "personen")[0].status == "quarantaine"
    lines = (quarantined.folder.parent / "besluiten.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["verdict"] for line in lines] == ["vrijgegeven", "afgekeurd"]


def test_an_audit_log_shows_what_was_altered(quarantined: Landed, tmp_path: Path) -> None:
    decided(tmp_path, quarantined, "vrijgegeven")
    decided(tmp_path, quarantined, "afgekeurd")
    audit = tmp_path / "audit.jsonl"
    lines = audit.read_text(encoding="utf-8").splitlines(keepends=True)
    assert json.loads(lines[0])["over"] == f"sociaal/personen/{quarantined.manifest.id}"
    assert [json.loads(line)["wie"] for line in lines] == ["Jan", "Jan"]
    assert broken_line(audit) is None
    audit.write_text(lines[0].replace("Jan", "Piet") + lines[1], encoding="utf-8")
    assert broken_line(audit) == 2
    audit.write_text(lines[1], encoding="utf-8")
    assert broken_line(audit) == 1


def test_a_line_that_a_crash_cut_off_gives_way(quarantined: Landed, tmp_path: Path) -> None:
    decided(tmp_path, quarantined, "vrijgegeven")
    for path in (tmp_path / "audit.jsonl", quarantined.folder.parent / "besluiten.jsonl"):
        with path.open("a") as stream:
            stream.write('{"half')
    assert manifests(tmp_path / "data", "sociaal", "personen")[0].status == "geaccepteerd"
    decided(tmp_path, quarantined, "afgekeurd")
    assert broken_line(tmp_path / "audit.jsonl") is None
    assert manifests(tmp_path / "data", "sociaal", "personen")[0].status == "quarantaine"


def test_an_accepted_delivery_that_is_rejected_later_is_compared_no_more(lands: Lands, tmp_path: Path) -> None:
    first, second = lands(rows(100), 1), lands(rows(99), 2)
    before = {path: path.read_bytes() for path in second.folder.iterdir()}
    decided(tmp_path, second, "afgekeurd")
    assert last_accepted(tmp_path / "data", "sociaal", "personen") == first.manifest
    again = lands(rows(99), 2)  # the same file once more
    assert (again.accepted, again.manifest.reasons) == (False, ("Afgekeurd door Jan op 02-03-2026.",))
    assert {path: path.read_bytes() for path in second.folder.iterdir()} == before
    third = lands(rows(98), 3)
    assert third.accepted
    decided(tmp_path, second, "vrijgegeven")
    assert last_accepted(tmp_path / "data", "sociaal", "personen") == third.manifest
    assert Landed(manifests(tmp_path / "data", "sociaal", "personen")[1], second.folder).accepted


def test_decisions_that_cannot_be_read_let_nothing_in(quarantined: Landed, tmp_path: Path) -> None:
    (quarantined.folder.parent / "besluiten.jsonl").write_text("{}\n")
    with pytest.raises(LandingError, match="besluit op regel 1 is niet te lezen"):
        last_accepted(tmp_path / "data", "sociaal", "personen")


def test_senseless_decisions_are_refused(quarantined: Landed, lands: Lands, tmp_path: Path) -> None:
    unreadable = lands(['"open,1,2'], 3)
    accepted = manifests(tmp_path / "data", "sociaal", "personen")[-1]
    with pytest.raises(KmgbError, match=r"was niet te lezen en heeft geen gegevens om te vergelijken"):
        decided(tmp_path, unreadable, "vrijgegeven")
    with pytest.raises(KmgbError, match="staat niet in quarantaine"):
        decided(tmp_path, Landed(accepted, quarantined.folder), "vrijgegeven")
    decided(tmp_path, quarantined, "afgekeurd")
    with pytest.raises(KmgbError, match="is al afgekeurd door Jan op 02-03-2026"):
        decided(tmp_path, quarantined, "afgekeurd")
    with pytest.raises(KmgbError, match="'abc' is geen nummer van een aanlevering"):
        find_delivery(tmp_path / "data", "abc")
    with pytest.raises(KmgbError, match="vraagt wie het neemt"):
        decide(tmp_path / "data", tmp_path / "a", [quarantined.manifest.id], "vrijgegeven", who=" ", why="x", now=NOW)
    assert len((tmp_path / "audit.jsonl").read_text(encoding="utf-8").splitlines()) == 1
