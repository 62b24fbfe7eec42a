"""The report is one safe page that says in a sentence how a controle stands, and hides nothing it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import jinja2
import pytest
from jinja2 import meta, nodes

from kmgb.catalogue.checks import SENTENCES
from kmgb.catalogue.fields import SEVERITIES, load_catalogue
from kmgb.compare.kinds import Kind
from kmgb.errors import ReportError
from kmgb.report import figures, words
from kmgb.report.data import (
    CheckLine,
    ClusterLine,
    CountLine,
    CoverageLine,
    DeliveryLine,
    Example,
    FieldLine,
    FindingLine,
    Overview,
    RunReport,
    SkippedCheck,
    Tally,
)
from kmgb.report.render import LONGEST_VALUE, Renderer
from kmgb.run.coverage import Coverage
from kmgb.run.outcome import WAYS

TEMPLATES = Path(__file__).parents[1] / "reports"
MOMENT = datetime(2026, 11, 16, 5, 12, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"


def _finding(
    kind: str = "afwijkend", severity: str = "normaal", ours: str = "Jansen", theirs: str = "Janssen"
) -> FindingLine:
    part = kind if kind == "cosmetisch" else "afwijkend"
    return FindingLine("•••782", "Voorletters", kind, "", severity, ours, theirs, MOMENT, new=True, part=part)


def _delivery(side: str, status: str = "geaccepteerd", reasons: tuple[str, ...] = ()) -> DeliveryLine:
    file, remarks = f"{side}_personen.csv", (f"Opmerking over {side}.",)
    return DeliveryLine(side, file, "9f" * 32, MOMENT, "bestandsnaam", MOMENT, 1004, 3, status, reasons, remarks)


ROWS = {
    "distributie": 1010, "distributie_afgekeurd": 0, "distributie_dubbel": 0, "distributie_bij_dubbel": 1,
    "distributie_buiten_populatie": 5, "distributie_niet_actueel": 0, "afnemer": 1004, "afnemer_afgekeurd": 1,
    "distributie_bij_afgekeurd": 0, "afnemer_bij_afgekeurd": 0,
    "afnemer_dubbel": 2, "afnemer_bij_dubbel": 0, "afnemer_buiten_populatie": 0, "afnemer_niet_actueel": 0,
    "gekoppeld": 1000, "gekoppeld_buiten_populatie": 2, "gekoppeld_via_andere_sleutel": 1, "ontbreekt": 4,
    "overtollig": 1,
}  # fmt: skip
REPORT = RunReport(
    run_id=118,
    afnemer="belasting",
    titel="Belastingen",
    eigenaar="Afdeling Heffen",
    contact="heffen@grootezijl.example",
    entity="personen",
    entity_label="Personen",
    status="gereed",
    started=MOMENT,
    finished=MOMENT,
    population="Levende inwoners\n   van de gemeente.",
    deliveries=(_delivery("distributie"), _delivery("applicatie")),
    versions={"kmgb": "0.1.0", "veldtoewijzing": "3f" * 32},
    rows=ROWS,
    kinds={"ontbreekt": 4, "overtollig": 1, "dubbel": 1, "ongeldig": 1, "afwijkend": 30, "cosmetisch": 7},
    severities={"kritiek": 3, "hoog": 7, "normaal": 27, "laag": 7},
    nieuw=41,
    opgelost=12,
    openstaand=44,
    fields=(
        FieldLine("voorletters", "Voorletters", "naam", 1000, 0, 1000, 963, 30, 0, 0, 7, 0, 0),
        FieldLine("datum_overlijden", "Datum Overlijden", "overlijden", 1000, 1000, 0, 0, 0, 0, 0, 0, 0, 0),
    ),
    coverage=(
        CoverageLine("BSN", "identiteit", "sleutel", "", None, overdue=False),
        CoverageLine("Voorletters", "naam", "vergeleken", "", None, overdue=False),
        CoverageLine("Voornamen", "naam", "niet_aangeleverd", "In de export opnemen", date(2026, 9, 1), overdue=True),
        CoverageLine("Geslacht", "geboorte en geslacht", "niet_gevoerd", "", None, overdue=False),
    ),
    clusters=(
        ClusterLine("Voorletters", "cosmetisch", "diakrieten", "laag", "É → E", 7, (Example("•••1", "É", "E"),)),
        ClusterLine("Voorletters", "afwijkend", "", "normaal", "Jansen → Janssen", 27, (Example("•••2", "J", "K"),)),
        ClusterLine("Datum Overlijden", "leeg_in_applicatie", "", "kritiek", "••• → (leeg)", 3, ()),
    ),
    findings=(_finding(severity="kritiek"), _finding(), _finding("cosmetisch", "laag", "É.", "E.")),
    total=44,
    files=("belasting-personen-118-afwijkingen.csv",),
    report_file="belasting-personen-118.html",
    objecten=12,
    tally=Tally(afwijkend=37, cosmetisch=7, kritiek=3),
    causes=(CountLine("onbekend", 30, 7), CountLine("niet_verzonden", 7, 0)),
    steps=(CountLine("herzenden", 37, 0), CountLine("geen", 0, 7)),
    warnings=("Het mutatielog mist de week van 2026-11-09.",),
    checks=(CheckLine("Jonger dan 16 en gehuwd", "applicatie", "normaal", 900, 55, 0, 1),),
    skipped=(SkippedCheck("Gehuwd zonder partner", "applicatie", "dit veld wordt niet geleverd"),),
)
QUARANTINED = replace(
    REPORT,
    status="quarantaine",
    deliveries=(
        _delivery("distributie"),
        _delivery("applicatie", "quarantaine", ("75 % minder rijen dan de vorige.",)),
    ),
    rows={},
    kinds={},
    severities={},
    fields=(),
    clusters=(),
    files=(),
    warnings=(),
    checks=(),
    skipped=(),
)
OVERVIEW = Overview(MOMENT, (REPORT, QUARANTINED), ("havenbeheer",))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(TEMPLATES, "Europe/Amsterdam")


@pytest.fixture(scope="module")
def pages(renderer: Renderer) -> dict[str, str]:
    empty = replace(REPORT, rows=dict.fromkeys(ROWS, 0), kinds={}, severities={}, fields=(), findings=(), total=0)
    empty = replace(empty, tally=Tally(), causes=(), steps=(), warnings=(), checks=(), skipped=())
    return {
        "gereed": renderer.run(REPORT),
        "quarantaine": renderer.run(QUARANTINED),
        "leeg": renderer.run(replace(empty, coverage=(), clusters=(), deliveries=(), files=(), contact="")),
        "overzicht": renderer.overview(OVERVIEW),
        "niets": renderer.overview(Overview(MOMENT, (), ())),
    }


class _Page(HTMLParser):
    """The tags of a page with their attributes; fails on a tag that closes what is not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(attribute)) is not None]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def _text(page: str) -> str:
    """What a reader sees, in one line."""
    body = page.partition("<body>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).replace(" .", ".").replace(" ,", ",")


ALL_PAGES = pytest.mark.parametrize("name", ["gereed", "quarantaine", "leeg", "overzicht", "niets"])


@ALL_PAGES
def test_a_page_needs_nothing_from_outside(pages: dict[str, str], name: str) -> None:
    page = pages[name]
    assert re.findall(r"https?://|xmlns|<script|<link|<img|<iframe|url\(|@import|\son\w+=|\sstyle=", page) == []
    assert "default-src 'none'" in page


@ALL_PAGES
def test_a_page_can_be_used_by_everyone(pages: dict[str, str], name: str) -> None:
    page = _Page(pages[name])
    ids = page.all("id")
    assert ("html", {"lang": "nl"}) in page.tags
    assert page.tags[[tag for tag, _ in page.tags].index("body") + 1] == (
        "a",
        {"class": "overslaan", "href": "#inhoud"},
    )
    assert page.count("h1") == 1
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in page.all("href") if target.startswith("#")} <= set(ids)
    assert set(page.all("aria-labelledby")) <= set(ids)
    assert page.count("table") == page.count("caption")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")


