"""The drawings of a weekly report as static SVG: no script, no style attribute, readable without colour and aloud.

Altair says what is drawn, vl-convert draws it without a browser or a network. Colours are those of the house style.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import altair as alt
import vl_convert
from lxml import etree
from markupsafe import Markup

from kmgb.report.figures import number, percent
from kmgb.report.house import DELIVERED, Colours, readable_on
from kmgb.report.week import Chart, Charts, HeatCell, TrendPoint, WeekReport

MOST_FIELDS = 12
_LONGEST = 40  # characters of a name beside or below a drawing
_EDGE = 6
_SVG = "http://www.w3.org/2000/svg"
# What XML 1.0 cannot hold, and marks that turn the direction of the text around them.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069\u200e\u200f]")


def charts_of(week: WeekReport, colours: Colours = DELIVERED) -> Charts:
    """Every drawing of this report, in the colours of the house style."""
    cells = sorted(week.heat, key=lambda cell: cell.entity_label)
    groups = groupby(cells, key=lambda cell: cell.entity_label)
    maps = [heat_chart(label, list(group), colours) for label, group in groups]
    return Charts(trend_chart(week.trend, colours), tuple(one for one in maps if one is not None))


def heat_chart(label: str, cells: Sequence[HeatCell], colours: Colours) -> Chart | None:
    """Fields down, applications across, the percentage wrong in each; the worst fields first. None when none is wrong.

    The number stands in the cell, so the shade is only there to find it sooner.
    """
    worst: dict[str, int] = {}
    for cell in cells:
        worst[cell.label] = worst.get(cell.label, 0) + cell.fout
    fields = [name for name, wrong in sorted(worst.items(), key=lambda item: (-item[1], item[0])) if wrong][
        :MOST_FIELDS
    ]
    if not fields:
        return None
    named = _named(cells)
    apps = sorted(named.values(), key=str.casefold)
    found = {(cell.label, named[cell.naam]): cell for cell in cells}
    shown = [found[name, app] for name in fields for app in apps if (name, app) in found]
    values = [
        {
            "veld": _plain(cell.label),
            "applicatie": _plain(named[cell.naam]),
            "deel": cell.share,
            "tekst": _short_percent(cell),
            "licht": cell.share < 0.5,
        }
        for cell in shown
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("applicatie:N", title=None, sort=[_plain(app) for app in apps], axis=_axis(-45, colours)),
        y=alt.Y("veld:N", title=None, sort=[_plain(name) for name in fields], axis=_axis(0, colours)),
    )
    shade = alt.Scale(domain=[0, 1], range=[colours.achter, colours.hoofd])
    colour = alt.condition("datum.licht", alt.value(colours.tekst), alt.value(readable_on(colours.hoofd)))
    tiles = base.mark_rect(stroke=colours.rand, strokeWidth=0.5).encode(
        color=alt.Color("deel:Q", legend=None, scale=shade)
    )
    texts = base.mark_text(fontSize=10).encode(text="tekst:N", color=colour)
    title = f"{label}: percentage fout per veld en applicatie"
    desc = (
        f"{len(fields)} velden met de meeste fouten, {len(apps)} applicaties. De tabel eronder heeft dezelfde cijfers."
    )
    longest = max(len(_plain(name)) for name in (*fields, *apps))
    svg = _drawn(
        (tiles + texts).properties(width=alt.Step(40), height=alt.Step(20)), f"warmte-{label}", title, desc, longest
    )
    rows = tuple((name, *(_cell_text(found.get((name, app))) for app in apps)) for name in fields)
    return Chart(label, svg, ("Veld", *apps), rows)


def trend_chart(points: Sequence[TrendPoint], colours: Colours) -> Chart | None:
    """Weeks across: what stood open as a line with points, what came (hollow bar up) and went (filled bar down)."""
    if not points:
        return None
    values = [
        {
            "week": f"{point.day:%d-%m}",
            "place": place,
            "open": point.open,
            "nieuw": point.nieuw,
            "opgelost": -point.opgelost,
        }
        for place, point in enumerate(points)
    ]
    order = [f"{point.day:%d-%m}" for point in points]
    across = alt.X("week:O", title="week tot en met", sort=order, axis=_axis(-45, colours))
    base = alt.Chart(alt.InlineData(values=values)).encode(x=across)
    up = base.mark_bar(fill="#ffffff", stroke=colours.kritiek, strokeWidth=1.5).encode(
        y=alt.Y("nieuw:Q", title="bevindingen")
    )
    down = base.mark_bar(fill=colours.balk_gelijk, stroke=colours.rand, strokeWidth=1).encode(y="opgelost:Q")
    line = base.mark_line(
        color=colours.hoofd, strokeWidth=2.5, point={"filled": True, "size": 30, "color": colours.hoofd}
    ).encode(y="open:Q")
    last = points[-1]
    desc = (
        f"Lijn: openstaand, nu {number(last.open)}. Open staven omhoog: nieuw, laatste week {number(last.nieuw)}. "
        f"Gevulde staven omlaag: opgelost, laatste week {number(last.opgelost)}."
    )
    drawn = alt.layer(up, down, line).properties(width=820, height=220)
    svg = _drawn(drawn, "trend", f"Verloop over {len(points)} weken", desc, 0)
    rows = tuple((f"{p.day:%d-%m-%Y}", number(p.open), number(p.nieuw), number(p.opgelost)) for p in reversed(points))
    return Chart("Verloop", svg, ("Week tot en met", "Open", "Nieuw", "Opgelost"), rows)


def _named(cells: Sequence[HeatCell]) -> dict[str, str]:
    """What each application is called, by its naam: two with the same title are told apart."""
    titles = {cell.naam: cell.titel for cell in cells}
    known = list(titles.values())
    return {naam: titel if known.count(titel) == 1 else f"{titel} ({naam})" for naam, titel in titles.items()}


def _axis(angle: int, colours: Colours) -> alt.Axis:
    return alt.Axis(
        labelAngle=angle, labelLimit=260, labelFontSize=11, labelColor=colours.tekst, domain=False, ticks=False
    )


def _drawn(chart: Any, name: str, title: str, desc: str, longest: int) -> Markup:
    """The drawing with a title and a description that a screen reader finds; nothing of the inside is read aloud.

    `longest`: characters of the longest name beside it. Who prints it may have a wider font than it was measured with.
    """
    spec = chart.configure(font="sans-serif", aria=False).configure_view(stroke=None).to_dict()
    spec["background"] = None
    spec["padding"] = {"left": _EDGE + longest, "bottom": _EDGE + longest, "right": _EDGE, "top": _EDGE}
    spec["config"]["locale"] = {"number": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", ""]}}
    svg = vl_convert.vegalite_to_svg(spec)
    anchor = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    root = etree.fromstring(svg.encode())
    for part in root.iter(etree.Element):
        for attribute in [key for key in part.attrib if key == "role" or str(key).startswith("aria-")]:
            del part.attrib[attribute]
    root.set("role", "img")
    root.set("aria-labelledby", f"{anchor}-titel {anchor}-uitleg")
    for place, (tag, text) in enumerate((("title", _plain(title, 200)), ("desc", desc))):
        said = etree.Element(f"{{{_SVG}}}{tag}", id=f"{anchor}-{'titel' if tag == 'title' else 'uitleg'}")
        said.text = text
        root.insert(place, said)
    etree.cleanup_namespaces(root)
    # Within HTML a drawing needs no namespace, and a page of ours names no address. lxml escapes every text in it.
    return Markup(etree.tostring(root, encoding="unicode").replace(f' xmlns="{_SVG}"', "", 1))


def _plain(text: str, longest: int = _LONGEST) -> str:
    """A name that a drawing can hold: one line, no signs that cannot be seen, not too long."""
    shown = _NOT_XML.sub("�", " ".join(text.split()))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _short_percent(cell: HeatCell) -> str:
    if not cell.vergeleken:
        return "–"
    share = cell.share * 100
    return "0" if not cell.fout else "<1" if share < 1 else f"{share:.0f}"


def _cell_text(cell: HeatCell | None) -> str:
    if cell is None or not cell.vergeleken:
        return "–"
    return f"{percent(cell.fout, cell.vergeleken)} ({number(cell.fout)} van {number(cell.vergeleken)})"
