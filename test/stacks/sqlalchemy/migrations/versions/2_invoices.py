from alembic import op
from sqlalchemy import BigInteger, Column, Identity, Text

revision = "2"
down_revision = "1"


def upgrade():
    for table, at_commit in ("invoices", False), ("contracts", True):
        op.create_table(
            table,
            Column("id", BigInteger, Identity(always=True), primary_key=True),
            Column("customer", Text, nullable=False),
            Column("number", BigInteger, unique=True, nullable=at_commit),
        )
        op.execute(f"SELECT gapless.attach_gapless('{table}', 'number', at_commit => {at_commit})")


def downgrade():
    for table in "invoices", "contracts":
        op.execute(f"SELECT gapless.detach_gapless('{table}', 'number')")
        op.drop_table(table)
