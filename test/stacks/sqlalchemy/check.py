import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import alembic
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
from checks import end, equal, gapless_sql, library, refused, tried
from model import Base, Contract, Invoice, engine

library("SQLAlchemy", sqlalchemy.__version__)
library("Alembic", alembic.__version__)

with tried("Alembic: exec_driver_sql with no_parameters installs gapless; twice; then tables, and attach_gapless"):
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA gapless CASCADE"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    command.upgrade(config, "head")
with tried("Alembic: op.execute, or exec_driver_sql without no_parameters, does not take the file"):
    with engine.connect() as connection:
        refused(connection.exec_driver_sql, gapless_sql)
        equal(type(refused(connection.execute, text(gapless_sql))), sqlalchemy.exc.StatementError)


def differences(**options):
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


def include_name(name, type_, parent_names):
    return not (type_ == "schema" and name == "gapless")


def include_object(object, name, type_, reflected, compare_to):
    return getattr(object, "schema", None) != "gapless"


with tried("Alembic: autogenerate finds no difference in the schema of the model"):
    equal(differences(compare_type=True, compare_server_default=True), [])
with tried("Alembic: with include_schemas it would drop gapless' tables; not with include_name, or include_object"):
    equal(("remove_table", "journal") in [(d[0], d[1].name) for d in differences(include_schemas=True)], True)
    equal(differences(include_schemas=True, include_name=include_name), [])
    equal(differences(include_schemas=True, include_object=include_object), [])

statements = []
event.listen(engine, "before_cursor_execute", lambda c, cursor, statement, *more: statements.append(statement))

with tried("create: the flush reads the number, in one statement"), Session(engine) as session:
    statements.clear()
    invoice = Invoice(customer="ACME")
    session.add(invoice)
    session.flush()
    equal(invoice.number, 1)
    equal(len(statements), 1)
    session.commit()
with tried("create with number=None, which SQLAlchemy leaves out"), Session(engine) as session:
    invoice = Invoice(customer="None", number=None)
    session.add(invoice)
    session.commit()
    equal(invoice.number, 2)
with tried("bulk create: add_all reads the numbers in order, in one statement"), Session(engine) as session:
    statements.clear()
    invoices = [Invoice(customer=str(i)) for i in range(50)]
    session.add_all(invoices)
    session.flush()
    equal([i.number for i in invoices], list(range(3, 53)))
    equal(len(statements), 1)
    session.commit()
with tried("insert(…).values([…]).returning(…)"), Session(engine) as session:
    rows = session.execute(insert(Invoice).values([{"customer": "a"}, {"customer": "b"}]).returning(Invoice.number))
    equal(rows.scalars().all(), [53, 54])
    session.commit()

with tried("update of a loaded row, stale or not, sends what has changed"):
    with Session(engine) as stale, Session(engine) as session:
        mine, theirs = stale.get(Invoice, 1), session.get(Invoice, 1)
        theirs.customer = "Acme Ltd"
        session.commit()
        mine.customer = "Acme Inc"
        statements.clear()
        stale.commit()
        equal(statements, ["UPDATE invoices SET customer=%(customer)s WHERE invoices.id = %(invoices_id)s"])
        equal((mine.customer, mine.number), ("Acme Inc", 1))
with tried("merge with the number, and without it"), Session(engine) as session:
    session.merge(Invoice(id=1, customer="merged", number=1))
    session.commit()
    equal(session.merge(Invoice(id=1, customer="merged again")).number, 1)
    session.commit()
with tried("merge with number=None: ProgrammingError, orig.pgcode 428C9"), Session(engine) as session:
    session.merge(Invoice(id=1, customer="merged", number=None))
    error = refused(session.commit)
    equal((type(error), error.orig.pgcode), (ProgrammingError, "428C9"))
with tried("refresh"), Session(engine) as session:
    invoice = session.get(Invoice, 1)
    session.refresh(invoice)
    equal(invoice.number, 1)


def upsert(session, **values):
    statement = insert(Invoice).values(**values)
    statement = statement.on_conflict_do_update(
        index_elements=["number"], set_={"customer": statement.excluded.customer, "number": statement.excluded.number}
    )
    return session.execute(statement.returning(Invoice.customer, Invoice.number)).one()


with tried("upsert by on_conflict_do_update: of a new row, and of a loaded one, number and all"):
    with Session(engine) as session:
        equal(upsert(session, customer="new"), ("new", 55))
        session.commit()
        loaded = session.execute(select(Invoice).filter_by(number=55)).scalar_one()
        equal(upsert(session, customer="again", number=loaded.number), ("again", 55))
        session.commit()
