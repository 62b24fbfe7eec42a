"""Landing: whole or not at all, accepted or in quarantine, and harmless to repeat."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kmgb.errors import LandingError, SourceError
from kmgb.landing import Landed, Manifest, find_dump, land, last_accepted, manifests, open_landed
from kmgb.mapping.model import Mapping
from kmgb.sources.delivered import Limits, RefusedError
from kmgb.sources.dumps import earlier_dumps, moment_in_name

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
Lands = Callable[..., Landed]


def mapping(**entity: object) -> Mapping:
    plan = {"sleutel": "bsn", "velden": {"bsn": {"kolom": "B"}, "naam": {"kolom": "N"}}, **entity}
    document = {"afnemer": {"naam": "sociaal", "titel": "Sociaal"}, "entiteit": {"personen": plan}}
    return Mapping.model_validate({**document, "path": "m.toml", "version": "v1"})


@pytest.fixture
def lands(tmp_path: Path) -> Lands:
    def _lands(text: str, day: int = 1, *, name: str = "dump.csv", band: float = 20.0, **entity: object) -> Landed:
        source = tmp_path / name
        source.write_text(text, encoding="utf-8")
        peildatum = datetime(2026, 3, day, tzinfo=UTC) if day else None
        return land(
            source,
            mapping(**entity),
            "personen",
            tmp_path / "data",
            now=NOW,
            limits=Limits(),
            band=band,
            peildatum=peildatum,
        )

    return _lands


def dump(rows: int, name: str = "x") -> str:
    return "B,N,ongevraagd\n" + "".join(f"{row:09d},{name},weg\n" for row in range(rows))


def test_an_accepted_delivery_is_whole(lands: Lands, tmp_path: Path) -> None:
    got = lands(dump(3))
    assert got.accepted
    assert got.frame.collect().rows() == [(row + 1, f"{row:09d}", "x", None) for row in range(3)]
    assert got.frame.collect().schema["__rij"] == pl.UInt32
    assert sorted(path.name for path in got.folder.iterdir()) == ["data.parquet", "manifest.json", "profiel.json"]
    assert [path.name for path in (tmp_path / "data/sociaal/personen").iterdir()] == [got.manifest.id]
    m = got.manifest
    assert (m.rows, m.faulty_rows, m.columns, m.kept) == (3, 0, ("B", "N", "ongevraagd"), ("B", "N"))
    assert (m.peildatum_from, m.arrived, m.mapping_version, m.status) == ("opgegeven", NOW, "v1", "geaccepteerd")


def test_the_manifest_survives_its_file(lands: Lands, tmp_path: Path) -> None:
    got = lands(dump(3))
    text = (got.folder / "manifest.json").read_text(encoding="utf-8")
    assert Manifest.from_json(text) == got.manifest == manifests(tmp_path / "data", "sociaal", "personen")[0]
    assert open_landed(tmp_path / "data", got.manifest).frame.collect().equals(got.frame.collect())


def test_repeating_is_harmless(lands: Lands) -> None:
    first, again = lands(dump(3)), lands(dump(3))
    assert again == first
    assert lands(dump(3), 2).manifest.id != first.manifest.id


def test_an_older_delivery_is_not_accepted_once_more(lands: Lands, tmp_path: Path) -> None:
    older, newest = lands(dump(3), 1), lands(dump(3, name="y"), 2)
    again = lands(dump(3), 1)
    assert not again.accepted
    assert again.manifest.reasons == (
        "De peildatum ligt voor die van de vorige geaccepteerde aanlevering (2026-03-02).",
    )
    assert lands(dump(3), 1) == again
    assert lands(dump(3, name="y"), 2) == newest
    assert manifests(tmp_path / "data", "sociaal", "personen")[0] == newest.manifest
    assert Manifest.from_json((older.folder / "manifest.json").read_text(encoding="utf-8")) == older.manifest


def test_a_moment_is_named_in_the_time_of_the_municipality(lands: Lands) -> None:
    assert lands(dump(3), 0, peildatum="2026-11-18").accepted
    assert lands(dump(4), 0, peildatum="2026-11-17").manifest.reasons == (
        "De peildatum ligt voor die van de vorige geaccepteerde aanlevering (2026-11-18).",
    )


def test_another_needed_column_is_another_landing(lands: Lands) -> None:
    first = lands(dump(3))
    wider = lands(dump(3), velden={"bsn": {"kolom": "B"}, "naam": {"kolom": "N"}, "geslacht": {"kolom": "ongevraagd"}})
    assert wider.accepted
    assert wider.manifest.kept == ("B", "N", "ongevraagd")
    assert wider.folder != first.folder


@pytest.mark.parametrize(
    ("text", "day", "reason"),
    [
        ("", 2, "dump.csv: het bestand is leeg (0 bytes). Vraag een nieuwe aanlevering."),
        ("B,N\n", 2, "dump.csv: er staat geen enkel record in het bestand. Vraag een nieuwe export."),
        ("B,M\n1,2\n", 2, "dump.csv: 1 kolom ontbreekt: 'N'"),
        (dump(70), 2, "70 rijen; de vorige keer 100. Dat is meer dan 20 % minder."),
        (dump(100) + "1\n" * 10, 2, "10 van 110 rijen zijn niet goed te lezen (meer dan 5 %)."),
        (dump(101), 0, "De peildatum ligt voor die van de vorige geaccepteerde aanlevering (2026-03-01)."),
        (
            dump(100),
            2,
            "De inhoud is gelijk aan de vorige geaccepteerde aanlevering, maar de peildatum is nieuwer. "
            "Kan dat bij deze entiteit, zet dan onveranderd = true in de veldtoewijzing.",
        ),
        (dump(101, name=""), 2, "Eerder gevuld en nu geheel leeg: 'N'."),
    ],
    ids=["empty", "header", "column", "band", "faulty", "older", "same", "emptied"],
)
def test_quarantine_says_why(lands: Lands, tmp_path: Path, text: str, day: int, reason: str) -> None:
    accepted = lands(dump(100))
    got = lands(text, day, peildatum="2026-02-01")
    assert not got.accepted
    assert len(got.manifest.reasons) == 1
    assert got.manifest.reasons[0].startswith(reason)
    assert last_accepted(tmp_path / "data", "sociaal", "personen") == accepted.manifest
    assert got.manifest in manifests(tmp_path / "data", "sociaal", "personen")


def test_a_delivery_may_be_as_it_was_where_the_mapping_says_so(lands: Lands) -> None:
    lands(dump(100), onveranderd=True)
    assert lands(dump(100), 2, onveranderd=True).accepted


def test_a_column_that_nobody_mapped_is_remarked(lands: Lands) -> None:
    assert lands(dump(3)).manifest.remarks == ("1 kolom zonder veldtoewijzing: 'ongevraagd'.",)


def test_an_unreadable_delivery_has_no_frame(lands: Lands) -> None:
    got = lands("B,N\n1,\x22open\n")
    with pytest.raises(LandingError, match=r"dump\.csv: deze aanlevering heeft geen gegevens\. dump\.csv: het aanhal"):
        _ = got.frame


def test_the_band_of_the_entity_wins_and_the_edge_is_accepted(lands: Lands) -> None:
    assert lands(dump(100)).accepted
    assert lands(dump(80), 2).accepted
    assert not lands(dump(79), 3, bandbreedte=1).accepted


def test_a_quarantined_delivery_is_judged_anew(lands: Lands, tmp_path: Path) -> None:
    lands(dump(100))
    first = lands(dump(50), 2)
    assert lands(dump(50), 2) == first
    better = lands(dump(50), 2, band=60.0)
    assert better.accepted
    assert better.folder == first.folder
    assert len(manifests(tmp_path / "data", "sociaal", "personen")) == 2


def test_where_the_peildatum_comes_from(lands: Lands, tmp_path: Path) -> None:
    named = lands(dump(3), 0, name="D_20260301.csv", peildatum_uit_naam=r"_(\d{8})").manifest
    assert (named.peildatum, named.peildatum_from) == (datetime(2026, 2, 28, 23, tzinfo=UTC), "bestandsnaam")
    stated = lands(dump(4), 0, peildatum="2026-07-01").manifest
    assert (stated.peildatum, stated.peildatum_from) == (datetime(2026, 6, 30, 22, tzinfo=UTC), "veldtoewijzing")
    filed = lands(dump(5), 0).manifest
    assert filed.peildatum_from == "bestandsdatum"
    assert filed.peildatum == datetime.fromtimestamp((tmp_path / "dump.csv").stat().st_mtime, UTC)


@pytest.mark.parametrize(
    ("name", "pattern", "moment"),
    [
        ("0457NUM15102021.zip", r"\d{8}", "2021-10-15T00:00:00"),
        ("p-2026-03-01T0630.csv", r"\d.*\d", "2026-03-01T06:30:00"),
        ("p_010326.csv", r"(?P<dag>\d\d)(?P<maand>\d\d)(?P<jaar>\d\d)", "2026-03-01T00:00:00"),
        ("p_99999999.csv", r"\d{8}", None),
        ("p.csv", r"\d{8}", None),
        ("p_20260301.csv", "", None),
    ],
)
def test_moments_in_names(name: str, pattern: str, moment: str | None) -> None:
    found = moment_in_name(name, pattern)
    assert (found and found.isoformat()) == moment


def test_the_newest_dump_is_found_by_name_then_by_time(tmp_path: Path) -> None:
    for age, name in enumerate(["d_20260301.csv", "d_20260215.csv", "d_los.csv"]):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (1_000_000 + age, 1_000_000 + age))
    assert find_dump(tmp_path, "d_*.csv", r"\d{8}").name == "d_20260301.csv"
    assert find_dump(tmp_path, "d_*.csv", "").name == "d_los.csv"
    assert find_dump(Path("elders"), str(tmp_path / "d_2*.csv"), "").name == "d_20260215.csv"
    with pytest.raises(SourceError, match=r"Geen dump gevonden: niets past bij .*weg.*\.csv\. Controleer 'bestand'"):
        find_dump(tmp_path, "weg*.csv", "")


def test_lookups_are_landed_beside_the_rows(lands: Lands, tmp_path: Path) -> None:
    (tmp_path / "straten.json").write_text('[{"id": "x", "naam": "Dorpsstraat"}]')
    opzoeken = {
        "s": {
            "bestand": "straten*.json",
            "aanlevering": {"formaat": "json"},
            "met": "N",
            "op": "id",
            "kolommen": "naam",
        }
    }
    velden = {"bsn": {"kolom": "B"}, "naam": {"kolom": "N"}, "straatnaam": {"kolom": "s.naam"}}
    got = lands(dump(1), opzoeken=opzoeken, velden=velden)
    assert got.frame.collect().rows() == [(1, "000000000", "x", "Dorpsstraat", None)]
    assert got.manifest.lookups[0].file == "straten.json"
    (tmp_path / "straten.json").write_text('[{"id": "x", "naam": "Kerkstraat"}]')
    later = lands(dump(1), 2, opzoeken=opzoeken, velden=velden)
    assert later.accepted
    assert later.manifest.id != got.manifest.id


def test_what_a_crash_left_is_cleaned(lands: Lands, tmp_path: Path) -> None:
    got = lands(dump(3))
    left = got.folder.parent / ".bezig-abc" / "uit"
    left.mkdir(parents=True)
    (left / "manifest.json").write_text("{")
    assert manifests(tmp_path / "data", "sociaal", "personen") == [got.manifest]
    lands(dump(3))
    assert left.exists()  # it may be at work
    yesterday = time.time() - 25 * 3600
    os.utime(left.parent, (yesterday, yesterday))
    lands(dump(3))
    assert [path.name for path in got.folder.parent.iterdir()] == [got.manifest.id]


def test_a_failure_halfway_leaves_nothing(lands: Lands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kmgb.landing.sync", stop)
    with pytest.raises(KeyboardInterrupt):
        lands(dump(3))
    assert list((tmp_path / "data/sociaal/personen").iterdir()) == []


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="kan geen naam van een map zijn"):
        manifests(tmp_path, "../elders", "personen")
    with pytest.raises(RefusedError, match="het bestand is er niet"):
        land(tmp_path / "weg.csv", mapping(), "personen", tmp_path, now=NOW, limits=Limits(), band=20)


def test_dumps_that_a_newer_one_hides_are_found_oldest_first(tmp_path: Path) -> None:
    for name in ("d_20260302.csv", "d_20260216.csv", "d_20260223.csv", "d_los.csv"):
        (tmp_path / name).write_text("a\n1\n", encoding="utf-8")
    found = earlier_dumps(tmp_path, "d_*.csv", r"\d{8}")
    assert [path.name for _, path in found] == ["d_20260216.csv", "d_20260223.csv"]
    assert earlier_dumps(tmp_path, "d_*.csv", "") == []