def test_colours_have_enough_contrast() -> None:
    colours = dict(re.findall(r"--kleur-([\w-]+): (#\w{6});", (TEMPLATES / "stijl.css").read_text(encoding="utf-8")))
    text_on = {
        "vlak": ("tekst", "zacht", "koppeling", "hoofd", "kritiek", "hoog", "orde"),
        "achter": ("tekst", "zacht", "koppeling"),
        "kritiek-vlak": ("tekst", "zacht", "koppeling", "kritiek"),
        "hoog-vlak": ("tekst", "hoog"),
        "orde-vlak": ("orde",),
        "merk": ("tekst",),
        "hoofd": ("hoofd-tekst",),
    }
    poor = [
        (text, on) for on, texts in text_on.items() for text in texts if _contrast(colours[text], colours[on]) < 4.5
    ]
    assert poor == []
    assert [
        on for on in ("vlak", "achter") if min(_contrast(colours[x], colours[on]) for x in ("rand", "focus")) < 3
    ] == []


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "12 van 1.007 personen wijken af; 41 nieuw, 12 opgelost, 3 kritiek."),
        ({"objecten": 1}, "1 van 1.007 personen wijkt af; 41 nieuw, 12 opgelost, 3 kritiek."),
        ({"objecten": None}, "37 afwijkingen bij 1.007 personen; 41 nieuw, 12 opgelost, 3 kritiek."),
        ({"entity": "pand"}, "12 van 1.007 panden wijken af; 41 nieuw, 12 opgelost, 3 kritiek."),
        (
            {"kinds": {"cosmetisch": 1}, "tally": Tally(cosmetisch=1), "nieuw": 0},
            "geen afwijkingen bij 1.002 personen; 1 cosmetisch verschil; 0 nieuw, 12 opgelost, 0 kritiek.",
        ),
        (
            {"tally": replace(REPORT.tally, onderweg=3, geaccepteerd=2), "teruggekeerd": 4},
            "12 van 1.007 personen wijken af (niet meegeteld: 3 onderweg, 2 geaccepteerd); 41 nieuw, 4 teruggekeerd, "
            "12 opgelost, 3 kritiek.",
        ),
        (
            {"tally": replace(REPORT.tally, veldtoewijzing=830, velden=2)},
            "12 van 1.007 personen wijken af; 2 velden lijken verkeerd toegewezen; 41 nieuw, 12 opgelost, 3 kritiek.",
        ),
        ({"rows": {}, "kinds": {}, "total": 0}, "er was niets te vergelijken."),
        (
            {"status": "quarantaine", "openstaand": 1312},
            "niet vergeleken, want een aanlevering staat in quarantaine; alle 1.312 openstaande bevindingen blijven "
            "zoals ze waren.",
        ),
    ],
    ids=["some", "one", "not counted", "panden", "only cosmetic", "aside", "columns", "nothing", "quarantaine"],
)
def test_one_sentence_says_how_it_stands(renderer: Renderer, changes: dict[str, object], said: str) -> None:
    page = renderer.run(replace(REPORT, **changes))
    assert f"<h1>Belastingen, Personen: {said}</h1>" in page


