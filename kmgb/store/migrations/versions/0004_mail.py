"""De mail: één rij per bericht en ontvanger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMBLOB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """De tabel, en de index waarmee gevonden wordt wat verzonden moet worden."""
    op.create_table(
        "mail",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("recipient", sa.Unicode(length=254), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=160), nullable=False),
        sa.Column("made", sa.DateTime(), nullable=False),
        sa.Column("subject", sa.Unicode(length=250), nullable=False),
        sa.Column(
            "content",
            sa.LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb"),
            nullable=False,
        ),
        sa.Column("covers", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.DateTime(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("ended", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.Unicode(length=500), nullable=True),
        sa.Column("seen", sa.DateTime(), nullable=True),
        sa.Column("seen_by", sa.Unicode(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("kind", "recipient", "previous", name="uq_mail_previous"),
        sa.UniqueConstraint("message_id", name=op.f("uq_mail_message_id")),
    )
    with op.batch_alter_table("mail", schema=None) as batch_op:
        batch_op.create_index("ix_mail_status_next_try", ["status", "next_try"], unique=False)


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("mail")
