"""The house style of a municipality: the colours that its style sheet names, for what is not drawn by a browser.

`reports/stijl.css` is where they are set; charts and the workbook take them from there, as six hexadecimal digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from kmgb.errors import ReportError

STYLE: Final = "stijl.css"
_ROOT = re.compile(r":root\s*\{([^}]*)\}")
_COLOUR = re.compile(r"--(?:kleur-)?([a-z-]+)\s*:\s*(#[0-9a-fA-F]{6})\s*;")


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours `--kleur-<name>` (or `--<name>`) of the style sheet; a `_` stands for its `-`."""

    hoofd: str = "#154273"
    hoofd_tekst: str = "#ffffff"
    tekst: str = "#1b1f24"
    rand: str = "#6f7b88"
    achter: str = "#f3f5f8"
    koppeling: str = "#0b5394"
    kritiek: str = "#a3121d"
    balk_gelijk: str = "#b9d3ea"


DELIVERED: Final = Colours()


def load_colours(templates: Path) -> Colours:
    """The colours of the style sheet in the folder of templates; one that it does not name in digits is as delivered.

    Raises: ReportError when the style sheet cannot be read.
    """
    path = templates / STYLE
    try:
        sheet = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = f"{path}: de huisstijl is niet te lezen."
        raise ReportError(f"{what} Zet de meegeleverde stijl terug, of herstel het bestand.") from error
    root = _ROOT.search(sheet)
    named = dict(_COLOUR.findall(root[1])) if root else {}
    known = {field.name: named.get(field.name.replace("_", "-")) for field in fields(Colours)}
    return Colours(**{name: colour for name, colour in known.items() if colour})


def readable_on(ground: str) -> str:
    """Black or white, whichever stands out more on a ground: at least 4,5 to 1."""
    light = luminance(ground)
    return "#ffffff" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "#000000"


def luminance(colour: str) -> float:
    """How light a colour is, 0 to 1. Source: WCAG 2.2, relative luminance."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