def test_what_matters_comes_in_order(pages: dict[str, str]) -> None:
    wanted = (
        "waarschuwingen kritiek doen oorzaken kruiscontroles soorten velden rijen dekking bevindingen aanleveringen "
        "bewijs cosmetisch"
    )
    assert re.findall(r'<h2 id="(\w+)"', pages["gereed"]) == wanted.split()
    assert re.findall(r'<h2 id="(\w+)"', pages["quarantaine"]) == [
        "quarantaine", "kritiek", "dekking", "bevindingen", "aanleveringen", "bewijs", "cosmetisch"
    ]  # fmt: skip


def test_everything_the_report_knows_is_said(pages: dict[str, str]) -> None:
    """Only names that have words of their own are not printed as they are stored."""
    text = _text(pages["gereed"]).casefold()
    silent = {"diakrieten", "distributie", "voorletters", "datum_overlijden", "vergeleken", "niet_gevoerd"}
    silent |= {"niet_aangeleverd", "bestandsnaam", "identiteit", REPORT.report_file}
    silent |= {"niet_verzonden", "geen", "leeg_in_applicatie", REPORT.warnings[0].casefold()}
    said = {" ".join(value.split()).casefold() for value in _strings(REPORT)} - silent
    assert [value for value in said if value not in text] == []
    assert "maandag 16 november 2026, 06:12" in text
    assert "1 september 2026 verlopen" in text
    assert "Het mutatielog mist de week van 09-11-2026." in _text(pages["gereed"])


