"""What explaining needs from outside a comparison: the log, the doubts of the source, the other applications."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from kmgb.catalogue.calendar import jjjjmmdd
from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Comparison
from kmgb.compare.former import typed
from kmgb.compare.kinds import KEY, OTHER, Kind
from kmgb.compare.match import key_text
from kmgb.compare.plan import CellPlan, Plan
from kmgb.explain.context import OTHERS_DTYPES, Context, Stood, Values, all_came_later
from kmgb.explain.doubt import doubted_cells
from kmgb.mapping.model import Mapping
from kmgb.mutations.derive import CHANGED, VANISHED
from kmgb.mutations.log import MUTATION_COLUMNS
from kmgb.run.distributie import Distributie, day_of
from kmgb.run.inputs import OptionalInputs
from kmgb.run.municipality import Municipality
from kmgb.run.mutations import mutation_log
from kmgb.run.plan import comparison_key

_SATURDAY = 5
_ALONE = (Kind.ONTBREEKT, Kind.OVERTOLLIG)  # a row that stands on one side only: none of its cells was compared
_ROWS = (*_ALONE, Kind.BUITEN_POPULATIE)
_OTHER_VALUE = (Kind.AFWIJKEND, Kind.LEEG_IN_APPLICATIE, Kind.LEEG_IN_BRON)
OTHERS: dict[str, pl.DataType] = {
    **{name: dtype() for name, dtype in OTHERS_DTYPES.items()},
    "peildatum": pl.Datetime("us", "UTC"),
    "value": pl.String(),
}


@dataclass(frozen=True, slots=True)
class OtherSide:
    """How another application that the same source feeds stood at its newest comparison.

    `findings` columns: key, field, kind, afnemer_value. `unjudged`: keys of which nothing is known there.
    """

    afnemer: str
    plan: Plan
    peildatum: datetime
    findings: pl.DataFrame
    unjudged: pl.Series


def context_of(
    shared: Distributie,
    source: Mapping,
    entity: Entity,
    mapping: Mapping,
    plan: Plan,
    comparison: Comparison,
    peildatum_afnemer: datetime,
    inputs: OptionalInputs,
    name: tuple[str, str] | None = None,
) -> Context:
    """What is known around one comparison; what the other applications have is told later.

    `name` is what its runs are called in the history, by default after the application and the entity.
    """
    municipality = shared.municipality
    landed = shared.land(source, entity.name)
    peildatum = landed.manifest.peildatum
    keys = comparison.findings["key"].unique()
    # A key that was replaced is known under its old name to the application.
    replaced = comparison.findings.filter(pl.col("kind") == Kind.SLEUTELVERSCHIL)["afnemer_value"]
    rows = _rows_of(shared, source, entity, mapping, plan, keys)
    mutations, since = _log(
        municipality, source, entity, plan, pl.concat([keys, replaced.drop_nulls()]).unique(), peildatum
    )
    day = day_of(municipality, landed.manifest)
    return Context(
        plan=plan,
        peildatum_distributie=peildatum,
        peildatum_afnemer=peildatum_afnemer,
        grace=grace(peildatum_afnemer, municipality.settings.grace_days, ZoneInfo(municipality.settings.timezone)),
        values=_values(comparison),
        fields=comparison.fields,
        mutations=mutations,
        log_since=since,
        in_onderzoek=doubted_cells(rows, [cell.name for cell in plan.compared], day),
        indicaties=inputs.indicaties,
        messages=inputs.messages,
        source_days=_days(rows, entity, jjjjmmdd(day)),
        stood=_stood(municipality, name or (mapping.naam, entity.name), since),
        zone=municipality.settings.timezone,
    )


def grace(peildatum: datetime, days: int, zone: ZoneInfo) -> timedelta:
    """How long before a dump a change may still be under way: this many working days, weekends not counted."""
    here = peildatum.astimezone(zone)
    edge = here
    while days:
        edge -= timedelta(days=1)
        days -= edge.weekday() < _SATURDAY
    return here.astimezone(UTC) - edge.astimezone(UTC)


def others_of(
    shared: Distributie,
    source: Mapping,
    entity: Entity,
    cells: pl.DataFrame,
    sides: Iterable[OtherSide],
    mutations: pl.DataFrame,
) -> pl.DataFrame:
    """What the other applications have of these cells (columns key, field), where they should hold them.

    Columns: OTHERS. Nobody is asked about a key whose row it lacks, or could not judge. Who should have given up a row
    by what changed (`mutations`: MUTATION_COLUMNS), and did, has received that change.
    """
    own = source.entiteit[entity.name]
    rows = _by_key(shared.ready(source, entity).side.accepted, comparison_key(entity, own), cells["key"].unique())
    before = _before(rows, mutations, entity)
    parts = [_other(cells, rows, before, side) for side in sides]
    return pl.concat([pl.DataFrame(schema=OTHERS), *parts])


def _before(rows: pl.DataFrame, mutations: pl.DataFrame, entity: Entity) -> pl.DataFrame:
    """The rows as they were before their newest logged change, and those that went with it."""
    rows = pl.concat([rows, *_gone(rows, mutations, entity)], how="diagonal")
    changes = mutations.filter(pl.col("change") == CHANGED, pl.col("field").is_in(rows.columns))
    changes = changes.filter(pl.col("until") == pl.col("until").max().over("key"))
    for name in changes["field"].unique():
        old = changes.filter(pl.col("field") == name).select(
            "key",
            typed(pl.col("old"), CellPlan(entity[name])).cast(rows.schema[name]).alias("old"),
            pl.lit(value=True).alias("changed"),
        )
        joined = rows.join(old.unique("key"), on="key", how="left", maintain_order="left")
        rows = joined.with_columns(pl.when("changed").then("old").otherwise(name).alias(name)).drop("old", "changed")
    return rows


def _gone(rows: pl.DataFrame, mutations: pl.DataFrame, entity: Entity) -> list[pl.DataFrame]:
    """The rows that left the distribution, by what the log kept of them."""
    cells = mutations.filter(pl.col("change") == VANISHED, pl.col("field").is_in(rows.columns))
    cells = cells.join(rows, on="key", how="anti").filter(pl.col("until") == pl.col("until").max().over("key"))
    if cells.is_empty():
        return []
    wide = cells.pivot("field", index="key", values="old", aggregate_function="first")
    names = [name for name in wide.columns if name != "key"]
    return [wide.with_columns(typed(pl.col(name), CellPlan(entity[name])).cast(rows.schema[name]) for name in names)]


def _other(cells: pl.DataFrame, rows: pl.DataFrame, before: pl.DataFrame, side: OtherSide) -> pl.DataFrame:
    expects = side.plan.population.fill_null(value=False)
    expected = pl.concat([frame.filter(expects).select("key") for frame in (rows, before)])
    if not side.plan.population.meta.root_names():
        expected = cells.select("key")  # everyone, also who left the distribution since
    held = [cell.name for cell in side.plan.compared]
    rowwise = side.findings.filter(pl.col("field") == "", pl.col("kind").is_in(_ROWS))
    known = cells.filter(~pl.col("key").is_in(side.unjudged.implode()))
    of_rows = known.filter(pl.col("field") == "")
    # A row that left the distribution is expected nowhere: only who still has it says something.
    gone = of_rows.join(rowwise, on="key", how="semi").join(expected, on="key", how="anti")
    alone = rowwise.filter(pl.col("kind").is_in(_ALONE))
    judged = side.findings.filter(pl.col("field") != "")
    unread = judged.filter(pl.col("kind") == Kind.ONGELDIG)
    in_cells = known.filter(pl.col("field").is_in(held)).join(alone, on="key", how="anti")
    in_cells = in_cells.join(unread, on=["key", "field"], how="anti")
    asked = pl.concat([pl.concat([of_rows, in_cells]).join(expected, on="key", how="semi"), gone])
    found = pl.concat([rowwise, judged.filter(pl.col("kind").is_in(_OTHER_VALUE))])
    stale = found.select("key", "field", pl.col("afnemer_value").alias("value"), pl.lit(value=True).alias("stale"))
    told = asked.join(stale.unique(["key", "field"]), on=["key", "field"], how="left")
    return told.select(
        "key",
        "field",
        pl.lit(side.afnemer).alias("afnemer"),
        pl.col("stale").fill_null(value=False),
        pl.lit(side.peildatum).cast(OTHERS["peildatum"]).alias("peildatum"),
        "value",
    )


def _rows_of(
    shared: Distributie, source: Mapping, entity: Entity, mapping: Mapping, plan: Plan, keys: pl.Series
) -> pl.DataFrame:
    """The distribution's rows of these keys, with `key`."""
    return _by_key(shared.ready(source, entity, mapping.entiteit[entity.name]).side.accepted, plan.key, keys)


