"""A dump -> `Delivered`: names and text exactly as delivered, whatever the format."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import polars as pl

from kmgb.errors import DISK_FULL, NoRoomError
from kmgb.mapping.model import Aanlevering
from kmgb.sources.delivered import Delivered, Limits, RefusedError, fingerprint
from kmgb.sources.excel import read_excel
from kmgb.sources.fixed import read_fixed
from kmgb.sources.json_records import read_json, read_jsonl
from kmgb.sources.lo3 import read_lo3
from kmgb.sources.parquet import read_parquet
from kmgb.sources.separated import read_separated
from kmgb.sources.unpack import unpacked
from kmgb.sources.xml_records import read_xml

Reader = Callable[[Path, Aanlevering, Collection[str], Limits, Path], Delivered]
_SYSTEM = re.compile(r"\(os error (\d+)\)")  # how polars (2.1) tells what the system said
_DAMAGED = "het bestand is beschadigd of anders opgebouwd dan afgesproken."
# What polars meets only among the records, in words for whoever delivered them.
_MEANT: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((pl.exceptions.NoDataError,), "er staan geen gegevens in het bestand."),
    ((pl.exceptions.ShapeError,), "niet alle records hebben evenveel velden."),
    (
        (pl.exceptions.ColumnNotFoundError, pl.exceptions.DuplicateError, pl.exceptions.SchemaError),
        "de kolommen zijn niet overal in het bestand gelijk.",
    ),
)
_READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "csv": read_separated,
        "vast": read_fixed,
        "jsonl": read_jsonl,
        "json": read_json,
        "xlsx": read_excel,
        "xml": read_xml,
        "parquet": read_parquet,
        "lo3": read_lo3,
    }
)


def read(path: Path, reader: Aanlevering, needed: Collection[str], limits: Limits, scratch: Path) -> Delivered:
    """The file as delivered, with only the `needed` columns in its frame (data minimisation).

    `scratch` is a folder for working copies; the frame may read from it, so it must outlive the frame. Give every file
    a folder of its own. Collect the frame inside `reading(path)`. Of a packed file the fingerprint is that of the pack.
    Raises: RefusedError (a SourceError), whose `reason` is a short code and whose message holds no value of a cell.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    source = unpacked(path, reader, limits, scratch)
    with reading(path):
        delivered = _READERS[reader.formaat](source, reader, needed, limits, scratch)
    if source == path:
        return delivered
    sha256, size = fingerprint(path)
    return replace(delivered, sha256=sha256, size=size)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what polars meets only while it reads the rows into a refusal. Its own message would quote the cell.

    Raises: RefusedError; NoRoomError and OSError when not the file but our disk is what fails.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        if system := _SYSTEM.search(str(error)):
            number = int(system[1])
            raise (NoRoomError() if number in DISK_FULL else OSError(number, os.strerror(number))) from None
        what = next((said for kinds, said in _MEANT if isinstance(error, kinds)), _DAMAGED)
        raise RefusedError(path, "onleesbaar", what, "Vraag een nieuwe aanlevering.") from None
