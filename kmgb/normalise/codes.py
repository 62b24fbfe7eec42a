"""Code lists and J/N: what an application writes -> the catalogue's own code."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import polars as pl

from kmgb.catalogue.fields import Code

_YES = ("j", "ja", "y", "yes", "1", "-1", "true", "waar", "x", "t")
_NO = ("n", "nee", "no", "0", "false", "onwaar", "f")
_BOOLEANS = dict.fromkeys(_YES, "J") | dict.fromkeys(_NO, "N")


def to_code(text: pl.Expr, agreed: Mapping[str, str], known: Sequence[Code]) -> pl.Expr:
    """The catalogue's code. An unknown value stays as delivered: it can be read, and fails the check of its list.

    `agreed` is the mapping's own table (theirs -> ours) and goes before the catalogue's codes and labels (`known`).
    Letter case is ignored: a code list holds no two codes that differ only in case.
    """
    table = {_plain(code.label): code.code for code in known if code.label}
    table |= {_plain(code.code): code.code for code in known}
    table |= {_plain(theirs): ours for theirs, ours in agreed.items()}
    if not table:
        return text
    return pl.coalesce(_looked_up(text, table), text)


def to_boolean(text: pl.Expr, agreed: Mapping[str, str]) -> pl.Expr:
    """J or N; null where the value is neither (unreadable). Source: catalogue, rule bool_map."""
    return _looked_up(text, _BOOLEANS | {_plain(theirs): ours for theirs, ours in agreed.items()})


def _plain(word: str) -> str:
    """A word of a table as clean text is: see `text.clean`. Not casefold: polars has only to_lowercase."""
    return " ".join(unicodedata.normalize("NFC", word).split()).lower()


def _looked_up(text: pl.Expr, table: Mapping[str, str]) -> pl.Expr:
    return text.str.to_lowercase().replace_strict(
        list(table), list(table.values()), default=None, return_dtype=pl.String
    )