def _by_key(rows: pl.DataFrame, key: Sequence[str], keys: pl.Series) -> pl.DataFrame:
    named = rows.lazy().with_columns(key_text(key).alias("key"))
    return named.join(keys.alias("key").to_frame().lazy(), on="key", how="semi").collect()


def _log(
    municipality: Municipality, source: Mapping, entity: Entity, plan: Plan, keys: pl.Series, peildatum: datetime
) -> tuple[pl.DataFrame, datetime | None]:
    """The changes of these keys, and since when all are known. By another key than the log's own it knows nothing."""
    if plan.key != comparison_key(entity, source.entiteit[entity.name]):
        return pl.DataFrame(schema=MUTATION_COLUMNS), None
    log = mutation_log(municipality)
    since = log.coverage(source.naam, entity.name).known_since(peildatum)
    return log.lookup(source.naam, entity.name, keys), since


def _stood(municipality: Municipality, name: tuple[str, str], since: datetime | None) -> Stood:
    def stood(findings: pl.DataFrame) -> pl.Series:
        if since is None or findings.is_empty():
            return all_came_later(findings)
        return municipality.history.stood(name, since, findings)

    return stood


def _values(comparison: Comparison) -> Values:
    def values(field: str) -> pl.DataFrame:
        return comparison.pairs.beside([KEY, field], [field]).select(
            pl.col(KEY).alias("key"), pl.col(field).alias("distributie"), pl.col(field + OTHER).alias("afnemer")
        )

    return values


def _days(rows: pl.DataFrame, entity: Entity, today: int) -> pl.DataFrame:
    """Per key the newest whole day that the row's own dates name, not after today. Columns: key, day."""
    names = [
        field.name
        for field in entity.fields
        if field.datatype in ("date", "partial_date") and field.name in rows.columns
    ]
    nothing = pl.DataFrame(schema={"key": pl.String, "day": pl.Date})
    if not names:
        return nothing
    past = [pl.when(pl.col(name) <= today).then(pl.col(name)) for name in names]
    newest = rows.select(
        "key", pl.max_horizontal(past).cast(pl.String).str.to_date("%Y%m%d", strict=False).alias("day")
    )
    return newest.drop_nulls().group_by("key").agg(pl.col("day").max())
