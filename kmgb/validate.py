"""The catalogue's checks as a pandera schema: rows split into accepted and rejected, and invalid cells listed.

A row is rejected when it cannot be compared at all: it was not read whole, or its key is empty or unreadable. A cell
that fails a check keeps its row: the value takes part in the comparison, and is listed with the check it failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.errors import SchemaErrors

from kmgb.catalogue.checks import Allowed, check_expression
from kmgb.catalogue.columns import FAULT, ROW, UNREADABLE
from kmgb.catalogue.fields import Field

REASON = "__reden"
_REJECTS = {"gelezen": "", "sleutel_leeg": "de sleutel is leeg", "sleutel_onleesbaar": "de sleutel is onleesbaar"}


@dataclass(frozen=True, slots=True)
class Validated:
    """Rows in = rows of `accepted` + rows of `rejected`.

    `rejected` carries the same columns and `__reden` (Dutch, without values). `invalid` has `__rij`, `field`, `check`.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    invalid: pl.DataFrame


def validate(
    frame: pl.DataFrame, fields: Sequence[Field], keys: Sequence[str], allowed: Allowed, today: date
) -> Validated:
    """Check a normalised frame. It must be a DataFrame: on a LazyFrame pandera silently skips checks of values.

    Nulls: only a key may not be null. `today` is the peildatum: what lies after it lies in the future.
    """
    present = [field for field in fields if field.name in frame.columns]
    schema = pa.DataFrameSchema(
        {
            FAULT: pa.Column(pl.String, _check(pl.col(FAULT).is_null(), "gelezen"), nullable=True),
            **{field.name: _column(field, frame, allowed, today, key=field.name in keys) for field in present},
        }
    )
    failures = _failures(schema, frame)
    row_level = failures.filter(pl.col("check").is_in(list(_REJECTS)))
    reasons = _reasons(row_level, frame)
    invalid = failures.filter(~pl.col("check").is_in(list(_REJECTS)))
    marked = frame.with_row_index("index").join(reasons, on="index", how="left", maintain_order="left").drop("index")
    return Validated(
        accepted=marked.filter(pl.col(REASON).is_null()).drop(REASON),
        rejected=marked.filter(pl.col(REASON).is_not_null()),
        invalid=invalid.select(pl.Series(ROW, frame[ROW].gather(invalid["index"])), "field", "check"),
    )


def _column(field: Field, frame: pl.DataFrame, allowed: Allowed, today: date, *, key: bool) -> pa.Column:
    value = pl.col(field.name)
    checks = []
    if key and (unreadable := field.name + UNREADABLE) in frame.columns:
        checks.append(_check(~pl.col(unreadable), "sleutel_onleesbaar"))
        checks.append(_check(value.is_not_null() | pl.col(unreadable), "sleutel_leeg"))
    elif key:
        checks.append(_check(value.is_not_null(), "sleutel_leeg"))
    names = [name for name in (*_by_type(field), *field.checks) if _possible(name, frame)]
    checks += [_check(check_expression(name, field, allowed, today), name) for name in names]
    return pa.Column(field.dtype, checks, nullable=True)


def _by_type(field: Field) -> tuple[str, ...]:
    return ("datum_bestaat",) if field.datatype in ("date", "partial_date") else ()


def _possible(name: str, frame: pl.DataFrame) -> bool:
    """False for a check against a field that this mapping does not hold."""
    kind, _, other = name.partition(":")
    return kind != "not_before" or other in frame.columns


def _check(passes: pl.Expr, name: str) -> pa.Check:
    def outcome(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(passes.fill_null(value=True))

    return pa.Check(outcome, name=name, error=name)


def _failures(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> pl.DataFrame:
    """Where a check failed: `index`, `field`, `check`. The failing values pandera collects are left behind here."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
        broken = cases.filter(pl.col("index").is_null())
        if broken.height:  # a missing column or a wrong type: ours to mend, never the delivery's
            raise AssertionError(f"normalised frame off contract: {broken['column'].to_list()}") from None
        return cases.select(pl.col("index").cast(pl.UInt32), field="column", check="check")
    return pl.DataFrame(schema={"index": pl.UInt32, "field": pl.String, "check": pl.String})


def _reasons(row_level: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    faults = frame.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("index"), FAULT)
    text = pl.coalesce(FAULT, pl.col("check").replace_strict(_REJECTS, default=None, return_dtype=pl.String))
    joined = row_level.join(faults, on="index", how="left", maintain_order="left")
    return joined.select("index", text.alias(REASON)).unique("index", keep="first", maintain_order=True)