def _strings(record: object) -> Iterator[str]:
    if isinstance(record, str):
        yield record
    elif isinstance(record, tuple):
        yield from chain.from_iterable(map(_strings, record))
    elif isinstance(record, dict):
        yield from (value for value in record.values() if isinstance(value, str))
    elif hasattr(record, "__slots__") and not isinstance(record, date):
        yield from chain.from_iterable(_strings(getattr(record, slot)) for slot in record.__slots__)


def test_a_percentage_has_its_denominator_and_nothing_compared_is_not_equal(pages: dict[str, str]) -> None:
    text = _text(pages["gereed"])
    assert "96,3 % gelijk 963 van 1.000 vergeleken waarden" in text
    assert "Datum Overlijden niet vergeleken 0 0 0 0 0 0 0 0 1.000" in text
    assert "100,0 %" not in text


def test_rows_add_up_or_the_report_says_aloud_that_they_do_not(renderer: Renderer, pages: dict[str, str]) -> None:
    assert _text(pages["gereed"]).count("Samen: alle rijen zijn verantwoord") == 2
    lost = _text(renderer.run(replace(REPORT, rows=ROWS | {"afnemer": 1006})))
    assert "Niet verantwoord: meld dit bij gegevensbeheer 2" in lost


def test_the_list_says_what_it_leaves_out(pages: dict[str, str]) -> None:
    assert (
        "Dit verslag toont de eerste 3 van 44 bevindingen, de ergste eerst, waarvan 1 cosmetisch (onderaan); "
        "alles staat in belasting-personen-118-afwijkingen.csv."
    ) in _text(pages["gereed"])


def test_cosmetic_findings_are_last_and_folded(pages: dict[str, str]) -> None:
    before, folded = pages["gereed"].split('<details class="dicht">')
    assert "alleen accenten verschillen" in folded
    assert "alleen accenten verschillen" not in before


def test_quarantaine_stands_out_with_its_reasons(pages: dict[str, str]) -> None:
    text = _text(pages["quarantaine"])
    assert "Alle bevindingen blijven zoals ze waren: er is niets geopend en niets opgelost." in text
    assert "Applicatie (applicatie_personen.csv): 75 % minder rijen dan de vorige." in text
    assert "niet vergeleken er is dus ook niets gelijk bevonden" in text


def test_the_overview_shows_every_controle_worst_first_and_who_has_none(pages: dict[str, str]) -> None:
    page, text = pages["overzicht"], _text(pages["overzicht"])
    assert "2 controles: 1 in quarantaine, 1 met kritieke bevindingen, 1 applicatie zonder controle." in text
    assert text.index("In quarantaine") < text.index("Kritiek 12 van 1.007")
    assert "96,3 % van 1.000" in text
    assert page.count('href="./belasting-personen-118.html"') == 2
    assert "<li>havenbeheer</li>" in page
    assert "Er is nog geen controle uitgevoerd." in _text(pages["niets"])


