from alembic import op
from sqlalchemy import BigInteger, Column, Identity, Text, text

revision = "2"
down_revision = "1"


def upgrade():
    op.create_table(
        "invoices",
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("customer", Text, nullable=False),
        Column("number", BigInteger, unique=True, nullable=False),
    )
    op.execute("SELECT gapless.attach_gapless('invoices', 'number')")
    op.create_table(
        "contracts",
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("customer", Text, nullable=False),
        Column("number", BigInteger),
    )
    op.create_index(
        "contracts_number", "contracts", ["number"], unique=True, postgresql_where=text("number IS NOT NULL")
    )
    op.execute("SELECT gapless.attach_gapless('contracts', 'number', at_commit => true)")


def downgrade():
    for table in "contracts", "invoices":
        op.execute(f"SELECT gapless.detach_gapless('{table}', 'number')")
        op.drop_table(table)
