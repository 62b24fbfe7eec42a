"""A folder of files -> one zip; the same files give the same bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kmgb.disk import sync
from kmgb.errors import ReportError
from kmgb.report.pack.manifest import MANIFEST, File

_BEGIN: Final = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name: the files carry no clock
_UNIX, _MODE = 3, 0o100600
_CHUNK: Final = 2**20


def files_below(folder: Path, rows: Mapping[str, int]) -> tuple[File, ...]:
    """Every file below `folder` by name, with its sum. `rows`: how many rows those of tables hold."""
    found = []
    for name, path in _below(folder).items():
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        found.append(File(naam=name, sha256=sha256, bytes=path.stat().st_size, rijen=rows.get(name)))
    return tuple(found)


def write_archive(folder: Path, manifest: bytes, path: Path) -> None:
    """Put the files below `folder` into a zip, the manifest first, readable by whoever made it only; all on the disk.

    Raises: OSError when there is no room for it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE & 0o777)
    with os.fdopen(descriptor, "wb") as stream:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(_entry(MANIFEST), manifest)
            for name, file in _below(folder).items():
                entry = archive.open(_entry(name), "w", force_zip64=True)
                with file.open("rb") as source, entry as sink:
                    shutil.copyfileobj(source, sink, _CHUNK)
        stream.flush()
        os.fsync(stream.fileno())


def put_in_place(path: Path, out: Path) -> None:
    """Give a finished file its own name, in the same file system, to stay.

    Raises: ReportError when another has that name by now; OSError.
    """
    try:
        os.link(path, out)
    except FileExistsError:
        raise taken(out) from None
    except OSError:  # a file system without links
        if out.exists():
            raise taken(out) from None
        path.rename(out)
    sync(out.parent)


def taken(out: Path) -> ReportError:
    """What to say of a name that is in use: a pack never takes the place of another."""
    return ReportError(f"{out} bestaat al en blijft zoals het is. Kies met --out een andere naam.")


def unwritable(out: Path) -> ReportError:
    """What to say when there is no room for a pack, or no right to write it."""
    what = f"{out}: het pakket is niet te schrijven. Controleer de rechten en de ruimte op de schijf."
    return ReportError(f"{what} Kies met --out een plaats waar u mag schrijven.")


def _below(folder: Path) -> dict[str, Path]:
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return dict(sorted(paths.items()))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _BEGIN)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = _UNIX, _MODE << 16
    return entry