@pytest.mark.parametrize(
    ("planted", "printed"),
    [
        (SCRIPT, "&lt;script&gt;alert(1)&lt;/script&gt;"),
        (FORMULA, "=cmd|&#39; /C calc&#39;!A0"),
        ('" onmouseover="alert(1)', "&#34; onmouseover=&#34;alert(1)"),
        ("{{ 7 * 7 }}{% raw %}", "{{ 7 * 7 }}{% raw %}"),
        ("abc\u202egnp.exe", "abc[U+202E]gnp.exe"),
        ("\u200fabc\u2066", "[U+200F]abc[U+2066]"),
        ("a\x00b\x1bc\td\r\ne\x7f", "a␀b␛c␉d␍␊e[U+007F]"),
        ("J\u00a0M\u200b", "J[U+00A0]M[U+200B]"),
        ("\ud800", "[U+D800]"),
        ("é" * 30_000, "é" * LONGEST_VALUE + "… (30.000 tekens)"),
    ],
    ids=[
        "script",
        "formula",
        "attribute",
        "template",
        "turned",
        "isolate",
        "controls",
        "invisible",
        "surrogate",
        "long",
    ],
)
def test_a_dump_is_hostile(renderer: Renderer, planted: str, printed: str) -> None:
    finding = replace(_finding("afwijkend", "kritiek", planted, "x"), key=planted, assigned=planted)
    finding = replace(finding, reference=planted, remark=planted)
    cluster = ClusterLine("Voorletters", "afwijkend", "", "normaal", planted, 2, (Example(planted, planted, "y"),))
    delivery = replace(_delivery("applicatie"), file=planted)
    page = renderer.run(replace(REPORT, findings=(finding,), clusters=(cluster,), deliveries=(delivery,)))
    _Page(page)
    assert page.count(printed) == 2 + 3 + 3 + 1
    assert planted == printed or planted not in page
    assert len(page.encode()) < 60_000


def test_sentences_and_titles_are_escaped_too(renderer: Renderer) -> None:
    cluster = replace(REPORT.clusters[1], evidence=SCRIPT, check=SCRIPT, rule="kruiscontrole:x")
    finding = replace(REPORT.findings[1], check=SCRIPT, rule="kruiscontrole:x")
    checks = (replace(REPORT.checks[0], title=SCRIPT),)
    skipped = (SkippedCheck(SCRIPT, "paar", SCRIPT),)
    changed = replace(REPORT, clusters=(cluster,), findings=(finding,), checks=checks, skipped=skipped)
    page = renderer.run(replace(changed, warnings=(SCRIPT,)))
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2 + 1 + 1 + 2 + 1
    assert SCRIPT not in page


def test_what_differs_between_two_values_is_marked(renderer: Renderer) -> None:
    def cells(ours: str, theirs: str) -> list[str]:
        page = renderer.run(replace(REPORT, findings=(_finding("afwijkend", "normaal", ours, theirs),), clusters=()))
        return re.findall(r'<td class="waarde"><bdi>(.*?)</bdi></td>', page)

    assert cells("Jansen", "Janssen") == ["Jansen", "Jans<mark>s</mark>en"]
    assert cells("weg <12>", "weg <21>") == ["weg &lt;<mark>12</mark>&gt;", "weg &lt;<mark>21</mark>&gt;"]
    assert cells("Rene", "Rene\u0301") == ["Ren<mark>e</mark>", "Ren<mark>e\u0301</mark>"]
    assert cells("man", "vrouw") == ["man", "vrouw"]
    assert cells("•••", "•••") == ["•••", "•••"]


