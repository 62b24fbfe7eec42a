"""Optional inputs sharpen a cause or say why they cannot: bad input is a warning without a value, never an error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from kmgb.catalogue.fields import load_catalogue
from kmgb.mapping.model import Berichten, Indicaties, Mapping
from kmgb.run.inputs import optional_inputs
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings
from kmgb.sources import indications, messages
from kmgb.sources.delivered import Limits
from kmgb.sources.indications import read_indications
from kmgb.sources.messages import MESSAGES, read_messages
from kmgb.sources.moments import parse_moments

BSN = load_catalogue()["personen"]["bsn"]
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KNOWN = pl.Series(["000009805", "999900067"])
ZONE = "Europe/Amsterdam"


def _indicated(folder: Path, text: str, **how: str) -> tuple[list[str] | None, list[str]]:
    path = folder / "indicaties.csv"
    path.write_text(text, encoding="utf-8")
    frame, warnings = read_indications(path, Indicaties(bestand=path.name, **how), BSN, Limits(), KNOWN)
    return None if frame is None else frame["key"].to_list(), warnings


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("key\n9805\n999900067\n9805\n", {}),
        ("naam,BSN\nx,000009805\nx,999900067\n", {}),
        ("NR;X\n 9805,0 ;1\n9999.00.067;2\n", {"kolom": "nr", "scheidingsteken": ";"}),
    ],
    ids=["key", "the field's own name", "chosen, through a spreadsheet"],
)
def test_indications_are_keys_of_the_catalogue(text: str, how: dict[str, str], tmp_path: Path) -> None:
    assert _indicated(tmp_path, text, **how) == (["000009805", "999900067"], [])


def test_a_workbook_is_a_list_too(tmp_path: Path) -> None:
    path = tmp_path / "indicaties.xlsx"
    pl.DataFrame({"BSN": [9805, 999900067], "Naam": ["x", "y"]}).write_excel(path)
    frame, warnings = read_indications(path, Indicaties(bestand=path.name, formaat="xlsx"), BSN, Limits(), KNOWN)
    assert frame is not None
    assert (frame["key"].to_list(), warnings) == (["000009805", "999900067"], [])


@pytest.mark.parametrize(
    ("text", "keys", "warning"),
    [
        ("key\n9805\n123456782\n", ["000009805", "123456782"], "indicaties.csv: 1 van 2 sleutels zijn niet bekend bij de distributie."),
        ("key,x\n9805,1\n,2\n999900067\n", ["000009805"], "indicaties.csv: 2 rijen hebben geen sleutel of zijn niet goed te lezen; overgeslagen."),
        ("key\n123456782\n", None, f"indicaties.csv: geen van de 1 sleutels is bekend bij de distributie; controleer de kolom 'key'. {indications.WITHOUT}"),
        ("persoon\n9805\n", None, f"indicaties.csv: kolom 'key' of 'sleutel' of 'bsn' ontbreekt. Noem de kolom met `kolom` in de veldtoewijzing. {indications.WITHOUT}"),
        ("", None, f"indicaties.csv: het bestand is leeg (0 bytes). Vraag een nieuwe aanlevering. {indications.WITHOUT}"),
        ("key\n", None, f"indicaties.csv: er staat geen enkel record in het bestand. Vraag een nieuwe export. {indications.WITHOUT}"),
    ],
    ids=["unknown keys", "rows without key", "only unknown keys", "no such column", "empty", "only a header"],
)  # fmt: skip
def test_bad_indications_are_a_warning(text: str, keys: list[str] | None, warning: str, tmp_path: Path) -> None:
    assert _indicated(tmp_path, text) == (keys, [warning])


@pytest.mark.parametrize(
    ("text", "utc", "counts"),
    [
        ("2026-11-16T06:12:00Z", "2026-11-16T06:12:00", (0, 0, 1, 0)),
        ("2026-11-16T06:12:00+01:00", "2026-11-16T05:12:00", (0, 0, 0, 0)),
        ("2026-07-16 06:12:00.25 +0200", "2026-07-16T04:12:00.250000", (0, 0, 0, 0)),
        ("2026-11-16T06:12:00-05", "2026-11-16T11:12:00", (0, 0, 1, 0)),
        ("2026-11-16 06:12:00 America/New_York", "2026-11-16T11:12:00", (0, 0, 1, 0)),
        ("2026-10-25T02:30:00+01:00[Europe/Amsterdam]", "2026-10-25T01:30:00", (0, 0, 0, 0)),
        ("16-11-2026 06:12", "2026-11-16T05:12:00", (0, 1, 0, 0)),
        ("20261116 061200", "2026-11-16T05:12:00", (0, 1, 0, 0)),
        ("2026-11-16 06:12:00 CET", "2026-11-16T05:12:00", (0, 0, 0, 0)),
        ("1794809520", "2026-11-16T06:12:00", (0, 0, 0, 0)),
        ("1794809520000", "2026-11-16T06:12:00", (0, 0, 0, 0)),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00", (0, 1, 0, 1)),
        ("2026-03-29T02:30:00", None, (1, 0, 0, 0)),
        ("2026-02-30 06:12:00", None, (1, 0, 0, 0)),
        ("2026-11-16 06:12:00 Europe/Nergens", None, (1, 0, 0, 0)),
        ("2026-11-16 06:12:00 XYZ", None, (1, 0, 0, 0)),
        ("vorige week", None, (1, 0, 0, 0)),
        ("", None, (1, 0, 0, 0)),
        (None, None, (1, 0, 0, 0)),
    ],
)
def test_a_moment_is_read_in_its_own_zone(text: str | None, utc: str | None, counts: tuple[int, ...]) -> None:
    found = parse_moments(pl.Series([text], dtype=pl.String), ZONE)
    expected = None if utc is None else datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert_series_equal(found.moment, pl.Series("moment", [expected], dtype=pl.Datetime("us", "UTC")))
    assert (found.unreadable, found.without_zone, found.elsewhere, found.twice) == counts


def test_moments_of_several_zones_keep_their_order() -> None:
    texts = ["2026-11-16 06:00", "2026-11-16 06:00 Asia/Tokyo", "niets", "2026-11-16T06:00Z"]
    hours = [None if moment is None else moment.hour for moment in parse_moments(pl.Series(texts), ZONE).moment]
    assert hours == [5, 21, None, 6]


def _sent(
    folder: Path, text: str, known: pl.Series | None = KNOWN, **how: object
) -> tuple[pl.DataFrame | None, list[str]]:
    path = folder / "log.csv"
    path.write_text(text, encoding="utf-8")
    berichten = Berichten(bestand=path.name, **how)  # type: ignore[arg-type]
    return read_messages(path, berichten, BSN, Limits(), afnemer="belasting", zone=ZONE, now=NOW, known=known)


def test_messages_are_those_of_this_application_in_utc(tmp_path: Path) -> None:
    text = (
        "key,moment,applicatie,status\n"
        "999900067,2026-11-16T06:12:00+01:00,Belasting,verwerkt\n"
        "9805,2026-11-15T06:12:00+01:00,belasting,fout\n"
        "9805,2026-11-15T06:12:00+01:00,zaaksysteem,verwerkt\n"
        "0363100012345678,2026-11-15T06:12:00+01:00,belasting,verwerkt\n"
    )
    rows = [
        ("000009805", datetime(2026, 11, 15, 5, 12, tzinfo=UTC), "fout"),
        ("999900067", datetime(2026, 11, 16, 5, 12, tzinfo=UTC), "ok"),
    ]
    frame, warnings = _sent(tmp_path, text)
    assert_frame_equal(frame, pl.DataFrame(rows, schema=MESSAGES, orient="row"))
    assert warnings == []


def test_a_status_means_delivered_or_not_or_is_asked_for(tmp_path: Path) -> None:
    lines = "".join(
        f"9805,2026-11-1{n}T06:12+01:00,belasting,{word}\n" for n, word in enumerate(["A1", "ERROR", "X", ""])
    )
    frame, warnings = _sent(tmp_path, "key,moment,applicatie,status\n" + lines, statussen={"a1": "ok"})
    assert frame is not None
    assert frame["status"].to_list() == ["ok", "fout", "X", ""]
    assert warnings == [
        "log.csv: 2 van 4 berichten hebben een status die niet zegt of het bericht is afgeleverd; vul `statussen` aan."
    ]


def test_json_lines_with_names_of_their_own(tmp_path: Path) -> None:
    text = '{"k":9805,"t":"2026-11-15T06:12:00","naar":"BEL"}\n{"k":9805,"t":"2026-11-15T06:12:00","naar":"GEO"}\n'
    frame, warnings = _sent(
        tmp_path, text, formaat="jsonl", kolom="k", kolom_moment="t", kolom_applicatie="naar", kolom_status="",
        applicatie="BEL", tijdzone="UTC",
    )  # fmt: skip
    row = ("000009805", datetime(2026, 11, 15, 6, 12, tzinfo=UTC), None)
    assert_frame_equal(frame, pl.DataFrame([row], schema=MESSAGES, orient="row"))
    assert warnings == []


@pytest.mark.parametrize(
    ("moments", "warning"),
    [
        (["2026-11-15 06:12", "2026-11-15T06:12+01:00"], "log.csv: 1 van 2 momenten zonder tijdzone; wanneer dat was, blijft onbekend. Zet `tijdzone` in de veldtoewijzing."),
        (["2026-11-15T06:12Z"], "log.csv: 1 van 1 momenten staan in een andere tijdzone dan Europe/Amsterdam; omgerekend."),
        (["gisteren", "2026-11-15T06:12+01:00"], "log.csv: 1 van 2 momenten zijn niet te lezen; wanneer dat was, blijft onbekend."),
        (["2026-11-25T06:12+01:00"], "log.csv: 1 van 1 momenten liggen in de toekomst: klopt de tijdzone van het log?"),
        (["2026-10-25 02:30 Europe/Amsterdam"], "log.csv: 1 van 1 momenten vallen in het uur dat de klok twee keer aanwijst; gelezen als de eerste keer."),
    ],
    ids=["no zone", "another zone", "unreadable", "in the future", "the hour twice"],
)  # fmt: skip
def test_doubtful_moments_are_a_warning(moments: list[str], warning: str, tmp_path: Path) -> None:
    lines = "".join(f"9805,{moment},belasting,ok\n" for moment in moments)
    frame, warnings = _sent(tmp_path, "key,moment,applicatie,status\n" + lines)
    assert frame is not None
    assert frame.height == len(moments)
    assert warnings == [warning]


@pytest.mark.parametrize(
    ("text", "how", "warning"),
    [
        ("key,moment,applicatie,status\n9805,2026-11-15T06:12Z,geo,ok\n", {}, "log.csv: geen enkel bericht aan deze applicatie; het log noemt 1 andere. Vul `applicatie` in."),
        ("key,moment,applicatie,status\n123456782,2026-11-15T06:12Z,belasting,ok\n", {}, "log.csv: geen enkele sleutel van deze entiteit."),
        ("key,moment,applicatie,status\n9805,geheim-9805,belasting,ok\n", {}, "log.csv: van geen enkel bericht is te zeggen wanneer het was."),
        ("key,tijd,applicatie,status\n9805,x,belasting,ok\n", {}, "log.csv: 1 kolom ontbreekt: 'moment' (geen gelijkende naam). Pas de veldtoewijzing of de export aan."),
        ("key,moment,applicatie,status\n9805,x,belasting,ok\n", {"tijdzone": "Mars/Noord"}, "log.csv: de tijdzone van het log in de veldtoewijzing is geen bekende naam."),
        ("%PDF-1.7 rommel", {}, "log.csv: dit is een PDF-bestand, geen csv-bestand. Corrigeer 'formaat' in de veldtoewijzing of lever het bestand anders aan."),
    ],
    ids=["other applications", "other keys", "no moment", "no such column", "no such zone", "another format"],
)  # fmt: skip
def test_a_log_that_says_nothing_is_no_log(text: str, how: dict[str, str], warning: str, tmp_path: Path) -> None:
    frame, warnings = _sent(tmp_path, text, **how)
    assert frame is None
    assert warnings[-1] == f"{warning} {messages.WITHOUT}"
    assert not any("9805" in sentence for sentence in warnings)


def _mapping(folder: Path, extra: str) -> tuple[Municipality, Mapping]:
    (folder / "mappings").mkdir()
    text = f"""
        [afnemer]
        naam = "belasting"
        titel = "Belastingen"
        indicaties = {{ bestand = "indicaties_*.csv" }}
        berichten = {{ bestand = "log.csv" }}
        [entiteit.personen]
        sleutel = ["bsn"]
        velden = {{ bsn = "SOFINR" }}
        {extra}
        [entiteit.pand]
        sleutel = ["id_pand"]
        historie = "historie"
        velden = {{ id_pand = "ID", datum_begin_geldigheid_cyclus = "VAN" }}
    """
    (folder / "mappings" / "belasting.toml").write_text(text, encoding="utf-8")
    municipality = Municipality(Settings(mappings=folder / "mappings", dumps=folder, data=folder / "data"))
    return municipality, municipality.mappings["belasting"]


def test_a_controle_gets_what_its_mapping_agrees(tmp_path: Path) -> None:
    municipality, mapping = _mapping(tmp_path, 'indicaties = { bestand = "eigen.csv", kolom = "NR" }')
    (tmp_path / "eigen.csv").write_text("NR\n9805\n", encoding="utf-8")
    (tmp_path / "log.csv").write_text("key,moment,applicatie,status\n9805,2026-11-15T06:12+01:00,belasting,ok\n")
    inputs = optional_inputs(municipality, mapping, "personen", lambda: KNOWN, now=NOW)
    assert inputs.indicaties is not None
    assert inputs.messages is not None
    assert (inputs.indicaties.rows(), inputs.messages.height, inputs.warnings) == ([("000009805",)], 1, ())


def test_what_is_not_there_or_does_not_fit_is_said(tmp_path: Path) -> None:
    municipality, mapping = _mapping(tmp_path, "")
    inputs = optional_inputs(municipality, mapping, "personen", lambda: KNOWN, now=NOW)
    assert (inputs.indicaties, inputs.messages) == (None, None)
    assert [warning.partition(":")[0] for warning in inputs.warnings] == ["Geen dump gevonden", "Geen dump gevonden"]
    (warning,) = optional_inputs(municipality, mapping, "pand", lambda: KNOWN, now=NOW).warnings
    assert warning.startswith("belasting, pand: indicaties en berichten vragen een sleutel van één veld, niet 2.")


@pytest.mark.parametrize("model", [Indicaties, Berichten], ids=lambda model: model.__name__)
def test_every_key_is_documented(model: type[Indicaties]) -> None:
    text = (Path(__file__).parents[1] / "docs" / "indicaties-en-berichten.md").read_text(encoding="utf-8")
    assert [name for name in model.model_fields if not re.search(rf"`{name}`", text)] == []
