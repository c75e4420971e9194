from alembic import op
from checks import gapless_sql

revision = "1"
down_revision = None


def upgrade():
    op.get_bind().exec_driver_sql(gapless_sql, execution_options={"no_parameters": True})


def downgrade():
    pass
