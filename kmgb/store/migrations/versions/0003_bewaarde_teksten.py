"""De teksten waarmee runs gemaakt zijn, elk één keer: veldtoewijzingen, kruiscontroles en de catalogus."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMBLOB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Een tekst per sha256."""
    op.create_table(
        "document",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column(
            "content",
            sa.LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_document")),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("document")
