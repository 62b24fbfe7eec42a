"""Het leven van een bevinding: oorzaak, volgende stap, wat een run niet kon beoordelen, en besluiten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Oorzaak en volgende stap per versie, wat een run niet kon beoordelen, en besluiten."""
    with op.batch_alter_table("afwijking", schema=None) as batch_op:
        batch_op.create_index("ix_afwijking_opened_run", ["opened_run"], unique=False)
        batch_op.create_index("ix_afwijking_closed_run", ["closed_run"], unique=False)

    with op.batch_alter_table("afwijking_versie", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cause", sa.String(length=20), server_default="onbekend", nullable=False))
        batch_op.add_column(sa.Column("former_until", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("next_step", sa.String(length=30), nullable=True))
        batch_op.add_column(sa.Column("transform", sa.String(length=80), nullable=True))
        batch_op.create_index("ix_afwijking_versie_run_id", ["run_id"], unique=False)

    # Older clusters say nothing of causes, and their payload has another form; the findings they came from stay.
    op.execute(sa.text("DELETE FROM cluster"))
    with op.batch_alter_table("cluster", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cause", sa.String(length=20), server_default="onbekend", nullable=False))
        batch_op.add_column(sa.Column("transform", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("date", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("next_step", sa.String(length=30), nullable=True))

    op.create_table(
        "afwijking_onbekend",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("afwijking_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["afwijking_id"], ["afwijking.id"], name=op.f("fk_afwijking_onbekend_afwijking_id_afwijking")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_afwijking_onbekend_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "afwijking_id", name=op.f("pk_afwijking_onbekend")),
    )
    with op.batch_alter_table("afwijking_onbekend", schema=None) as batch_op:
        batch_op.create_index("ix_afwijking_onbekend_afwijking_id", ["afwijking_id"], unique=False)

    op.create_table(
        "besluit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("made", sa.DateTime(), nullable=False),
        sa.Column("afnemer", sa.String(length=80), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=True),
        sa.Column("afwijking_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.Integer(), nullable=True),
        sa.Column("field", sa.String(length=80), nullable=True),
        sa.Column("kind", sa.String(length=30), nullable=True),
        sa.Column("rule", sa.String(length=200), nullable=True),
        sa.Column("cause", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("until", sa.DateTime(), nullable=True),
        sa.Column("values_mac", sa.String(length=64), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["afwijking_id"], ["afwijking.id"], name=op.f("fk_besluit_afwijking_id_afwijking")),
        sa.ForeignKeyConstraint(["subject"], ["besluit.id"], name=op.f("fk_besluit_subject_besluit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_besluit")),
    )
    with op.batch_alter_table("besluit", schema=None) as batch_op:
        batch_op.create_index("ix_besluit_afnemer_entity", ["afnemer", "entity"], unique=False)
        batch_op.create_index("ix_besluit_identity", ["identity"], unique=False)


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("besluit")
    op.drop_table("afwijking_onbekend")
    with op.batch_alter_table("cluster", schema=None) as batch_op:
        for name in ("next_step", "date", "transform"):
            batch_op.drop_column(name)
        batch_op.drop_column("cause", mssql_drop_default=True)

    with op.batch_alter_table("afwijking_versie", schema=None) as batch_op:
        batch_op.drop_index("ix_afwijking_versie_run_id")
        batch_op.drop_column("transform")
        batch_op.drop_column("next_step")
        batch_op.drop_column("former_until")
        batch_op.drop_column("cause", mssql_drop_default=True)

    with op.batch_alter_table("afwijking", schema=None) as batch_op:
        batch_op.drop_index("ix_afwijking_closed_run")
        batch_op.drop_index("ix_afwijking_opened_run")
