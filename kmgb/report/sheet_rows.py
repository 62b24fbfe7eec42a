"""Rows of a worksheet as XML, made by polars: hundreds of thousands of rows in seconds.

Every text is an inline string, so that nothing in it can be a formula, a number or a link. Source: ECMA-376 part 1,
18.3 (worksheet) and 22.9.2.19 (a character that XML cannot hold is written `_xHHHH_`, so what looks so is escaped).
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from kmgb.report.signs import visible

LONGEST = 32_767  # characters that Excel accepts in a cell
_CUT = "… (afgekapt)"
_UNSEEN = r"[\p{C}\p{Zl}\p{Zp}]|[\p{Zs}&&[^ ]]"  # what `visible` may have to show as a sign
_CHUNK = 20_000
_EPOCH = pl.date(1899, 12, 30)


def sheet_rows(frame: pl.DataFrame, first: int, day_style: str) -> Iterator[bytes]:
    """The rows of `frame` from sheet row `first` on. Columns: String, Int64 or Date; nulls and "" are empty cells.

    `day_style` is the number of the style that shows a number as a day.
    """
    for start in range(0, frame.height, _CHUNK):
        part = frame.slice(start, _CHUNK)
        part = part.with_columns(safe_text(part[name]) for name in part.columns if part[name].dtype == pl.String)
        place = (pl.int_range(pl.len()) + first + start).cast(pl.String)
        cells = [
            _cell(name, dtype, column_name(at), place, day_style)
            for at, (name, dtype) in enumerate(part.schema.items())
        ]
        rows = part.select(pl.concat_str(pl.lit('<row r="'), place, pl.lit('">'), *cells, pl.lit("</row>")))
        yield "".join(rows.to_series()).encode()


def safe_text(texts: pl.Series) -> pl.Series:
    """The texts as XML content: what cannot be seen is a sign, what is too long is cut."""
    if texts.str.contains(_UNSEEN).any():
        texts = texts.map_elements(visible, return_dtype=pl.String)
    column = pl.col(texts.name)
    long = column.str.len_chars() > LONGEST
    cut = pl.when(long).then(column.str.slice(0, LONGEST - len(_CUT)) + _CUT).otherwise(column)
    safe = cut.str.replace_all("&", "&amp;", literal=True).str.replace_all("<", "&lt;", literal=True)
    safe = safe.str.replace_all(">", "&gt;", literal=True).str.replace_all(r"_(x[0-9A-Fa-f]{4}_)", "_x005F_${1}")
    return texts.to_frame().select(safe).to_series()


def cell_text(value: str) -> str:
    """The same for one text that xlsxwriter writes, which escapes it itself."""
    shown = visible(value)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - len(_CUT)] + _CUT


def column_name(place: int) -> str:
    """0 -> A, 26 -> AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _cell(name: str, dtype: pl.DataType, letter: str, place: pl.Expr, day_style: str) -> pl.Expr:
    column, head = pl.col(name), pl.lit(f'<c r="{letter}')
    if dtype == pl.String:
        open_, close = pl.lit('" t="inlineStr"><is><t xml:space="preserve">'), pl.lit("</t></is></c>")
        filled = column.is_not_null() & (column != "")
        return pl.when(filled).then(pl.concat_str(head, place, open_, column, close)).otherwise(pl.lit(""))
    if dtype == pl.Date:
        number = (column - _EPOCH).dt.total_days().cast(pl.String)
        written = pl.concat_str(head, place, pl.lit(f'" s="{day_style}"><v>'), number, pl.lit("</v></c>"))
    else:
        written = pl.concat_str(head, place, pl.lit('"><v>'), column.cast(pl.String), pl.lit("</v></c>"))
    return pl.when(column.is_not_null()).then(written).otherwise(pl.lit(""))
