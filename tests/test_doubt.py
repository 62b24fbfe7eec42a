"""Which cells the source itself has in onderzoek."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kmgb.explain.doubt import doubted_cells

DAY = date(2026, 11, 16)
RESIDENCE = (
    "gemeentecode",
    "datum_inschrijving",
    "datum_ingang_adreshouding",
    "verblijfsadres",
    "id_codes_verblijfadres.adresseerbaar_object",
    "id_codes_verblijfadres.nummeraanduiding",
)


def cells(code: str | None, *, prefix: str = "vbl", end: int | None = None) -> set[str]:
    rows = pl.DataFrame(
        {"key": ["1"], f"{prefix}_categorie_onderzoek": [code], f"{prefix}_datum_einde_onderzoek": [end]},
        schema_overrides={f"{prefix}_categorie_onderzoek": pl.String, f"{prefix}_datum_einde_onderzoek": pl.Int32},
    )
    fields = [*RESIDENCE, "voornamen", "correspondentieadres"]
    return set(doubted_cells(rows, fields, DAY)["field"])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, set()),
        ("080000", set(RESIDENCE)),
        ("089999", set(RESIDENCE)),
        ("080900", {"gemeentecode", "datum_inschrijving"}),
        ("080910", {"gemeentecode"}),
        ("081030", {"datum_ingang_adreshouding"}),
        ("081100", {"verblijfsadres", *RESIDENCE[4:]}),
        ("081120", {"verblijfsadres"}),
        ("081190", {"verblijfsadres", "id_codes_verblijfadres.nummeraanduiding"}),
        ("580000", set()),  # history is in onderzoek, not what holds now
    ],
)
def test_a_code_doubts_its_element_group_or_category(code: str | None, expected: set[str]) -> None:
    assert cells(code) == expected


def test_the_correspondence_address_has_a_code_of_its_own() -> None:
    assert cells("080000", prefix="cor") == {"correspondentieadres"}


@pytest.mark.parametrize(("end", "doubted"), [(20261115, False), (20261116, False), (20261117, True), (0, True)])
def test_an_onderzoek_that_has_ended_doubts_nothing(end: int, doubted: bool) -> None:
    assert bool(cells("080910", end=end)) is doubted


def test_an_object_is_in_onderzoek_as_a_whole_but_for_the_mark_itself() -> None:
    rows = pl.DataFrame({"key": ["1", "2"], "indicatie_onderzoek": ["J", "N"]})
    found = doubted_cells(rows, ["indicatie_onderzoek", "oppervlakte"], DAY)
    assert found.rows() == [("1", "oppervlakte")]
