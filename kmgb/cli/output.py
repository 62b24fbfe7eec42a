"""What the commands share: opening the municipality, progress on a terminal, plain text when piped."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kmgb.errors import KmgbError
from kmgb.run.municipality import Municipality
from kmgb.settings import load_settings

_WIDE = 200  # columns of a table that goes into a file or a pipe


def opened(context: typer.Context) -> Municipality:
    """The municipality of the settings file that was given, or of the working folder."""
    return Municipality(load_settings(Path(context.obj) if context.obj else None))


# The largest number that a run, finding, decision or message can have.
LARGEST = 2**31 - 1


def current_user() -> str:
    """Who runs this program. Raises: KmgbError where the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise KmgbError("Wie dit doet is niet vast te stellen: noem het met --door.") from error


def say(text: str) -> None:
    """One line of result, on standard output."""
    _tell(text, sys.stdout)


def fail(text: str) -> None:
    """What went wrong, on standard error."""
    _tell(text, sys.stderr)


def show_json(value: Any) -> None:
    """A value as JSON on standard output."""
    say(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """A table that fits the terminal; in a pipe as wide as it needs, without colour."""
    # As text: a name or value that looks like markup is shown as it is.
    table = Table(title=Text(title) if title else None, title_justify="left")
    for column in columns:
        table.add_column(Text(column))
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE, no_color=True)
    with console.capture() as drawn:
        console.print(table)
    say(drawn.get().removesuffix("\n"))


@contextmanager
def progress(what: str, total: int) -> Iterator[Progress | None]:
    """A bar on a terminal, and silence when nobody is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(what, total=total)
        yield bar


def advance(bar: Progress | None, what: str) -> None:
    """One step done; `what` is next."""
    if bar is not None:
        bar.update(bar.task_ids[0], description=what, advance=1)


@contextmanager
def watched(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for what comes in, told as name, done and total (0: unknown); silence when nobody is watching."""
    if not sys.stderr.isatty():
        yield lambda _name, _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total or None)

        yield tell


def _tell(text: str, stream: TextIO) -> None:
    """Print and flush. Who stops listening (`| head -1`) changes neither the work nor its exit code."""
    try:
        typer.echo(text, file=stream)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
