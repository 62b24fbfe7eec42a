"""Two normalised sides -> one `Comparison`: every finding, and honest counts of what was and was not compared."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.columns import FAULT, RAW, ROW
from kmgb.compare.cells import as_text, cell_counts, cell_findings, suspects
from kmgb.compare.kinds import FINDING_COLUMNS, KEY, OTHER, Kind
from kmgb.compare.match import EXPECTED, OTHER_KEY, VIA, Matched, match
from kmgb.compare.plan import CellPlan, Plan
from kmgb.compare.rows import invalid_keys, rejected_findings, row_findings

REASON = "__reden"


@dataclass(frozen=True, slots=True)
class Side:
    """One validated side. `rejected` carries `__reden`; `invalid` has `__rij`, `field`, `check`."""

    accepted: pl.LazyFrame
    rejected: pl.LazyFrame
    invalid: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome as lazy frames that share their work: collect them together.

    `findings` has FINDING_COLUMNS, sorted by key, field and kind. `cells` is one row: `pairs`, and per compared field
    the pairs in which both sides are empty. `rows` is one row: how many rows of each side became what.
    """

    findings: pl.LazyFrame
    cells: pl.LazyFrame
    rows: pl.LazyFrame


def compare(distributie: Side, afnemer: Side, plan: Plan) -> Comparison:
    """Line up both sides by key and keep every cell and row that disagrees.

    Columns: both sides carry the keys and fields of `plan` under their catalogue names and types, with `f__raw`.
    Nulls: null agrees with null. An absent row is a finding only when it was expected and the delivery was whole.
    Source: the decision table of `Kind`.
    """
    keyless = afnemer.rejected.filter(pl.col(FAULT).is_null())
    matched = match(distributie.accepted, afnemer.accepted, keyless, plan)
    placed = matched.pairs.filter(pl.col(OTHER_KEY).is_null()).select(ROW + OTHER)
    refused = afnemer.rejected.join(placed, left_on=ROW, right_on=ROW + OTHER, how="anti")
    cells = _cell_findings(matched, distributie, afnemer, plan)
    findings = pl.concat(
        [
            row_findings(matched, plan),
            cells,
            _invalid_but_equal(matched, cells, distributie, afnemer, plan),
            _key_findings(matched, distributie, afnemer, plan),
            rejected_findings(_with_raw_key(distributie.rejected, plan), plan, distributie=True),
            rejected_findings(_with_raw_key(refused, plan), plan, distributie=False),
        ]
    )
    return Comparison(
        findings=findings.sort("key", "field", "kind", "rule", nulls_last=True),
        cells=cell_counts(matched.pairs, plan.compared),
        rows=_row_counts(matched, distributie, afnemer, refused),
    )


def _cell_findings(matched: Matched, distributie: Side, afnemer: Side, plan: Plan) -> pl.LazyFrame:
    found = cell_findings(_with_raws(suspects(matched.pairs, plan.compared), distributie, afnemer, plan), plan.compared)
    failing = afnemer.invalid.unique(["field", ROW], keep="first", maintain_order=True)
    failing = failing.select(pl.col(ROW).alias(ROW + OTHER), "field", pl.format("ongeldig:{}", "check").alias("check"))
    marked = found.join(failing, on=[ROW + OTHER, "field"], how="left")
    named = pl.when(pl.col("kind") == Kind.AFWIJKEND).then(pl.coalesce("rule", "check")).otherwise("rule")
    return _shaped(marked.with_columns(named.alias("rule")), plan)


def _invalid_but_equal(
    matched: Matched, cells: pl.LazyFrame, distributie: Side, afnemer: Side, plan: Plan
) -> pl.LazyFrame:
    """Values that fail a check on both sides alike: nothing to compare, but something to report to the register."""
    failing = distributie.invalid.unique(["field", ROW], keep="first", maintain_order=True)
    rows = matched.pairs.join(failing.select(ROW).unique(), on=ROW, how="semi")
    rows = _with_raws(rows, distributie, afnemer, plan)
    checked = [cell for cell in plan.compared if cell.field.checks or cell.field.datatype in ("date", "partial_date")]
    parts = [_failing_cells(rows, failing, cell) for cell in checked]
    if not parts:
        return pl.LazyFrame(schema=FINDING_COLUMNS)
    return _shaped(pl.concat(parts), plan).join(cells, on=["key", "field"], how="anti")


