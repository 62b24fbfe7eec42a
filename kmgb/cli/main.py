"""The command line: `kmgb`. Errors become a sentence and an exit code here and nowhere else.

Exit codes: 0 agreement, 1 discrepancies found, 2 wrong use or configuration, 3 source or delivery refused or
evidence that does not hold, 130 interrupted; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from kmgb.cli import (
    catalogue,
    checks,
    coverage,
    crosscheck,
    decisions,
    deliveries,
    demo,
    evidence,
    exports,
    history,
    mail,
    mapping,
    schedule,
    serve,
    sources,
    week,
)
from kmgb.cli.output import fail
from kmgb.errors import KmgbError

INTERRUPTED = 130

app = typer.Typer(
    name="kmgb",
    help="Consistentiecontrole van basisregistratiegegevens: wat verschilt, sinds wanneer, waarom, wie is aan zet.\n\n"
    "Begin met: kmgb demo. Een eigen werkmap maakt u met: kmgb init MAP.\n\n"
    "Uitgangscodes: 0 alles gelijk, 1 afwijkingen gevonden, 2 verkeerd gebruik of instelling, 3 aanlevering geweigerd, "
    "bewijs dat niet klopt of mail die niet verzonden is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
catalogue.register(app)
checks.register(app)
coverage.register(app)
demo.register(app)
exports.register(app)
serve.register(app)
sources.register(app)
week.register(app)
evidence.register(history.app)
app.add_typer(mapping.app, name="mapping")
app.add_typer(crosscheck.app, name="kruiscontrole")
app.add_typer(schedule.app, name="schedule")
app.add_typer(history.app, name="history")
app.add_typer(decisions.app, name="besluit")
app.add_typer(deliveries.app, name="aanleveringen")
app.add_typer(mail.app, name="mail")


@app.callback()
def settings_file(
    context: typer.Context,
    instellingen: Annotated[
        str, typer.Option("--instellingen", help="instellingenbestand; standaard kmgb.toml in de huidige map")
    ] = "",
) -> None:
    """Kept for the commands below: which settings file to read."""
    context.obj = instellingen


def _check_readable(words: Sequence[str]) -> None:
    """Bytes that are no UTF-8 can be written nowhere. Raises: KmgbError."""
    for place, word in enumerate(words, 1):
        if any("\ud800" <= sign <= "\udfff" for sign in word):
            raise KmgbError(
                f"Woord {place} van de opdracht is geen UTF-8. Stel de terminal in op UTF-8 en herhaal haar."
            )


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        _check_readable(sys.argv[1:])
        app()
    except KmgbError as error:
        fail(str(error))
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # what typer makes of ctrl-C
            fail("Onderbroken. Wat al was vastgelegd blijft staan.")
        raise
