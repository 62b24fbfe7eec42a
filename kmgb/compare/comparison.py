"""Two validated sides -> one `Comparison`: every finding, and honest counts of what was and was not compared.

The frames are whole and in memory. As one lazy query the optimiser worked shared branches out again and again: 35 s
where the same steps one after the other take 3 (1 million persons, 27 fields). See docs/ontwerpbesluiten.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from kmgb.catalogue.columns import FAULT, RAW, REASON, ROW
from kmgb.compare.cells import UNDECIDED, Look, as_text, cell_findings, look
from kmgb.compare.kinds import FINDING_COLUMNS, INVALID, INVALID_SOURCE, KEY, KEY_SEPARATOR, OTHER, Fate, Kind
from kmgb.compare.match import Matched, Rows, key_text, match
from kmgb.compare.pairs import EXPECTED, OTHER_KEY, VIA, Pairs, suffixed
from kmgb.compare.plan import CellPlan, Plan
from kmgb.compare.rows import invalid_keys, rejected_findings, row_findings

_UNEQUAL = (Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.LEEG_IN_BRON, Kind.COSMETISCH)


@dataclass(frozen=True, slots=True)
class Side(Rows):
    """One validated side. `rejected` carries `__reden`; `invalid` has `__rij`, `field`, `check`."""

    invalid: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of one comparison.

    `findings` has FINDING_COLUMNS, sorted by key, field and kind. `fields` columns: field, paren, beide_leeg,
    vergeleken (pairs in which at least one side is filled), gelijk, one column per kind of inequality, onbeslist
    (unreadable) and ongeldig (fails a check on both sides alike). `rows`: how many rows of each side became what.
    `unjudged` columns: key, fate (see Fate); a key once. `pairs` are the rows that were compared.
    """

    findings: pl.DataFrame
    fields: pl.DataFrame
    rows: dict[str, int]
    unjudged: pl.DataFrame
    pairs: Pairs

    def differences(self) -> pl.DataFrame:
        """The cells that are not equal."""
        return self.findings.filter(pl.col("kind").is_in(_UNEQUAL))

    def only_distributie(self) -> pl.Series:
        """Keys that were expected in the application and are not there."""
        return self.findings.filter(pl.col("kind") == Kind.ONTBREEKT)["key"]

    def only_afnemer(self) -> pl.Series:
        """Keys that only the application has."""
        return self.findings.filter(pl.col("kind") == Kind.OVERTOLLIG)["key"]

    def undecided(self) -> pl.DataFrame:
        """The cells of which one side could not be read."""
        return self.findings.filter(pl.col("rule") == UNDECIDED)

    def fates(self, keys: Sequence[str], *, whole: bool) -> dict[str, str]:
        """What became of each of these keys: vergeleken, or a `Fate`; all unknown unless the delivery was `whole`."""
        if not whole:
            return dict.fromkeys(keys, Fate.ONBEKEND.value)
        aside = self.unjudged.filter(pl.col("key").is_in(list(keys)))
        return dict.fromkeys(keys, "vergeleken") | dict(aside.iter_rows())

    def without_pairs(self) -> Comparison:
        """The same outcome without the rows it came from: what is kept while other controles are compared."""
        nobody = self.pairs.ours.clear(), self.pairs.theirs.clear()
        pairs = Pairs(*nobody, None, self.pairs.at_theirs.clear(), self.pairs.placed.clear())
        return replace(self, pairs=pairs)

    @classmethod
    def of_one_side(cls, findings: pl.DataFrame, rows: int) -> Comparison:
        """The outcome of checks on the distribution's own rows: nothing was compared with anything."""
        alone = pl.DataFrame(schema={KEY: pl.String, ROW: pl.UInt32})
        pairs = Pairs(alone, alone, None, pl.Series(dtype=pl.UInt32), alone.clear())
        fates = pl.DataFrame(schema={"key": pl.String, "fate": pl.String})
        return cls(findings, pl.DataFrame(schema={"field": pl.String}), {"distributie": rows}, fates, pairs)

    def counts(self) -> dict[str, int]:
        """The number of findings per kind; every kind is there."""
        found = dict(self.findings.group_by("kind").len().iter_rows())
        return {kind.value: found.get(kind.value, 0) for kind in Kind}


