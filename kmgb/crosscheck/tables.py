"""The rows of one entity on one side, as far as they can be judged or referred to."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kmgb.catalogue.columns import UNREADABLE
from kmgb.population import Population


@dataclass(frozen=True, slots=True)
class Table:
    """Validated rows: normalised names and types, `f__raw`, `f__onleesbaar` where reading can fail, `__rij`.

    `rejected` are the rows that were set aside (same columns): a reference to one of them cannot be judged, nor can a
    reference that is not found when the delivery is not `whole`. `key` names the fields by which a row is called.
    """

    accepted: pl.DataFrame
    key: tuple[str, ...]
    rejected: pl.DataFrame | None = None
    whole: bool = True

    @property
    def everyone(self) -> pl.DataFrame:
        """The accepted rows and those set aside: a pair may have been found by another key."""
        if self.rejected is None or self.rejected.is_empty():
            return self.accepted
        return pl.concat([self.accepted, self.rejected.select(self.accepted.columns)])


def where_readable(parsed: Population, rows: pl.DataFrame) -> pl.Expr:
    """The expression, null where a field it reads was delivered but could not be read: that is not empty."""
    unread = [name + UNREADABLE for name in sorted(parsed.fields) if name + UNREADABLE in rows.columns]
    return pl.when(~pl.any_horizontal(unread)).then(parsed.expr) if unread else parsed.expr
