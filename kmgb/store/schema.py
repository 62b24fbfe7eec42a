"""The tables of the history. They share one `metadata`, so that migrations and tests see all of them.

A finding is an interval: opened by one run, closed by another, with its values in versions beside it; nothing is
rewritten. Identities are keyed hashes, and everything that says something about a person is encrypted (see secrets.py).
Times in SQL are naive and in UTC: SQL Server and MariaDB keep no zone.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.mysql import MEDIUMBLOB

# How a run ended: it judged, or a side was refused and everything stayed as it was.
DONE, QUARANTINE = "gereed", "quarantaine"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

aanlevering = Table(
    "aanlevering",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("afnemer", String(80), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("peildatum", DateTime, nullable=False),
    Column("arrived", DateTime, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("manifest", JSON, nullable=False),
    Index("ix_aanlevering_afnemer_entity_arrived", "afnemer", "entity", "arrived"),
)

# One execution of one controle. `facts` holds what explains the outcome (population, coverage, versions) and `outcome`
# the counts; both are read whole and never searched.
run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("afnemer", String(80), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("started", DateTime, nullable=False),
    Column("finished", DateTime, nullable=False),
    Column("distributie_id", String(32), ForeignKey("aanlevering.id"), nullable=True),
    Column("afnemer_id", String(32), ForeignKey("aanlevering.id"), nullable=True),
    Column("facts", JSON, nullable=False),
    Column("outcome", JSON, nullable=False),
    Index("ix_run_afnemer_entity_id", "afnemer", "entity", "id"),
)

cluster = Table(
    "cluster",
    metadata,
    Column("run_id", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("field", String(80), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("rule", String(200), nullable=True),
    Column("severity", String(10), nullable=False),
    Column("cause", String(20), nullable=False, server_default="onbekend"),
    Column("transform", String(80), nullable=True),
    Column("date", String(10), nullable=True),
    Column("next_step", String(30), nullable=True),
    Column("count", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

afwijking = Table(
    "afwijking",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("identity", String(64), nullable=False),
    Column("afnemer", String(80), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("field", String(80), nullable=False),
    Column("opened_run", Integer, ForeignKey("run.id"), nullable=False),
    Column("closed_run", Integer, ForeignKey("run.id"), nullable=True),
    Column("closed_as", String(30), nullable=True),
    Column("predecessor", Integer, ForeignKey("afwijking.id"), nullable=True),
    Index("ix_afwijking_identity_opened_run", "identity", "opened_run", unique=True),
    Index("ix_afwijking_afnemer_entity_closed_run", "afnemer", "entity", "closed_run"),
    Index("ix_afwijking_opened_run", "opened_run"),
    Index("ix_afwijking_closed_run", "closed_run"),
)

# What an interval looked like from a run on, until the next version. The values and the evidence of the cause travel
# encrypted in `payload`.
versie = Table(
    "afwijking_versie",
    metadata,
    Column("afwijking_id", Integer, ForeignKey("afwijking.id"), primary_key=True, autoincrement=False),
    Column("run_id", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("kind", String(30), nullable=False),
    Column("rule", String(200), nullable=True),
    Column("severity", String(10), nullable=False),
    Column("values_mac", String(64), nullable=False),
    Column("cause", String(20), nullable=False, server_default="onbekend"),
    Column("former_until", String(10), nullable=True),
    Column("next_step", String(30), nullable=True),
    Column("transform", String(80), nullable=True),
    Column("payload", LargeBinary, nullable=False),
    Index("ix_afwijking_versie_run_id", "run_id"),
)

# The open findings that a run could not judge. A run in quarantaine judged none and writes no rows here.
onbekend = Table(
    "afwijking_onbekend",
    metadata,
    Column("run_id", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("afwijking_id", Integer, ForeignKey("afwijking.id"), primary_key=True, autoincrement=False),
    Index("ix_afwijking_onbekend_afwijking_id", "afwijking_id"),
)

# What people decided, added to and never changed. A decision is about one finding (`identity`), about another decision
# (`subject`), or about all that share the filled ones of field, kind, rule and cause. `until` is the first moment at
# which an acceptance no longer holds; `last_day` is the day that was agreed, in the municipality's own time zone.
besluit = Table(
    "besluit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("action", String(20), nullable=False),
    Column("made", DateTime, nullable=False),
    Column("afnemer", String(80), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("identity", String(64), nullable=True),
    Column("afwijking_id", Integer, ForeignKey("afwijking.id"), nullable=True),
    Column("subject", Integer, ForeignKey("besluit.id"), nullable=True),
    Column("field", String(80), nullable=True),
    Column("kind", String(30), nullable=True),
    Column("rule", String(200), nullable=True),
    Column("cause", String(20), nullable=True),
    Column("state", String(20), nullable=True),
    Column("last_day", Date, nullable=True),
    Column("until", DateTime, nullable=True),
    Column("values_mac", String(64), nullable=True),
    Column("payload", LargeBinary, nullable=False),
    Index("ix_besluit_afnemer_entity", "afnemer", "entity"),
    Index("ix_besluit_identity", "identity"),
)

# The exact texts that runs were made with, each once, by the sha256 of its bytes: mapping files, kruiscontroles, the
# catalogue. They stand here and not in a folder, so that a backup of the history holds what explains it.
document = Table(
    "document",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("content", LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb"), nullable=False),
)

setting = Table(
    "instelling",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)
