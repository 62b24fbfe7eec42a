"""Any source of a mapping: fetched, or only looked at."""

from __future__ import annotations

from pathlib import Path

from kmgb.catalogue.fields import Entity
from kmgb.fetch.database import DatabaseFacts, fetch_database, test_database
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.https import fetch_https, probe_https
from kmgb.fetch.transfer import Terms
from kmgb.fetch.transfer_probe import TransferProbe, fetch_transfer, probe_transfer
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.mapping.bronnen.https import HttpsBron
from kmgb.mapping.model import Bron, EntiteitMapping
from kmgb.sources.lookup import own_columns


def fetch(bron: Bron, plan: EntiteitMapping, name: str, into: Path, terms: Terms) -> list[Fetched]:
    """What is due at the source, as whole files in `into`, oldest first. `name`: of a file that has none there.

    Raises: SourceError; SettingsError when a secret is missing.
    """
    if isinstance(bron, HttpsBron):
        return fetch_https(bron, plan, into, terms=terms)
    if not isinstance(bron, DatabaseBron):
        return fetch_transfer(bron, plan, into, terms=terms)
    fetched = fetch_database(
        bron,
        name,
        into,
        columns=own_columns(plan),
        limits=terms.limits,
        secrets=terms.secrets,
        progress=lambda rows, _: terms.progress(name, rows, 0),
        seen=terms.seen,
    )
    return [fetched]


def probe(bron: Bron, plan: EntiteitMapping, entity: Entity, terms: Terms) -> DatabaseFacts | TransferProbe:
    """Who answers, what there is, and some masked rows; nothing is changed. Raises: SourceError; SettingsError."""
    if isinstance(bron, DatabaseBron):
        return test_database(bron, secrets=terms.secrets)
    if isinstance(bron, HttpsBron):
        return probe_https(bron, plan, entity, terms=terms)
    return probe_transfer(bron, plan, entity, terms=terms)