def compare(distributie: Side, afnemer: Side, plan: Plan) -> Comparison:
    """Line up both sides by key and keep every cell and row that disagrees.

    Columns: both sides carry the keys and fields of `plan` under their catalogue names and types, with `f__raw`.
    Nulls: null agrees with null. An absent row is a finding only when it was expected and the delivery was whole.
    Source: the decision table of `Kind`.
    """
    matched = match(distributie, afnemer, plan)
    placed = matched.pairs.placed
    unplaced_ours = distributie.rejected.join(placed.select(ROW), on=ROW, how="anti")
    unplaced_theirs = afnemer.rejected.join(placed.select(ROW + OTHER), left_on=ROW, right_on=ROW + OTHER, how="anti")
    refused_ours = unplaced_ours.filter(_counts_as_rejected(plan.population))
    refused_theirs = unplaced_theirs.filter(_counts_as_rejected(plan.participates))
    looked = look(matched.pairs, plan.compared)
    cells = _cell_findings(looked.suspects, distributie, afnemer, plan)
    findings = pl.concat(
        [
            row_findings(matched, plan),
            cells,
            _invalid_but_equal(matched, cells, distributie, afnemer, plan),
            _key_findings(matched, distributie, afnemer, plan),
            rejected_findings(_with_raw_key(refused_ours, plan), plan, distributie=True),
            rejected_findings(_with_raw_key(refused_theirs, plan), plan, distributie=False),
        ]
    )
    findings = _with_key_field(findings, placed, plan)
    findings = findings.sort("key", "field", "kind", "rule", nulls_last=True)
    rows = _row_counts(matched, distributie, afnemer) | {
        "distributie_afgekeurd": refused_ours.height,
        "distributie_buiten_populatie": (
            matched.missing.filter(~pl.col(EXPECTED)).height + unplaced_ours.height - refused_ours.height
        ),
        "afnemer_afgekeurd": refused_theirs.height,
        "afnemer_buiten_populatie": matched.aside.height + unplaced_theirs.height - refused_theirs.height,
    }
    fields = _per_field(findings, looked, matched.pairs.height)
    unjudged = _unjudged(matched, [distributie.rejected, afnemer.rejected], plan)
    return Comparison(findings, fields, rows, unjudged, matched.pairs)


def _unjudged(matched: Matched, rejected: Sequence[pl.DataFrame], plan: Plan) -> pl.DataFrame:
    """The keys nobody looked at in this comparison: those whose rows were set aside first, they were in sight once."""
    aside = [matched.duplicates_distributie, matched.duplicates_afnemer, matched.beside_distributie]
    aside += [matched.beside_afnemer, matched.unread_distributie, matched.unread_afnemer]
    aside += [rows.select(key_text(plan.key).alias(KEY)) for rows in rejected]
    if not plan.whole:
        aside.append(matched.missing)
    outside = [matched.aside, matched.missing.filter(~pl.col(EXPECTED))]
    parts = [(Fate.ONBEKEND, aside), (Fate.BUITEN_POPULATIE, outside)]
    named = [
        rows.select(pl.col(KEY).alias("key"), pl.lit(fate.value).alias("fate"))
        for fate, frames in parts
        for rows in frames
    ]
    return pl.concat(named).drop_nulls("key").unique("key", keep="first", maintain_order=True)