@pytest.mark.parametrize(
    ("kind", "rule", "ours", "theirs", "shown"),
    [
        ("ontbreekt", "", "•••782", "", ["•••782", "(staat er niet)"]),
        ("leeg_in_applicatie", "", "A", "", ["A", "(leeg)"]),
        ("ongeldig", "onleesbaar", "1971-10-18", "", ["1971-10-18", "(niet te lezen)"]),
        ("ongeldig", "onleesbaar", "", "", ["(leeg of niet te lezen)", "(leeg of niet te lezen)"]),
        ("dubbel", "gelijk", "", "2", ["–", "2 keer"]),
        ("afwijkend", "", "", "", ["(niet getoond)", "(niet getoond)"]),
        ("ongeldig", "kruiscontrole:geheim", "", "", ["(niet getoond)", "(niet getoond)"]),
        ("ongeldig", "kruiscontrole:gehuwd", "", "2", ["–", "2"]),
    ],
)
def test_a_side_without_a_value_says_why(
    renderer: Renderer, kind: str, rule: str, ours: str, theirs: str, shown: list[str]
) -> None:
    finding = replace(_finding(kind, "normaal", ours, theirs), rule=rule)
    page = renderer.run(replace(REPORT, findings=(finding,), clusters=()))
    cells = re.findall(r'<td class="waarde">(.*?)</td>', page)
    assert [re.sub(r"<[^>]+>", "", cell) for cell in cells] == shown


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (1, 3, "33,3 %"), (0, 7, "0,0 %"), (7, 7, "100,0 %"), (0, 0, "niet vergeleken"),
        (99_999, 100_000, "> 99,9 %"), (999, 1000, "99,9 %"), (1, 100_000, "< 0,1 %"), (1, 1000, "0,1 %"),
    ],
)  # fmt: skip
def test_a_percentage_is_never_rounded_to_all_or_nothing(part: int, whole: int, said: str) -> None:
    assert figures.percent(part, whole) == said


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (datetime(2026, 11, 15, 23, 0, tzinfo=UTC), "maandag 16 november 2026"),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "zondag 29 maart 2026, 03:30"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "zondag 25 oktober 2026, 02:30 (zomertijd)"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "zondag 25 oktober 2026, 02:30 (wintertijd)"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=UTC), "zondag 25 oktober 2026, 03:30"),
    ],
    ids=["midnight", "spring", "summer time", "winter time", "after"],
)
def test_moments_are_those_of_the_wall_clock(renderer: Renderer, moment: datetime, said: str) -> None:
    assert f"<dt>Klaar</dt><dd>{said}</dd>" in renderer.run(replace(REPORT, finished=moment))


def test_bars_fill_their_width_and_show_the_smallest_part() -> None:
    field = replace(REPORT.fields[0], vergeleken=100_000, gelijk=99_999, afwijkend=1, cosmetisch=0)
    equal, different = figures.bar(field)
    assert (equal.name, different.name, different.width >= 1.4) == ("gelijk", "afwijkend", True)
    assert round(different.start + different.width, 1) == 100
    assert figures.bar(REPORT.fields[1]) == ()


def test_templates_use_what_is_declared_and_nothing_else() -> None:
    environment = Renderer(TEMPLATES, "Europe/Amsterdam")._environment
    used = {path.name: _free(environment, path) for path in TEMPLATES.glob("*.html")}
    pages = {"run.html": {"report"}, "overzicht.html": {"overview"}, "dekking.html": {"page"}}
    pages |= {"week.html": {"week", "grafieken", "paginas"}, "week_applicatie.html": {"week", "afnemer", "paginas"}}
    pages |= {"mail.html": {"mail"}}
    assert used == {"basis.html": set(), "delen.html": set(), "weekdelen.html": set(), **pages}


