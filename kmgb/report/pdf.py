"""A page of ours as PDF: A4, tagged (PDF/UA), with bookmarks and numbered pages, from the same HTML."""

from __future__ import annotations

import importlib
from pathlib import Path

from kmgb.errors import ReportError

PRINT_STYLE = "afdruk.css"


def pdf_of(html: str, templates: Path) -> bytes:
    """The page as PDF; `afdruk.css` of the templates says what paper asks for. Nothing is fetched from anywhere.

    Raises: ReportError when the extra is not installed or the style cannot be read.
    """
    try:
        weasyprint = importlib.import_module("weasyprint")
    except (ImportError, OSError):  # the latter without the system's library for drawing text
        what = "Voor PDF zijn WeasyPrint en pango nodig."
        raise ReportError(f"{what} Installeer: pip install 'kmgb[pdf]' en (Debian) libpangoft2-1.0-0") from None
    path = templates / PRINT_STYLE
    try:
        style = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: het opmaakblad is niet te lezen. Zet het meegeleverde terug.") from error
    page = weasyprint.HTML(string=html, url_fetcher=_nowhere)
    sheet = weasyprint.CSS(string=style, url_fetcher=_nowhere)
    made: bytes = page.write_pdf(stylesheets=[sheet], pdf_variant="pdf/ua-1")
    return made


def _nowhere(url: str, *_: object, **__: object) -> object:
    """A page holds everything it needs; whatever a value of a dump points at is not fetched."""
    raise ValueError(f"not fetched: {url}")
