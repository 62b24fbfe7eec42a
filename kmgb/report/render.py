"""The frozen data of a report -> one HTML page that needs nothing else.

The templates stand in a folder that a municipality may change. `run.html` gets `report` (RunReport), `overzicht.html`
gets `overview` (Overview), `dekking.html` gets `page` (CoveragePage), `week.html` gets `week` (WeekReport),
`grafieken` (Charts) and `paginas` (the names of the pages beside it), `week_applicatie.html` gets `week`, `paginas` and
`afnemer` (AfnemerWeek), and nothing more. Beside that they may use:

filters   `getal` 1.234; `moment` maandag 16 november 2026, 06:12; `dag` the same without time; `kort` 16-11-2026 06:12;
          `cijferdag` 16-11-2026; `waarde` a value cut to what a table can hold; `lopend` blanks and line ends to single
          blanks; `hoofdletter` the first letter a capital; `dagen` 2026-11-16 in a sentence to 16-11-2026, unbroken
functions `procent(part, whole)`, `verschil(ours, theirs)` (both values with what differs marked), the words of
          words.py (`soort`, `ernst`, `regel`, `dekking`, `kant`, `herkomst`, `veldnaam`, `eenheid`) and of causes.py
          (`oorzaak`, `stap`, `status`, `advies`, `leeftijd`), the sentences of sentences.py (`zin`, `korte_zin`)
          and the figures of figures.py (`stand`, `standen`, ...): see `_FUNCTIONS`

Everything that is printed is escaped, and characters that cannot be seen are shown as a sign, whatever they come from.
A name that does not exist is an error, never an empty spot. Templates run sandboxed: they are text, not Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from traceback import extract_tb
from typing import Any
from unicodedata import combining
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from kmgb.errors import ReportError
from kmgb.report import causes, figures, sentences, words
from kmgb.report.coverage import CoveragePage
from kmgb.report.data import Overview, RunReport
from kmgb.report.signs import visible
from kmgb.report.week import AfnemerWeek, Charts, WeekReport
from kmgb.report.week_words import week_page

LONGEST_VALUE = 160
_DAY = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DAYS = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni",
    "juli", "augustus", "september", "oktober", "november", "december",
)  # fmt: skip

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "procent": figures.percent,
    "soort": words.kind_words,
    "soortnaam": words.finding_words,
    "ernst": words.severity_words,
    "regel": words.rule_words,
    "dekking": words.coverage_words,
    "kant": words.side_words,
    "herkomst": words.origin_words,
    "veldnaam": words.field_words,
    "eenheid": words.unit_words,
    "niets_daar": words.absent_words,
    "versienaam": words.version_words,
    "oorzaak": causes.cause_words,
    "stap": causes.step_words,
    "status": causes.status_words,
    "advies": causes.advice,
    "leeftijd": causes.age_words,
    "zin": sentences.sentence,
    "korte_zin": sentences.finding_sentence,
    "stand": figures.standing,
    "afwijkingen": figures.discrepancies,
    "cosmetische": figures.cosmetic,
    "kritieke": figures.critical,
    "beoordeeld": figures.judged,
    "gelijke_waarden": figures.equal_values,
    "per_soort": figures.findings_per_kind,
    "per_ernst": figures.findings_per_severity,
    "balansen": figures.balances,
    "veldgroepen": figures.field_groups,
    "balk": figures.bar,
    "niet_vergeleken": figures.not_compared,
    "wel_vergeleken": figures.compared,
    "aantal_velden": figures.field_count,
    "verlopen": figures.overdue,
    "dringendste_eerst": figures.most_urgent_first,
    "getoond": figures.listed,
    "taken": figures.tasks,
    "wachtend": figures.waiting,
    "lichte": figures.light,
    "clusternaam": figures.cluster_name,
    "niet_meegeteld": figures.uncounted,
    "per_oorzaak": figures.per_cause,
    "per_stap": figures.per_step,
    "hoeveel": figures.step_count,
    "overzicht_zin": sentences.overview_sentence,
    "weekbestand": week_page,
}


# Filters that print text as it is.
_UNSAFE = ("safe",)


class _Environment(ImmutableSandboxedEnvironment):
    """In which nothing switches the escaping off."""

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        off = tree.find(nodes.EvalContextModifier)
        if off is not None:
            raise TemplateSyntaxError("autoescape kan niet uit", off.lineno, name, filename)
        return tree


def _escapes(name: str | None) -> bool:
    """A text without markup is no HTML: there `&` is written as it is."""
    return name is None or not name.endswith(".txt")


class Renderer:
    """Reports as HTML, from the templates in a folder, with times in the municipality's zone."""

    def __init__(self, templates: Path, zone: str) -> None:
        self._templates = templates
        self._environment = _Environment(
            loader=FileSystemLoader(templates),
            autoescape=_escapes,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_seen,
        )
        here = ZoneInfo(zone)
        for name in _UNSAFE:
            del self._environment.filters[name]
        self._environment.filters |= {
            "getal": figures.number,
            "moment": partial(moment, zone=here),
            "kort": partial(short_moment, zone=here),
            "dag": day,
            "cijferdag": partial(day_in_figures, zone=here),
            "waarde": value,
            "lopend": lambda text: " ".join(text.split()),
            "dagen": days_in_figures,
            "hoofdletter": lambda text: text[:1].upper() + text[1:],
        }
        self._environment.globals = {**_FUNCTIONS, "verschil": difference, "standen": figures.STANDINGS}

    def run(self, report: RunReport) -> str:
        """The page of one run. Raises: ReportError when the template is absent or uses what does not exist."""
        return self._render("run.html", report=report)

    def overview(self, overview: Overview) -> str:
        """The page with the newest run of every controle. Raises: ReportError, as `run`."""
        return self._render("overzicht.html", overview=overview)

    def coverage(self, page: CoveragePage) -> str:
        """The page that says what is compared and what is not. Raises: ReportError, as `run`."""
        return self._render("dekking.html", page=page)

    def week(self, week: WeekReport, grafieken: Charts, paginas: Collection[str]) -> str:
        """The page of the week; `paginas` are the pages that stand beside it. Raises: ReportError, as `run`."""
        return self._render("week.html", week=week, grafieken=grafieken, paginas=paginas)

    def week_of(self, week: WeekReport, afnemer: AfnemerWeek, paginas: Collection[str]) -> str:
        """The page of one application in the week. Raises: ReportError, as `run`."""
        return self._render("week_applicatie.html", week=week, afnemer=afnemer, paginas=paginas)

    def _render(self, name: str, **context: object) -> str:
        try:
            return self._environment.get_template(name).render(context)
        except UnicodeDecodeError as error:
            what = f"{self._templates}: een sjabloon of opmaakblad is geen UTF-8."
            raise ReportError(f"{what} Bewaar het als UTF-8, of zet het meegeleverde terug.") from error
        except Exception as error:  # a template of the municipality can raise anything: it is text that calculates
            place = _place(error, self._templates) or str(self._templates / name)
            said = getattr(error, "message", None) or type(error).__name__
            what = f"{place}: het sjabloon is niet te gebruiken ({said})."
            raise ReportError(f"{what} Herstel het, of zet het meegeleverde sjabloon terug.") from error


