"""A column that is mapped wrongly must not show what another field hides."""

from __future__ import annotations

import polars as pl
import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.catalogue.masking import HIDDEN, hidden, masked

CATALOGUE = load_catalogue()
PERSONEN = CATALOGUE["personen"]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("voorletters", "J.P.", True),
        ("voorletters", "999900067", False),  # a BSN
        ("voorletters", "99990006", False),  # and one that lost its zero
        ("voorletters", "Dorpsstraat 1, 1993AA Heerenwaard", False),
        ("geboortedatum", "1980-05-00", True),
        ("geboortedatum", "19800500", True),
        ("geboortedatum", "999900067", False),
        ("geboortedatum", "Dorpsstraat 1", False),
        ("bsn", "999900067", False),
    ],
)
def test_what_cannot_be_a_value_of_the_field_is_hidden(field: str, value: str, shown: bool) -> None:
    told = masked(value, PERSONEN[field])
    frame = pl.DataFrame({"field": [field], "value": [value]})
    in_files = frame.select(hidden(pl.col("value"), pl.col("field"), PERSONEN)).item()
    if PERSONEN[field].sensitive:
        assert told.startswith(HIDDEN)
        assert in_files
    else:
        assert (told == value, not in_files) == (shown, shown)


def test_an_identification_of_an_object_hides_nothing() -> None:
    pand = CATALOGUE["pand"]
    assert masked("0998100000000080", pand["id_pand"]) == "0998100000000080"
    frame = pl.DataFrame({"field": ["id_pand"], "value": ["0998100000000080"]})
    assert not frame.select(hidden(pl.col("value"), pl.col("field"), pand)).item()
