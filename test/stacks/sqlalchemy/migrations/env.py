from alembic import context

from model import Base, engine


def include_name(name, type_, parent_names):
    return not (type_ == "schema" and name == "gapless")


with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=Base.metadata, include_schemas=True, include_name=include_name
    )
    with context.begin_transaction():
        context.run_migrations()