with tried("a rollback, and one of begin_nested(), leave no hole"), Session(engine) as session:
    session.add(Invoice(customer="lost"))
    session.flush()
    session.rollback()
    with session.begin_nested() as savepoint:
        session.add(Invoice(customer="lost, too"))
        session.flush()
        savepoint.rollback()
    invoice = Invoice(customer="kept")
    session.add(invoice)
    session.commit()
    equal(invoice.number, 56)

with tried("at commit: None after the flush; after commit() it is read again"), Session(engine) as session:
    contract = Contract(customer="ACME")
    session.add(contract)
    session.flush()
    equal(contract.number, None)
    session.commit()
    equal(contract.number, 1)
with tried("at commit, expire_on_commit=False: None until refresh(); a save before it does no harm"):
    with Session(engine, expire_on_commit=False) as session:
        contract = Contract(customer="ACME")
        session.add(contract)
        session.flush()
        equal(contract.number, None)
        session.commit()
        equal(contract.number, None)
        contract.customer = "Acme Ltd"
        session.commit()
        session.refresh(contract)
        equal(contract.number, 2)
with tried("at commit, expire_on_commit=False: bulk_save_objects that sends all fields: orig.pgcode 428C9"):
    with Session(engine, expire_on_commit=False) as session:
        contract = Contract(customer="ACME")
        session.add(contract)
        session.flush()
        equal(contract.number, None)
        session.commit()
        error = refused(session.bulk_save_objects, [contract], update_changed_only=False)
        equal((type(error), error.orig.pgcode), (ProgrammingError, "428C9"))

with tried("to write a number: ProgrammingError, orig.pgcode 428C9"), Session(engine) as session:
    session.add(Invoice(customer="mine", number=4711))
    error = refused(session.commit)
    equal((type(error), error.orig.pgcode), (ProgrammingError, "428C9"))
with tried("to change a number: ProgrammingError, orig.pgcode 428C9"), Session(engine) as session:
    session.get(Invoice, 1).number = 4711
    error = refused(session.commit)
    equal((type(error), error.orig.pgcode), (ProgrammingError, "428C9"))
with tried("to delete a numbered row: IntegrityError, orig.pgcode 23001"), Session(engine) as session:
    session.delete(session.get(Invoice, 1))
    error = refused(session.commit)
    equal((type(error), error.orig.pgcode), (IntegrityError, "23001"))

if sqlalchemy.__version__ >= "2":
    with tried("2.0 with psycopg 3: create; to write a number: ProgrammingError, orig.sqlstate 428C9"):
        with Session(create_engine(engine.url.set(drivername="postgresql+psycopg"))) as session:
            invoices = [Invoice(customer=str(i)) for i in range(3)]
            session.add_all(invoices)
            session.flush()
            equal([i.number for i in invoices], [57, 58, 59])
            session.rollback()
            session.add(Invoice(customer="mine", number=4711))
            error = refused(session.commit)
            equal((type(error), error.orig.sqlstate), (ProgrammingError, "428C9"))

serializable = engine.execution_options(isolation_level="REPEATABLE READ")


def in_transaction(work):
    while True:
        try:
            with Session(serializable) as session, session.begin():
                return work(session)
        except DBAPIError as error:
            if error.orig.pgcode not in ("40001", "40P01"):
                raise


with tried("REPEATABLE READ: OperationalError, orig.pgcode 40001"):
    with Session(serializable) as late, Session(engine) as session:
        late.execute(select(1))
        session.add(Invoice(customer="first"))
        session.commit()
        late.add(Invoice(customer="second"))
        error = refused(late.commit)
        equal((type(error), error.orig.pgcode), (OperationalError, "40001"))
with tried("a deadlock: OperationalError, orig.pgcode 40P01"), Session(engine) as session:
    error = refused(session.execute, text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"))
    equal((type(error), error.orig.pgcode), (OperationalError, "40P01"))
with tried("a loop that retries 40001 and 40P01 brings all rows, without a hole"):

    def work(session):
        invoice = Invoice(customer="worker")
        session.execute(select(1))
        session.add(invoice)
        session.flush()
        return invoice.number

    with ThreadPoolExecutor(4) as threads:
        equal(sorted(threads.map(in_transaction, [work] * 40)), list(range(58, 98)))
with tried("the audit finds nothing"), engine.connect() as connection:
    equal(connection.execute(text("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained")).scalar(), 0)
end()