def _free(environment: jinja2.Environment, path: Path) -> set[str]:
    """The names a template neither makes, imports nor gets from the declared functions."""
    tree = environment.parse(path.read_text(encoding="utf-8"))
    made = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    imported = {name for statement in tree.find_all(nodes.FromImport) for name in statement.names}
    return meta.find_undeclared_variables(tree) - set(environment.globals) - made - imported


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("\n{{ report.nieuww }}", "'kmgb.report.data.RunReport object' has no attribute 'nieuww'"),
        ("\n{{ rapport.nieuw }}", "'rapport' is undefined"),
        ("\n{{ report.nieuw | gatal }}", "No filter named 'gatal'."),
        ("\n{{ report.__class__.__mro__ }}", "access to attribute '__class__' of 'RunReport' object is unsafe."),
        ("\n{% if %}", "Expected an expression, got 'end of statement block'"),
    ],
    ids=["field", "name", "filter", "unsafe", "syntax"],
)
def test_a_wrong_template_is_named_with_its_line(tmp_path: Path, template: str, what: str) -> None:
    path = tmp_path / "run.html"
    path.write_text(template, encoding="utf-8")
    with pytest.raises(ReportError) as caught:
        Renderer(tmp_path, "Europe/Amsterdam").run(REPORT)
    hint = "Herstel het, of zet het meegeleverde sjabloon terug."
    assert str(caught.value) == f"{path}, regel 2: het sjabloon is niet te gebruiken ({what}). {hint}"


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("een\n{{ report.kinds | safe }}", "No filter named 'safe'."),
        ("een\n{% autoescape false %}{{ report.titel }}{% endautoescape %}", "autoescape kan niet uit"),
    ],
)
def test_no_template_switches_the_escaping_off(tmp_path: Path, template: str, what: str) -> None:
    (tmp_path / "run.html").write_text(template, encoding="utf-8")
    with pytest.raises(ReportError) as caught:
        Renderer(tmp_path, "Europe/Amsterdam").run(REPORT)
    assert f"run.html, regel 2: het sjabloon is niet te gebruiken ({what})" in str(caught.value)


def test_a_template_that_is_no_text_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "run.html").write_bytes("één".encode("cp1252"))
    with pytest.raises(ReportError, match=r"een sjabloon of opmaakblad is geen UTF-8\. Bewaar het als UTF-8"):
        Renderer(tmp_path, "Europe/Amsterdam").run(REPORT)


def test_an_absent_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"overzicht\.html: het sjabloon is niet te gebruiken"):
        Renderer(tmp_path, "Europe/Amsterdam").overview(OVERVIEW)


def test_every_name_has_words() -> None:
    fields = [f for e in load_catalogue().entities.values() for f in (*e.fields, *e.parts)]
    rules = {rule for field in fields for rule in field.tolerant} | {"onleesbaar", "datum_onbekend"}
    ways = {f"{side}_{way}" for side in ("distributie", "afnemer") for way in WAYS} | {"ontbreekt", "overtollig"}
    assert set(words.KIND_ORDER) == {kind.value for kind in Kind}
    assert set(words.SEVERITY_ORDER) == set(SEVERITIES)
    assert {way for side in words.ROW_WAYS.values() for way in side} == ways | {"gekoppeld"}
    assert set(words.NOT_COMPARED) | {"sleutel", "vergeleken"} == {coverage.value for coverage in Coverage}
    assert {rule for rule in rules if rule not in words._RULES} == set()


@pytest.mark.parametrize(
    ("rule", "kind", "said"),
    [
        ("hoofdletters+afgekapt", "cosmetisch", "alleen hoofdletters verschillen; afgekapt op de kolombreedte"),
        ("ongeldig:elfproef_bsn", "afwijkend", SENTENCES["elfproef_bsn"]),
        ("in_list:geslacht", "ongeldig", SENTENCES["in_list"]),
        ("a_nummer", "sleutelverschil", "gevonden via A-nummer"),
        ("strijdig:voorletters,geboortedatum", "dubbel", "de dubbele rijen verschillen in Voorletters, Geboortedatum"),
        ("gelijk", "dubbel", "de dubbele rijen zijn onderling gelijk"),
        ("rij heeft 5 velden, verwacht 12", "ongeldig", "rij heeft 5 velden, verwacht 12"),
        ("een_nieuwe_regel", "cosmetisch", "een nieuwe regel"),
    ],
)
def test_rules_are_said_in_dutch(rule: str, kind: str, said: str) -> None:
    assert words.rule_words(rule, kind, "personen") == said