def _failing_cells(rows: pl.LazyFrame, failing: pl.LazyFrame, cell: CellPlan) -> pl.LazyFrame:
    return rows.join(failing.filter(pl.col("field") == cell.name), on=ROW, how="inner").select(
        KEY,
        "field",
        pl.lit(Kind.ONGELDIG.value).alias("kind"),
        pl.col("check").alias("rule"),
        pl.col(cell.name + RAW).alias("distributie_raw"),
        as_text(pl.col(cell.name), cell).alias("distributie"),
        pl.col(cell.name + RAW + OTHER).alias("afnemer_raw"),
        as_text(pl.col(cell.name + OTHER), cell).alias("afnemer_value"),
        pl.lit(cell.severity).alias("severity"),
    )


def _with_raws(pairs: pl.LazyFrame, distributie: Side, afnemer: Side, plan: Plan) -> pl.LazyFrame:
    """The delivered texts of these pairs only: the join of all rows need not carry them."""
    raws = [cell.name + RAW for cell in plan.compared]
    theirs = pl.concat([afnemer.accepted.select(ROW, *raws), afnemer.rejected.select(ROW, *raws)])
    renamed = theirs.rename({name: name + OTHER for name in (ROW, *raws)})
    with_ours = pairs.join(distributie.accepted.select(ROW, *raws), on=ROW, how="left")
    return with_ours.join(renamed, on=ROW + OTHER, how="left")


def _key_findings(matched: Matched, distributie: Side, afnemer: Side, plan: Plan) -> pl.LazyFrame:
    """One finding per key that fails its check, on whichever side it stands."""
    ours = pl.concat(
        [rows.select(KEY, ROW) for rows in (matched.pairs, matched.missing, matched.duplicates_distributie)]
    )
    paired = matched.pairs.select(pl.col(OTHER_KEY).alias(KEY), pl.col(ROW + OTHER).alias(ROW))
    theirs = pl.concat([paired, *(rows.select(KEY, ROW) for rows in (matched.surplus, matched.duplicates_afnemer))])
    found = [
        invalid_keys(ours, distributie.invalid, plan, distributie=True),
        invalid_keys(theirs.filter(pl.col(KEY).is_not_null()), afnemer.invalid, plan, distributie=False),
    ]
    return pl.concat(found).unique("key", keep="last", maintain_order=True)


def _with_raw_key(rejected: pl.LazyFrame, plan: Plan) -> pl.LazyFrame:
    raw = pl.concat_str([pl.col(name + RAW) for name in plan.key], separator="|", ignore_nulls=True)
    return rejected.select(ROW, REASON, raw.alias("raw"))


def _shaped(findings: pl.LazyFrame, plan: Plan) -> pl.LazyFrame:
    key_field = pl.lit(plan.key_field).alias("key_field")
    return findings.with_columns(pl.col(KEY).alias("key"), key_field).select(*FINDING_COLUMNS)


def _row_counts(matched: Matched, distributie: Side, afnemer: Side, refused: pl.LazyFrame) -> pl.LazyFrame:
    counts = {
        "distributie": distributie.accepted,
        "distributie_afgekeurd": distributie.rejected,
        "distributie_dubbel": matched.duplicates_distributie,
        "distributie_bij_dubbel": matched.beside_distributie,
        "afnemer": afnemer.accepted,
        "afnemer_bij_dubbel": matched.beside_afnemer,
        "afnemer_afgekeurd": refused,
        "afnemer_dubbel": matched.duplicates_afnemer,
        "afnemer_buiten_populatie": matched.aside,
        "gekoppeld": matched.pairs,
        "gekoppeld_buiten_populatie": matched.pairs.filter(~pl.col(EXPECTED)),
        "gekoppeld_via_andere_sleutel": matched.pairs.filter(pl.col(VIA).is_not_null()),
        "gekoppeld_zonder_sleutel": matched.pairs.filter(pl.col(OTHER_KEY).is_null()),
        "ontbreekt": matched.missing.filter(EXPECTED),
        "distributie_buiten_populatie": matched.missing.filter(~pl.col(EXPECTED)),
        "overtollig": matched.surplus,
    }
    return pl.concat([frame.select(pl.len().alias(name)) for name, frame in counts.items()], how="horizontal")
