"""The weekly report from door to door: the store, what the mappings say beside it, and the pages in a folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from kmgb.arrival.watch import states
from kmgb.report.house import load_colours
from kmgb.report.mail_state import open_problems
from kmgb.report.private import write_private
from kmgb.report.week import DeliveryState, Role, WeekReport
from kmgb.report.week_charts import charts_of
from kmgb.report.week_load import Beside, load_week
from kmgb.report.week_words import week_page
from kmgb.run.coverage_matrix import expected_afnemers, titles
from kmgb.run.municipality import Municipality
from kmgb.run.norms import norm_lines
from kmgb.run.publish import renderer


def week_report(
    municipality: Municipality,
    made: datetime,
    role: Role = Role.GEGEVENSBEHEERDER,
    afnemer: str | None = None,
) -> WeekReport:
    """What the weekly report says to a reader of this role at `made`. Raises: KmgbError."""
    named = titles(municipality)
    beside = Beside(
        zone=municipality.settings.timezone,
        titles={name: named.get(name, name) for name in expected_afnemers(municipality)},
        mapped=frozenset(municipality.mappings),
        states=delivery_states(municipality, made),
        norms=norm_lines(municipality, made),
        mail=open_problems(municipality.history.engine, made),
    )
    return load_week(municipality.history, municipality.catalogue, made, beside, role, afnemer)


def delivery_states(municipality: Municipality, moment: datetime) -> tuple[DeliveryState, ...]:
    """What is the matter with the deliveries, those in quarantaine first."""
    zone, folder = municipality.settings.timezone, municipality.landing
    found = [
        DeliveryState(
            naam=mapping.naam,
            titel=mapping.afnemer.titel,
            entity_label=municipality.catalogue[entity].label,
            stand=state.signal.title,
            zin=state.signal.sentence,
            refuses=state.signal.refuses,
            nummer=state.delivery,
        )
        for mapping in municipality.mappings.values()
        for entity in mapping.entiteit
        for state in states(mapping, entity, folder, moment, zone)
    ]
    return tuple(sorted(found, key=lambda one: (not one.refuses, one.titel, one.entity_label)))


def publish_week(municipality: Municipality, week: WeekReport, folder: Path) -> Path:
    """The page of the week and one per application in `folder`; gives the path of the first. Raises: ReportError."""
    settings = municipality.settings
    pages = renderer(settings.templates, settings.timezone)
    beside = {path.name for path in folder.glob("*.html")}  # of the runs; they are made by a check or `kmgb report`
    for afnemer in week.afnemers:
        write_private(folder / week_page(week, afnemer), pages.week_of(week, afnemer, beside).encode())
    path = folder / week_page(week)
    write_private(path, pages.week(week, charts_of(week, load_colours(settings.templates)), beside).encode())
    return path
