"""The findings of a run as files beside its report: the complete record of design section 7, in CSV and Parquet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.catalogue.masking import HIDDEN, hidden, masked_key
from kmgb.report.evidence import holds_persons, masked_evidence
from kmgb.report.signs import visible
from kmgb.store.runs import StoredRun

RECORD = (
    "run_id", "afnemer", "entity", "key", "key_field", "field", "kind", "rule", "distributie_raw", "distributie",
    "afnemer_raw", "afnemer_value", "cause", "cause_evidence", "severity", "peildatum_distributie",
    "peildatum_afnemer", "first_seen", "status",
)  # fmt: skip
# What the files of a run have beside the record: the number to decide by, and the rest of the explanation and the life.
LIFE = ("id", "next_step", "former_until", "age")
_VALUES = ("distributie_raw", "distributie", "afnemer_raw", "afnemer_value")
_FORMULA = r"^[=+\-@\t\r\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}]"
# What cannot be seen or turns the text around it; a line end within quotes is harmless.
_UNSEEN = r"[\p{Cc}\p{Cf}&&[^\n]]"
_NUMBER = r"^[+\-]?[0-9]+(?:[.,][0-9]+)?$"


def report_name(stored: StoredRun) -> str:
    """The file name of the report of a run."""
    return f"{_stem(stored)}.html"


def csv_name(stored: StoredRun) -> str:
    """The file name of its findings as CSV."""
    return f"{_stem(stored)}-afwijkingen.csv"


def parquet_name(stored: StoredRun) -> str:
    """The file name of its findings as Parquet."""
    return f"{_stem(stored)}-afwijkingen.parquet"


def write_findings(findings: pl.DataFrame, csv: Path, parquet: Path) -> None:
    """Write the record (columns RECORD first) twice; each file is there whole or not at all.

    In the CSV a text that a spreadsheet would take for a formula gets an apostrophe in front; the Parquet is exact.
    """
    _whole(parquet, findings.write_parquet)
    texts = findings.with_columns(harmless(name) for name in findings.columns if findings[name].dtype == pl.String)
    _whole(csv, lambda path: texts.write_csv(path, separator=";", include_bom=True))


def mask_findings(findings: pl.DataFrame, entity: Entity) -> pl.DataFrame:
    """The same record with the values of sensitive fields and keys hidden.

    The evidence of a cause holds names, days of peildatums and counts; only a day out of a person's row is hidden.
    """
    key_hidden = any(entity[name].sensitive for name in _key_fields(findings))
    of_key = pl.lit(value=False)
    if key_hidden:
        # A finding about a row, and one about an invalid part of a key, has the whole key for its value.
        part = (pl.col("kind") == "ongeldig") & pl.col("key_field").str.split("|").list.contains(pl.col("field"))
        of_key = ((pl.col("field") == "") & (pl.col("kind") != "dubbel")) | part
    columns = [
        pl.when((of_key | hidden(pl.col(name), pl.col("field"), entity)) & (pl.col(name) != ""))
        .then(pl.lit(HIDDEN))
        .otherwise(name)
        .alias(name)
        for name in _VALUES
    ]
    if holds_persons(entity):
        columns.append(masked_evidence("cause_evidence"))
    if key_hidden:
        pairs = zip(findings["key"], findings["key_field"], strict=True)
        keys = [masked_key(key, key_field, entity) for key, key_field in pairs]
        columns.append(pl.lit(pl.Series("key", keys, dtype=pl.String)).alias("key"))
    return findings.with_columns(columns)


def harmless(name: str) -> pl.Expr:
    """A column of text in which a spreadsheet sees no formula: an apostrophe stands in front of what looks like one.

    What cannot be seen, or would turn the text around it, is shown as a sign.
    """
    column = pl.col(name)
    unseen = column.str.contains(_UNSEEN)
    signs = pl.when(unseen).then(column).map_batches(_signs, return_dtype=pl.String)
    text = pl.when(unseen).then(signs).otherwise(column)
    formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return pl.when(formula).then("'" + text).otherwise(text).alias(name)


def _signs(texts: pl.Series) -> pl.Series:
    """Few have any, so they are looked at one by one."""
    shown = [None if text is None else "\n".join(map(visible, text.split("\n"))) for text in texts.to_list()]
    return pl.Series(texts.name, shown, dtype=pl.String)


def _key_fields(findings: pl.DataFrame) -> list[str]:
    return [name for key_field in findings["key_field"].unique() for name in key_field.split("|")]


def _stem(stored: StoredRun) -> str:
    return f"{stored.afnemer}-{stored.entity}-{stored.id}"


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write under another name, then rename; readable by whoever made it only."""
    busy = path.with_name(f".{path.name}.bezig")
    busy.unlink(missing_ok=True)
    busy.touch(mode=0o600)
    write(busy)
    busy.replace(path)