def _with_key_field(findings: pl.DataFrame, placed: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The field that a finding's key is a value of: the alternative key's where neither side has a primary key."""
    named = placed.filter(key_text(plan.key).is_null() & pl.col(OTHER_KEY).is_null())
    primary = pl.lit(plan.key_field).alias("key_field")
    if named.is_empty():
        return findings.with_columns(primary)
    fields = named.select(pl.col(KEY).alias("key"), pl.col(VIA).str.replace_all("+", KEY_SEPARATOR, literal=True))
    joined = findings.join(fields, on="key", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce(VIA, primary).alias("key_field")).drop(VIA)


def _counts_as_rejected(expected: pl.Expr) -> pl.Expr:
    """False for a row without a key that nobody expects: a stichting without vestiging has none, and is no fault."""
    return pl.col(FAULT).is_not_null() | expected


def _cell_findings(suspects: pl.DataFrame, distributie: Side, afnemer: Side, plan: Plan) -> pl.DataFrame:
    if not plan.compared:  # only the key is held on both sides: rows can still be absent or double
        return pl.DataFrame(schema=FINDING_COLUMNS)
    found = cell_findings(_with_raws(suspects, distributie, afnemer, plan), plan.compared)
    ours, theirs = (
        side.invalid.unique(["field", ROW], keep="first", maintain_order=True).select(
            pl.col(ROW).alias(row), "field", pl.format(prefix + "{}", "check").alias(name)
        )
        for side, row, prefix, name in (
            (distributie, ROW, INVALID_SOURCE, "source"),
            (afnemer, ROW + OTHER, INVALID, "check"),
        )
    )
    marked = found.join(theirs, on=[ROW + OTHER, "field"], how="left").join(ours, on=[ROW, "field"], how="left")
    named = (
        pl.when(pl.col("kind") == Kind.AFWIJKEND)
        .then(pl.coalesce("rule", "check", "source"))
        .when(pl.col("kind") == Kind.LEEG_IN_APPLICATIE)
        .then(pl.coalesce("rule", "source"))
        .otherwise("rule")
    )
    return _shaped(marked.with_columns(named.alias("rule")))


def _invalid_but_equal(
    matched: Matched, cells: pl.DataFrame, distributie: Side, afnemer: Side, plan: Plan
) -> pl.DataFrame:
    """Values that fail a check on both sides alike: nothing to compare, but something to report to the register."""
    failing = distributie.invalid.unique(["field", ROW], keep="first", maintain_order=True)
    rows = matched.pairs.where(pl.col(ROW).is_in(failing[ROW].unique().implode()))
    rows = _with_raws(rows, distributie, afnemer, plan)
    checked = [cell for cell in plan.compared if cell.field.checks or cell.field.datatype in ("date", "partial_date")]
    parts = [_failing_cells(rows, failing, cell) for cell in checked]
    if not parts:
        return pl.DataFrame(schema=FINDING_COLUMNS)
    return _shaped(pl.concat(parts)).join(cells, on=["key", "field"], how="anti")


def _failing_cells(rows: pl.DataFrame, failing: pl.DataFrame, cell: CellPlan) -> pl.DataFrame:
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


def _with_raws(pairs: pl.DataFrame, distributie: Side, afnemer: Side, plan: Plan) -> pl.DataFrame:
    """The delivered texts of these pairs only: the join of all rows need not carry them."""
    raws = [cell.name + RAW for cell in plan.compared]
    ours, theirs = (
        pl.concat(
            [
                rows.select(ROW, *raws).filter(pl.col(ROW).is_in(wanted.implode()))
                for rows in (side.accepted, side.rejected)
            ]
        )
        for side, wanted in ((distributie, pairs[ROW]), (afnemer, pairs[ROW + OTHER]))
    )
    return pairs.join(ours, on=ROW, how="left").join(suffixed(theirs), on=ROW + OTHER, how="left")


def _key_findings(matched: Matched, distributie: Side, afnemer: Side, plan: Plan) -> pl.DataFrame:
    """One finding per key that fails its check, on whichever side it stands."""
    pairs = matched.pairs.beside([KEY, ROW], [KEY, ROW])
    ours = pl.concat([rows.select(KEY, ROW) for rows in (pairs, matched.missing, matched.duplicates_distributie)])
    paired = pairs.select(pl.col(OTHER_KEY).alias(KEY), pl.col(ROW + OTHER).alias(ROW))
    theirs = pl.concat([paired, *(rows.select(KEY, ROW) for rows in (matched.surplus, matched.duplicates_afnemer))])
    found = [
        invalid_keys(ours, distributie.invalid, plan, distributie=True),
        invalid_keys(theirs.filter(pl.col(KEY).is_not_null()), afnemer.invalid, plan, distributie=False),
    ]
    return pl.concat(found).unique("key", keep="last", maintain_order=True)


def _with_raw_key(rejected: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    raw = pl.concat_str([pl.col(name + RAW) for name in plan.key], separator="|", ignore_nulls=True)
    return rejected.select(ROW, REASON, raw.alias("raw"))


def _shaped(findings: pl.DataFrame) -> pl.DataFrame:
    """Cells as findings; `key_field` is filled for all findings together."""
    nothing = pl.lit(None, dtype=pl.String).alias("key_field")
    return findings.with_columns(pl.col(KEY).alias("key"), nothing).select(*FINDING_COLUMNS)


def _row_counts(matched: Matched, distributie: Side, afnemer: Side) -> dict[str, int]:
    return {
        "distributie": distributie.accepted.height + distributie.rejected.height,
        "distributie_dubbel": matched.duplicates_distributie.height,
        "distributie_bij_dubbel": matched.beside_distributie.height,
        "distributie_bij_afgekeurd": matched.unread_distributie.height,
        "afnemer": afnemer.accepted.height + afnemer.rejected.height,
        "afnemer_dubbel": matched.duplicates_afnemer.height,
        "afnemer_bij_dubbel": matched.beside_afnemer.height,
        "afnemer_bij_afgekeurd": matched.unread_afnemer.height,
        "gekoppeld": matched.pairs.height,
        "gekoppeld_buiten_populatie": matched.pairs.where(~pl.col(EXPECTED)).height,
        "gekoppeld_via_andere_sleutel": matched.pairs.placed.height,
        "ontbreekt": matched.missing.filter(EXPECTED).height,
        "overtollig": matched.surplus.height,
    }


def _per_field(findings: pl.DataFrame, looked: Look, pairs: int) -> pl.DataFrame:
    kind, undecided = pl.col("kind"), pl.col("rule") == UNDECIDED
    counted = findings.group_by("field").agg(
        *((kind == name).sum().alias(name.value) for name in _UNEQUAL),
        ((kind == Kind.ONGELDIG) & undecided).sum().alias("onbeslist"),
        ((kind == Kind.ONGELDIG) & ~undecided).sum().alias("ongeldig"),
    )
    empty = looked.both_empty
    fields = pl.DataFrame(
        {"paren": pairs, "field": list(empty), "beide_leeg": list(empty.values())},
        schema={"paren": pl.Int64, "field": pl.String, "beide_leeg": pl.Int64},
    ).join(counted, on="field", how="left", maintain_order="left")
    unequal = pl.sum_horizontal(*(name.value for name in _UNEQUAL), "onbeslist")
    return (
        fields.with_columns(pl.col(pl.UInt32, pl.UInt64).fill_null(0).cast(pl.Int64))
        .with_columns((pl.col("paren") - pl.col("beide_leeg")).alias("vergeleken"))
        .with_columns((pl.col("vergeleken") - unequal).alias("gelijk"))
    )
