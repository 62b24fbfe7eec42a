"""The catalogue's checks as a pandera schema: rows split into accepted and rejected, and invalid cells listed.

A row is rejected when it cannot be compared at all: it was not read whole, or its key is empty or unreadable. A cell
that fails a check keeps its row: the value takes part in the comparison, and is listed with the check it failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.errors import SchemaErrors

from kmgb.catalogue.checks import Allowed, check_expression
from kmgb.catalogue.columns import FAULT, REASON, ROW, UNREADABLE
from kmgb.catalogue.fields import Field

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
    checks = {FAULT: [("gelezen", pl.col(FAULT).is_null())]}
    checks |= {field.name: _checks(field, frame, allowed, today, key=field.name in keys) for field in present}
    failing = _failing(checks, frame)
    dtypes = {FAULT: pl.String(), **{field.name: field.dtype for field in present}}
    schema = pa.DataFrameSchema(
        {
            name: pa.Column(dtype, [_check(passes, check) for check, passes in failing[name]], nullable=True)
            for name, dtype in dtypes.items()
        }
    )
    failures = _failures(schema, frame)
    row_level = failures.filter(pl.col("check").is_in(list(_REJECTS)))
    reasons = _reasons(row_level, frame)
    invalid = failures.filter(~pl.col("check").is_in(list(_REJECTS)))
    accepted, rejected = _split(frame, reasons)
    return Validated(
        accepted=accepted,
        rejected=rejected,
        invalid=invalid.select(pl.Series(ROW, frame[ROW].gather(invalid["index"])), "field", "check"),
    )


def _split(frame: pl.DataFrame, reasons: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The frame without the rows that have a reason, and those rows with it. A sound frame is not copied."""
    if reasons.is_empty():
        return frame, frame.clear().with_columns(pl.lit(None, dtype=pl.String).alias(REASON))
    places = reasons.sort("index")
    sound = pl.Series([True]).new_from_index(0, frame.height).scatter(places["index"], values=False)
    return frame.filter(sound), frame[places["index"]].with_columns(places[REASON])


_Checks = list[tuple[str, pl.Expr]]  # name, and the expression that is true where a value passes
_Named = tuple[str, str, pl.Expr]  # the same, behind the field it is about


def _checks(field: Field, frame: pl.DataFrame, allowed: Allowed, today: date, *, key: bool) -> _Checks:
    value = pl.col(field.name)
    checks: _Checks = []
    if key and (unreadable := field.name + UNREADABLE) in frame.columns:
        checks.append(("sleutel_onleesbaar", ~pl.col(unreadable)))
        checks.append(("sleutel_leeg", value.is_not_null() | pl.col(unreadable)))
    elif key:
        checks.append(("sleutel_leeg", value.is_not_null()))
    names = [name for name in (*_by_type(field), *field.checks) if _possible(name, frame)]
    return checks + [(name, check_expression(name, field, allowed, today)) for name in names]


def _failing(checks: Mapping[str, _Checks], frame: pl.DataFrame) -> dict[str, _Checks]:
    """Only the checks that some row fails: most never fail, and it is cheap to ask that of all of them together."""
    whole: list[_Named] = []
    days: dict[str, list[_Named]] = {}
    for name, listed in checks.items():
        column = frame[name]
        empty = column.null_count() == frame.height
        for check, passes in listed:
            if empty and check not in _REJECTS:
                continue
            alone = column.dtype == pl.Int32() and set(passes.meta.root_names()) == {name}
            (days.setdefault(name, []) if alone else whole).append((name, check, passes))
    # A day is dear to check, and a column of days holds few different ones.
    asked = [
        (whole, frame.lazy()),
        *((listed, frame.lazy().select(pl.col(name).unique())) for name, listed in days.items()),
    ]
    outcomes = pl.collect_all([_all_hold(rows, listed) for listed, rows in asked])
    failing: dict[str, _Checks] = {name: [] for name in checks}
    for (named, _), outcome in zip(asked, outcomes, strict=True):
        for (name, check, passes), held in zip(named, outcome.row(0), strict=True):
            if not held:
                failing[name].append((check, passes))
    return failing


def _all_hold(rows: pl.LazyFrame, listed: Sequence[_Named]) -> pl.LazyFrame:
    return rows.select(
        passes.fill_null(value=True).all().alias(str(place)) for place, (_, _, passes) in enumerate(listed)
    )


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