def moment(when: datetime, zone: ZoneInfo) -> str:
    """A moment in Dutch words; midnight is a day. An hour that the clock shows twice says which of the two it is."""
    local = when.astimezone(zone)
    text = f"{_DAYS[local.weekday()]} {day(local)}"
    if (local.hour, local.minute) == (0, 0):
        return text
    return f"{text}, {local:%H:%M}{_which_of_two(local)}"


def short_moment(when: datetime, zone: ZoneInfo) -> str:
    """A moment in figures; midnight is a day."""
    local = when.astimezone(zone)
    clock = "" if (local.hour, local.minute) == (0, 0) else f" {local:%H:%M}{_which_of_two(local)}"
    return f"{local:%d-%m-%Y}{clock}"


def day_in_figures(when: date, zone: ZoneInfo) -> str:
    """A day, or the day of a moment: 16-11-2026."""
    return f"{when.astimezone(zone) if isinstance(when, datetime) else when:%d-%m-%Y}"


def day(when: date) -> str:
    """16 november 2026."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def days_in_figures(sentence: str) -> Markup:
    """A sentence in which every day jjjj-mm-dd is written as elsewhere, and stays on one line."""
    return Markup(_DAY.sub(r'<span class="datum">\3-\2-\1</span>', str(escape(visible(sentence)))))


def value(text: str) -> str:
    """A value as far as a table can hold it; the whole of it stands in the files beside the report."""
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}… ({figures.number(len(text))} tekens)"


def difference(ours: str, theirs: str) -> tuple[Markup, Markup]:
    """Both values, cut and safe, with the part that differs marked; nothing is marked when all or nothing does."""
    before = _shared_start(ours, theirs)
    room = min(len(ours), len(theirs)) - before
    after = min(_alike(ours[::-1], theirs[::-1]), room)
    if max(len(ours), len(theirs)) > LONGEST_VALUE or not (before or after) or ours == theirs:
        return escape(_seen(value(ours))), escape(_seen(value(theirs)))
    return _marked(ours, before, after), _marked(theirs, before, after)


def _seen(printed: Any) -> Any:
    return visible(printed) if isinstance(printed, str) and not isinstance(printed, Markup) else printed


def _shared_start(ours: str, theirs: str) -> int:
    """How many characters both begin with; an accent is not cut from its letter."""
    length = _alike(ours, theirs)
    while length and any(length < len(text) and combining(text[length]) for text in (ours, theirs)):
        length -= 1
    return length


def _alike(ours: str, theirs: str) -> int:
    pairs = zip(ours, theirs, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _marked(text: str, before: int, after: int) -> Markup:
    end = len(text) - after
    start, middle, rest = (visible(part) for part in (text[:before], text[before:end], text[end:]))
    return Markup("{}<mark>{}</mark>{}").format(start, middle, rest) if middle else escape(start + rest)


def _which_of_two(local: datetime) -> str:
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return ""
    return " (zomertijd)" if local.dst() else " (wintertijd)"


def _place(error: Exception, templates: Path) -> str:
    """Template and line of an error: Jinja rewrites tracebacks so that they point into templates."""
    lines = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).parent == templates]
    if lines:
        return f"{lines[-1].filename}, regel {lines[-1].lineno}"
    name, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    return f"{name}, regel {line}" if name and line else ""
