import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import peewee
from peewee import BigAutoField, BigIntegerField, Model, TextField
from playhouse.db_url import connect

sys.path.append(str(Path(__file__).parents[1]))
from checks import end, equal, gapless_sql, library, refused, tried, url

library("peewee", peewee.__version__)

db = connect(url)


class Invoice(Model):
    id = BigAutoField()
    customer = TextField()
    number = BigIntegerField(unique=True)

    class Meta:
        database = db
        table_name = "invoices"


class Contract(Model):
    id = BigAutoField()
    customer = TextField()
    number = BigIntegerField(unique=True, null=True)

    class Meta:
        database = db
        table_name = "contracts"
        only_save_dirty = True


class Whole(Contract):
    class Meta:
        table_name = "contracts"
        only_save_dirty = False


db.create_tables([Invoice, Contract])
with db.atomic():
    db.execute_sql("SELECT gapless.attach_gapless('invoices', 'number')")
    db.execute_sql("SELECT gapless.attach_gapless('contracts', 'number', at_commit => true)")


def code(error):
    return error.__context__.pgcode


with tried("cursor().execute() takes sql/gapless.sql; twice, too; execute_sql() does not, for its %"):
    for _ in range(2):
        db.cursor().execute(gapless_sql)
    db.commit()
    refused(db.execute_sql, gapless_sql)
with tried("insert(…).returning(…): the number is there"):
    (invoice,) = Invoice.insert(customer="ACME").returning(Invoice).execute()
    equal((invoice.customer, invoice.number), ("ACME", 1))
with tried("create(): None; read it again by get_by_id()"):
    invoice = Invoice.create(customer="Bolt")
    equal(invoice.number, None)
    invoice.customer = "Bolt Ltd"
    invoice.save()
    equal(Invoice.get_by_id(invoice.id).number, 2)
with tried("insert_many(…).returning(…): the numbers, in order"):
    rows = Invoice.insert_many([{"customer": str(i)} for i in range(50)]).returning(Invoice.number).execute()
    equal([row.number for row in rows], list(range(3, 53)))
with tried("bulk_create(), which sends NULL; read them again"):
    invoices = [Invoice(customer=str(i)) for i in range(3)]
    Invoice.bulk_create(invoices)
    equal([i.number for i in invoices], [None, None, None])
    equal([Invoice.get_by_id(i.id).number for i in invoices], [53, 54, 55])
with tried("save() of a loaded row, stale or not, which sends the number back"):
    mine, theirs = Invoice.get_by_id(1), Invoice.get_by_id(1)
    theirs.customer = "Acme Ltd"
    theirs.save()
    mine.customer = "Acme Inc"
    mine.save()
    equal((Invoice.get_by_id(1).customer, Invoice.get_by_id(1).number), ("Acme Inc", 1))
with tried("bulk_update()"):
    invoices = list(Invoice.select().order_by(Invoice.id).limit(2))
    for invoice in invoices:
        invoice.customer = "bulk"
    equal(Invoice.bulk_update(invoices, fields=[Invoice.customer]), 2)


def upsert(**values):
    target = Invoice.insert(**values).on_conflict(
        conflict_target=[Invoice.number], preserve=[Invoice.customer, Invoice.number]
    )
    (row,) = target.returning(Invoice).execute()
    return row.customer, row.number


with tried("upsert by on_conflict(): of a new row, and of a loaded one, number and all"):
    equal(upsert(customer="new"), ("new", 56))
    equal(upsert(customer="again", number=56), ("again", 56))
with tried("a rollback, and one of an inner atomic(), leave no hole"):
    insert = Invoice.insert(customer="lost").returning(Invoice.number)
    with db.atomic() as transaction:
        equal([row.number for row in insert.execute()], [57])
        transaction.rollback()
    with db.atomic():
        with db.atomic() as savepoint:
            equal([row.number for row in insert.clone().execute()], [57])
            savepoint.rollback()
        (row,) = Invoice.insert(customer="kept").returning(Invoice.number).execute()
        equal(row.number, 57)

with tried("at commit: None before, the number after; get_by_id() reads it"):
    with db.atomic():
        contract = Contract.create(customer="ACME")
        equal(Contract.get_by_id(contract.id).number, None)
    equal(Contract.get_by_id(contract.id).number, 1)
with tried("at commit: save() of a row that was loaded before: 428C9; not with only_save_dirty"):
    for model in Whole, Contract:
        with db.atomic():
            contract = model.get_by_id(model.create(customer="Bolt").id)
        contract.customer = "Bolt Ltd"
        if model is Whole:
            error = refused(contract.save)
            equal((type(error), code(error)), (peewee.ProgrammingError, "428C9"))
            db.rollback()
        else:
            equal(contract.save(), 1)
    equal(Contract.get_by_id(contract.id).number, 3)

with tried("to write a number: ProgrammingError, __context__.pgcode 428C9"):
    with db.atomic() as transaction:
        error = refused(Invoice.create, customer="mine", number=4711)
        equal((type(error), code(error)), (peewee.ProgrammingError, "428C9"))
        transaction.rollback()
with tried("to delete a numbered row: IntegrityError, __context__.pgcode 23001"):
    with db.atomic() as transaction:
        error = refused(Invoice.get_by_id(1).delete_instance)
        equal((type(error), code(error)), (peewee.IntegrityError, "23001"))
        transaction.rollback()
with tried("a deadlock: OperationalError, __context__.pgcode 40P01"):
    with db.atomic() as transaction:
        error = refused(db.execute_sql, "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")
        equal((type(error), code(error)), (peewee.OperationalError, "40P01"))
        transaction.rollback()

retries = []


def in_transaction(work):
    with db.connection_context():
        while True:
            try:
                with db.atomic():
                    db.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    return work()
            except peewee.OperationalError as error:
                if code(error) not in ("40001", "40P01"):
                    raise
                retries.append(1)


def work():
    db.execute_sql("SELECT 1")
    (row,) = Invoice.insert(customer="worker").returning(Invoice.number).execute()
    return row.number


with tried("REPEATABLE READ: OperationalError, __context__.pgcode 40001, retried, brings all rows, without a hole"):
    with ThreadPoolExecutor(4) as threads:
        equal(sorted(threads.map(in_transaction, [work] * 40)), list(range(58, 98)))
    equal(len(retries) > 0, True)
with tried("the audit finds nothing"):
    cursor = db.execute_sql("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained")
    equal(cursor.fetchone(), (0,))
end()
