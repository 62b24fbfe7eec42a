"""The coverage matrix as a page: per entity every field beside every application, and what somebody must do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from kmgb.catalogue.fields import Catalogue, Entity
from kmgb.report.figures import plural

# Per answer the short word of a cell and its class in the stylesheet, best covered first.
_WORDS: Mapping[str, tuple[str, str]] = {
    "sleutel": ("sleutel", "in_orde"),
    "vergeleken": ("vergeleken", "in_orde"),
    "niet_gevoerd": ("niet gevoerd", ""),
    "uitgesloten": ("uitgesloten", ""),
    "niet_in_distributie": ("niet in distributie", ""),
    "niet_aangeleverd": ("wens", "hoog"),
    "niet_vermeld": ("niet vermeld", "hoog"),
}
_OVERDUE = ("wens verlopen", "kritiek")
_COMPARED = ("sleutel", "vergeleken")
_WITHOUT = "zonder_controle"
_WHOLE = pl.col("field").str.split(".").list.first()  # an application may compare a composite part by part


@dataclass(frozen=True, slots=True)
class CoverageCell:
    """One application's answer for one field: the word, its class, and what else there is to say."""

    word: str
    tone: str
    explanation: str


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One field of the catalogue; a cell per application of the table."""

    label: str
    group: str
    cells: tuple[CoverageCell, ...]


@dataclass(frozen=True, slots=True)
class CoverageTable:
    """One entity; without applications nobody compares it."""

    entity: str
    label: str
    afnemers: tuple[str, ...]
    rows: tuple[CoverageRow, ...]


@dataclass(frozen=True, slots=True)
class CoverageTotal:
    """One controle: how many of the fields of its entity are compared, and why the others are not."""

    titel: str
    entity_label: str
    velden: int
    vergeleken: int
    niet_aangeleverd: int
    verlopen: int
    niet_vermeld: int
    niet_in_distributie: int
    uitgesloten: int
    niet_gevoerd: int


@dataclass(frozen=True, slots=True)
class CoverageWish:
    """One field that an application should deliver and does not yet."""

    titel: str
    entity_label: str
    label: str
    wens: str
    deadline: date
    alternative: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class WithoutControle:
    """An application that gets data of the distribution system and is not checked."""

    titel: str
    entity_label: str
    reason: str


@dataclass(frozen=True, slots=True)
class CoveragePage:
    """Everything the page says. `wishes` go by deadline, so that those overdue come first."""

    made: datetime
    sentence: str
    without: tuple[WithoutControle, ...]
    wishes: tuple[CoverageWish, ...]
    totals: tuple[CoverageTotal, ...]
    tables: tuple[CoverageTable, ...]


def load_coverage(
    matrix: pl.DataFrame, catalogue: Catalogue, titles: Mapping[str, str], made: datetime
) -> CoveragePage:
    """The page of a coverage matrix. Columns: those of `coverage_matrix`; `titles` names every afnemer in it."""
    labels = {name: entity.label for name, entity in catalogue.entities.items()}
    fields = matrix.filter(pl.col("coverage") != _WITHOUT)
    without = tuple(
        WithoutControle(titles.get(row["afnemer"], row["afnemer"]), labels.get(row["entity"], ""), row["explanation"])
        for row in matrix.filter(pl.col("coverage") == _WITHOUT).iter_rows(named=True)
    )
    wishes = tuple(
        CoverageWish(
            titles[row["afnemer"]], labels[row["entity"]], row["label"], row["explanation"], row["deadline"],
            row["alternative"], row["overdue"],
        )
        for row in fields.filter(pl.col("deadline").is_not_null()).sort("deadline", maintain_order=True).to_dicts()
    )  # fmt: skip
    totals = tuple(
        _total(frame, titles, labels) for _, frame in fields.group_by("afnemer", "entity", maintain_order=True)
    )
    tables = tuple(_table(entity, fields, titles) for entity in catalogue.entities.values())
    return CoveragePage(made, _sentence(totals, wishes, without), without, wishes, totals, tables)


def _total(frame: pl.DataFrame, titles: Mapping[str, str], labels: Mapping[str, str]) -> CoverageTotal:
    # A field whose parts are compared apart is one field, covered as far as the part that is covered least.
    order = list(_WORDS)
    rank = pl.col("coverage").replace_strict(order, list(range(len(order))), return_dtype=pl.Int64)
    ranks = frame.group_by(_WHOLE).agg(rank.max(), pl.col("overdue").any())
    counts = {name: ranks.filter(pl.col("coverage") == place).height for place, name in enumerate(order)}
    first = frame.row(0, named=True)
    uncompared = ("niet_aangeleverd", "niet_vermeld", "niet_in_distributie", "uitgesloten", "niet_gevoerd")
    return CoverageTotal(
        titel=titles[first["afnemer"]],
        entity_label=labels[first["entity"]],
        velden=ranks.height,
        vergeleken=sum(counts[name] for name in _COMPARED),
        verlopen=int(ranks["overdue"].sum()),
        **{name: counts[name] for name in uncompared},
    )


def _table(entity: Entity, fields: pl.DataFrame, titles: Mapping[str, str]) -> CoverageTable:
    answers = fields.filter(pl.col("entity") == entity.name)
    afnemers = answers["afnemer"].unique(maintain_order=True).to_list()
    if not afnemers:
        return CoverageTable(entity.name, entity.label, (), ())
    whole = answers.with_columns(_WHOLE)
    known = whole.partition_by("field", "afnemer", as_dict=True)
    rows = tuple(
        CoverageRow(
            field.label, field.group, tuple(_cell(known[field.name, name].iter_rows(named=True)) for name in afnemers)
        )
        for field in entity.fields
    )
    return CoverageTable(entity.name, entity.label, tuple(titles[name] for name in afnemers), rows)


def _cell(answers: Iterable[dict[str, Any]]) -> CoverageCell:
    """The answer that covers least: a composite is covered when all its parts are."""
    order = list(_WORDS)
    worst = max(answers, key=lambda row: (row["overdue"], order.index(row["coverage"])))
    word, tone = _OVERDUE if worst["overdue"] else _WORDS[worst["coverage"]]
    return CoverageCell(word, tone, worst["explanation"])


def _sentence(
    totals: tuple[CoverageTotal, ...], wishes: tuple[CoverageWish, ...], without: tuple[WithoutControle, ...]
) -> str:
    if not totals:
        return "Er is nog geen controle: niets wordt vergeleken."
    compared, fields = sum(total.vergeleken for total in totals), sum(total.velden for total in totals)
    overdue, names = sum(wish.overdue for wish in wishes), len({one.titel for one in without})
    parts = [f"{compared} van {fields} velden worden vergeleken in {plural(len(totals), 'controle', 'controles')}"]
    if overdue:
        parts.append(f"{plural(overdue, 'wens is', 'wensen zijn')} verlopen")
    if names:
        parts.append(f"{plural(names, 'gekoppelde applicatie heeft', 'gekoppelde applicaties hebben')} geen controle")
    return "; ".join(parts) + "."
