"""Judge validated rows by the kruiscontroles: findings, the books of every check, and what was not judged and why.

A row is judged, or outside the check (`als` is not true for it), or it cannot be judged: a part that decides is empty,
unreadable or only partly known. What cannot be told is counted and is never a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from kmgb.catalogue.columns import RAW, ROW, UNREADABLE
from kmgb.catalogue.fields import SEVERITIES, Catalogue, Entity
from kmgb.compare.cells import as_text
from kmgb.compare.kinds import FINDING_COLUMNS, KEY, KEY_SEPARATOR, OTHER, Kind
from kmgb.compare.match import key_text
from kmgb.compare.plan import CellPlan
from kmgb.crosscheck.load import fields_of, helpers_in
from kmgb.crosscheck.model import SIDES, Controle, CrossChecks, Kant, Zijde
from kmgb.crosscheck.references import existing
from kmgb.crosscheck.tables import Table, where_readable
from kmgb.population import parse_judgement

BOOK_COLUMNS: Final = {
    "code": pl.String,
    "kant": pl.String,
    "entity": pl.String,
    "titel": pl.String,
    "severity": pl.String,
    "rijen": pl.Int64,
    "beoordeeld": pl.Int64,
    "fout": pl.Int64,
    "niet_te_beoordelen": pl.Int64,
    "buiten": pl.Int64,
}
_APPLIES, _HOLDS, _VERDICT = "__telt", "__voldoet", "__oordeel"
_VALUES = ("distributie_raw", "distributie", "afnemer_raw", "afnemer_value")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A check that was not made, and why (Dutch)."""

    code: str
    kant: Kant
    entity: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of some checks.

    `findings` has FINDING_COLUMNS: the most severe first, then the order of the file, then by key. `books` has
    BOOK_COLUMNS, one row per check that was made: rijen = beoordeeld + niet_te_beoordelen + buiten.
    """

    findings: pl.DataFrame
    books: pl.DataFrame
    skipped: tuple[Skipped, ...]


def judge_rows(
    checks: CrossChecks,
    entity: str,
    kant: Zijde,
    tables: Mapping[str, Table],
    registers: Mapping[str, Table],
    catalogue: Catalogue,
    day: date,
) -> Judged:
    """Make the checks of one entity on one side (`distributie` or `applicatie`).

    Columns: `tables` holds that side's own rows by entity; `registers` the distribution's, to which references lead.
    Nulls: what cannot be told is counted, not found. `day` is the peildatum that expressions may name.
    """
    side = "distributie" if kant == "distributie" else "afnemer"
    outcomes: list[_Outcome | Skipped] = []
    for check in checks.of(entity, kant):
        reason = _not_possible(check, tables, registers, catalogue, day)
        if reason:
            outcomes.append(Skipped(check.code, kant, entity, reason))
            continue
        table = tables[entity]
        judged = _judged_rows(check, table.accepted, registers, catalogue, day)
        values = _row_values(check, table.accepted, catalogue[entity], side)
        outcomes.append(_outcome(check, kant, judged, key_text(table.key), table.key, values))
    return _together(outcomes)


def judge_pairs(
    checks: CrossChecks,
    entity: str,
    distributie: Table,
    applicatie: Table,
    links: pl.DataFrame,
    catalogue: Catalogue,
    day: date,
) -> Judged:
    """Make the checks of one entity over matched pairs.

    Columns: `links` has `__sleutel` (the pair's key), `__rij` (distribution) and `__rij__afnemer` (application), as
        `Pairs.beside` gives them. A pair of which a row is not in its table cannot be judged.
    """
    outcomes: list[_Outcome | Skipped] = []
    for check in checks.of(entity, "paar"):
        names = _used(check, catalogue, day)
        sides = [_side_columns(*side, check, names) for side in zip(SIDES, (distributie, applicatie), strict=True)]
        absent = sorted(names - {column for side in sides for column in side.columns})
        if absent:
            outcomes.append(Skipped(check.code, "paar", entity, _absent(absent)))
            continue
        pairs = links.select(KEY, ROW, ROW + OTHER).join(sides[0], on=ROW, how="inner")
        pairs = pairs.join(sides[1].rename({ROW: ROW + OTHER}), on=ROW + OTHER, how="inner")
        judged = _condition(check, pairs, catalogue, day)
        values = _pair_values(check, catalogue[entity], set(pairs.columns))
        outcome = _outcome(check, "paar", judged, pl.col(KEY), distributie.key, values)
        outcomes.append(_with_lost(outcome, links.height - pairs.height))
    return _together(outcomes)


@dataclass(frozen=True, slots=True)
class _Outcome:
    check: Controle
    findings: pl.DataFrame
    book: Mapping[str, object]


def _not_possible(
    check: Controle, tables: Mapping[str, Table], registers: Mapping[str, Table], catalogue: Catalogue, day: date
) -> str:
    """Why this check cannot be made here; empty when it can."""
    if check.entiteit not in tables:
        return f"er is geen aanlevering van {check.entiteit}"
    absent = sorted(_used(check, catalogue, day) - set(tables[check.entiteit].accepted.columns))
    if absent:
        return _absent(absent)
    if check.soort != "verwijzing":
        return ""
    known = [name for name in check.verwijst_naar if name in registers]
    if not known:
        return f"er is geen aanlevering van {' of '.join(check.verwijst_naar)}"
    for name in known:
        needed = {catalogue[name].primary.name, *_where_fields(check, catalogue[name], catalogue, day)}
        absent = sorted(needed - set(registers[name].accepted.columns))
        if absent:
            return f"{_absent(absent)} (van {name})"
    return ""


def _absent(names: Sequence[str]) -> str:
    plural = "deze velden worden" if len(names) > 1 else "dit veld wordt"
    return f"{plural} niet geleverd: {', '.join(names)}"


def _used(check: Controle, catalogue: Catalogue, day: date) -> set[str]:
    """The columns a check needs, in a pair with the name of the side in front."""
    fields = fields_of(check, catalogue[check.entiteit])
    texts = (check.als, check.dan)
    named = {name for text in texts for name in parse_judgement(text, fields, day, catalogue, helpers_in(text)).fields}
    if check.soort == "paar":
        return named
    return named | {check.veld} | ({check.reference} if check.soort == "verwijzing" else set())


def _where_fields(check: Controle, other: Entity, catalogue: Catalogue, day: date) -> frozenset[str]:
    fields = {name: other[name] for name in other.names}
    return parse_judgement(check.waarbij, fields, day, catalogue, helpers_in(check.waarbij)).fields


def _judged_rows(
    check: Controle, rows: pl.DataFrame, registers: Mapping[str, Table], catalogue: Catalogue, day: date
) -> pl.DataFrame:
    """The rows with `__telt` (the check is about them) and `__voldoet`; null where that cannot be told."""
    if check.soort != "verwijzing":
        return _condition(check, rows, catalogue, day)
    found, holds = existing(check, rows, registers, catalogue, day)
    applies = _readable(check.als, check, rows, catalogue, day)
    judged = rows.with_columns(applies.alias(_APPLIES), holds.alias(_HOLDS))
    if check.moet_bestaan:
        return judged
    return judged.with_columns((pl.col(_APPLIES) & found).alias(_APPLIES))


def _condition(check: Controle, rows: pl.DataFrame, catalogue: Catalogue, day: date) -> pl.DataFrame:
    return rows.with_columns(
        _readable(check.als, check, rows, catalogue, day).alias(_APPLIES),
        _readable(check.dan, check, rows, catalogue, day).alias(_HOLDS),
    )


def _readable(text: str, check: Controle, rows: pl.DataFrame, catalogue: Catalogue, day: date) -> pl.Expr:
    fields = fields_of(check, catalogue[check.entiteit])
    return where_readable(parse_judgement(text, fields, day, catalogue, helpers_in(text)), rows)


def _side_columns(side: str, table: Table, check: Controle, names: Iterable[str]) -> pl.DataFrame:
    """The columns of one side that a pair needs, called `<side>.<field>`, with their text and what was unreadable."""
    rows = table.everyone
    wanted = {name.removeprefix(f"{side}.") for name in names if name.startswith(f"{side}.")} | {check.veld}
    have = [
        name for field in sorted(wanted) for name in (field, field + RAW, field + UNREADABLE) if name in rows.columns
    ]
    return rows.select(ROW, *(pl.col(name).alias(f"{side}.{name}") for name in have))


def _row_values(check: Controle, rows: pl.DataFrame, entity: Entity, side: str) -> dict[str, pl.Expr]:
    """What a finding shows: the judged field on its side; of a reference in a helper column, that reference."""
    shown = {"distributie": ("distributie_raw", "distributie"), "afnemer": ("afnemer_raw", "afnemer_value")}[side]
    if check.soort == "verwijzing" and check.reference not in entity:
        return dict.fromkeys(shown, pl.col(check.reference))
    name = check.reference if check.soort == "verwijzing" else check.veld
    text = as_text(pl.col(name), CellPlan(entity[name]))
    raw = pl.col(name + RAW) if name + RAW in rows.columns else text
    return dict(zip(shown, (raw, text), strict=True))


def _pair_values(check: Controle, entity: Entity, known: set[str]) -> dict[str, pl.Expr]:
    field, values = entity[check.veld], {}
    for side, (raw, value) in zip(SIDES, (_VALUES[:2], _VALUES[2:]), strict=True):
        name = f"{side}.{check.veld}"
        if name in known:
            values[value] = as_text(pl.col(name), CellPlan(field))
            values[raw] = pl.col(name + RAW) if name + RAW in known else values[value]
    return values


def _outcome(
    check: Controle,
    kant: Kant,
    judged: pl.DataFrame,
    key: pl.Expr,
    key_fields: Sequence[str],
    values: Mapping[str, pl.Expr],
) -> _Outcome:
    rows = judged.with_columns((~pl.col(_APPLIES) | pl.col(_HOLDS)).alias(_VERDICT))
    fails = ~pl.col(_VERDICT).fill_null(value=True)
    nothing = pl.lit(None, dtype=pl.String)
    given = {
        "key": key,
        "key_field": pl.lit(KEY_SEPARATOR.join(key_fields)),
        "field": pl.lit(check.veld),
        "kind": pl.lit(Kind.ONGELDIG.value),
        "rule": pl.lit(check.rule),
        "severity": pl.lit(check.ernst),
        **(values if check.waarden_tonen else {}),
    }
    # Lazy, so that only the columns of a finding are moved.
    record = [given.get(name, nothing).alias(name) for name in FINDING_COLUMNS]
    findings = rows.lazy().filter(fails).select(record).collect()
    counts = rows.select(
        rijen=pl.len(),
        niet_te_beoordelen=pl.col(_VERDICT).is_null().sum(),
        fout=fails.sum(),
        beoordeeld=(pl.col(_VERDICT).is_not_null() & pl.col(_APPLIES).fill_null(value=False)).sum(),
    ).row(0, named=True)
    outside = counts["rijen"] - counts["beoordeeld"] - counts["niet_te_beoordelen"]
    facts = {"code": check.code, "kant": kant, "entity": check.entiteit, "titel": check.titel, "severity": check.ernst}
    # Rows that share their key are one finding: it is told apart by its key.
    return _Outcome(check, findings.unique("key", keep="first").sort("key"), facts | counts | {"buiten": outside})


def _with_lost(outcome: _Outcome, lost: int) -> _Outcome:
    """The pairs of which a row is not there to judge are in the books all the same."""
    book = dict(outcome.book)
    for name in ("rijen", "niet_te_beoordelen"):
        book[name] = int(str(book[name])) + lost
    return _Outcome(outcome.check, outcome.findings, book)


def _together(outcomes: Sequence[_Outcome | Skipped]) -> Judged:
    made = [outcome for outcome in outcomes if isinstance(outcome, _Outcome)]
    worst_first = sorted(made, key=lambda outcome: SEVERITIES.index(outcome.check.ernst))
    findings = [outcome.findings for outcome in worst_first]
    return Judged(
        findings=pl.concat([pl.DataFrame(schema=FINDING_COLUMNS), *findings]),
        books=pl.DataFrame([outcome.book for outcome in made], schema=BOOK_COLUMNS),
        skipped=tuple(outcome for outcome in outcomes if isinstance(outcome, Skipped)),
    )
