import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import pg from 'pg'
import { gaplessSQL, library, refused, retried, tried, url } from './node.mjs'

library('kysely')
library('pg')
const pool = new pg.Pool({ connectionString: url })
const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
const number = async (customer, from = db) =>
	(await from.selectFrom('invoices').select('number').where('customer', '=', customer).executeTakeFirstOrThrow()).number

const gapless = { up: (db) => sql.raw(gaplessSQL).execute(db), down: async () => {} }
const tables = {
	async up(db) {
		await db.schema.createTable('invoices')
			.addColumn('id', 'bigint', (column) => column.generatedAlwaysAsIdentity().primaryKey())
			.addColumn('customer', 'text', (column) => column.notNull().unique())
			.addColumn('amount', 'integer', (column) => column.notNull().defaultTo(0))
			.addColumn('number', 'bigint', (column) => column.notNull().unique())
			.execute()
		await sql`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)`.execute(db)
		await db.schema.createTable('receipts')
			.addColumn('id', 'bigint', (column) => column.generatedAlwaysAsIdentity().primaryKey())
			.addColumn('customer', 'text', (column) => column.notNull())
			.addColumn('number', 'bigint')
			.execute()
		await db.schema.createIndex('receipts_number').on('receipts').column('number').unique().where('number', 'is not', null).execute()
		await sql`SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true)`.execute(db)
	},
	async down(db) {
		await db.schema.dropTable('receipts').execute()
		await db.schema.dropTable('invoices').execute()
	},
}

await tried('a Migrator runs sql/gapless.sql, twice', async () => {
	await sql`DROP SCHEMA gapless CASCADE`.execute(db)
	const migrations = { '1_gapless': gapless, '2_tables': tables, '3_gapless_again': gapless }
	const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
	const { error, results } = await migrator.migrateToLatest()
	assert.equal(error, undefined)
	assert.deepEqual(results.map((result) => result.status), ['Success', 'Success', 'Success'])
})

await tried('GeneratedAlways: a program that writes the number does not compile', () => {
	execFileSync('node_modules/.bin/tsc', ['--noEmit', '--strict', '--module', 'nodenext', '--skipLibCheck', 'types.ts'], { stdio: ['ignore', 2, 2] })
})

await tried('insertInto().returningAll(): the number is a string', async () => {
	const row = await db.insertInto('invoices').values({ customer: 'ACME' }).returningAll().executeTakeFirstOrThrow()
	assert.equal(row.number, '1')
})

await tried('insertInto of several rows: numbers in their order', async () => {
	const rows = await db.insertInto('invoices').values([{ customer: 'Bolt' }, { customer: 'Cog' }]).returning(['customer', 'number']).execute()
	assert.deepEqual(rows, [{ customer: 'Bolt', number: '2' }, { customer: 'Cog', number: '3' }])
})

await tried('updateTable', async () => {
	const rows = await db.updateTable('invoices').set({ amount: 10 }).where('customer', '=', 'ACME').returning('number').execute()
	assert.deepEqual(rows, [{ number: '1' }])
})

await tried('onConflict of a new and of a numbered row', async () => {
	const rows = await db.insertInto('invoices').values([{ customer: 'ACME', amount: 20 }, { customer: 'Dyne', amount: 30 }])
		.onConflict((conflict) => conflict.column('customer').doUpdateSet((eb) => ({ amount: eb.ref('excluded.amount') })))
		.returning(['customer', 'amount', 'number']).execute()
	assert.deepEqual(rows, [{ customer: 'ACME', amount: 20, number: '1' }, { customer: 'Dyne', amount: 30, number: '4' }])
})

await tried('mergeInto of a new and of a numbered row', async () => {
	const { rows: [{ version }] } = await sql`SELECT current_setting('server_version_num')::int AS version`.execute(db)
	if (version < 150000) return
	await db.mergeInto('invoices')
		.using(sql`(VALUES ('ACME', 21), ('Echo', 31))`.as(sql`source(customer, amount)`), (join) => join.onRef('source.customer', '=', 'invoices.customer'))
		.whenMatched().thenUpdateSet({ amount: sql`source.amount` })
		.whenNotMatched().thenInsertValues({ customer: sql`source.customer`, amount: sql`source.amount` })
		.execute()
	assert.deepEqual([await number('ACME'), await number('Echo')], ['1', '5'])
})

await tried('a rollback leaves no hole', async () => {
	await refused(db.transaction().execute(async (trx) => {
		await trx.insertInto('invoices').values({ customer: 'Fizz' }).execute()
		assert.equal(await number('Fizz', trx), '6')
		throw new Error('declined')
	}))
	await db.insertInto('invoices').values({ customer: 'Fizz' }).execute()
	assert.equal(await number('Fizz'), '6')
})

await tried('a savepoint that is rolled back leaves no hole', async () => {
	const trx = await db.startTransaction().execute()
	const inner = await trx.savepoint('before').execute()
	await inner.insertInto('invoices').values({ customer: 'Gear' }).execute()
	await inner.rollbackToSavepoint('before').execute()
	await trx.insertInto('invoices').values({ customer: 'Gear' }).execute()
	await trx.commit().execute()
	assert.equal(await number('Gear'), '7')
})

await tried('at commit: NULL before COMMIT, the number after it', async () => {
	const row = await db.transaction().execute((trx) =>
		trx.insertInto('receipts').values({ customer: 'ACME' }).returningAll().executeTakeFirstOrThrow())
	assert.equal(row.number, null)
	assert.equal((await db.selectFrom('receipts').selectAll().where('id', '=', row.id).executeTakeFirst()).number, '1')
})

await tried('a number that is written: the error of pg, code 428C9, with a hint', async () => {
	const error = await refused(db.insertInto('invoices').values({ customer: 'Hub', number: '17' }).execute())
	assert.ok(error instanceof pg.DatabaseError)
	assert.equal(error.code, '428C9')
	assert.ok(error.hint)
})

await tried('a numbered row that is deleted: code 23001', async () => {
	assert.equal((await refused(db.deleteFrom('invoices').where('customer', '=', 'ACME').execute())).code, '23001')
})

await tried('a serialization failure: code 40001, and the second try has the next number', async () => {
	let tries = 0
	await retried(() => db.transaction().setIsolationLevel('repeatable read').execute(async (trx) => {
		await number('ACME', trx)
		if (++tries === 1) await db.insertInto('invoices').values({ customer: 'Hub' }).execute()
		await trx.insertInto('invoices').values({ customer: 'Iris' }).execute()
	}))
	assert.deepEqual([tries, await number('Iris')], [2, '9'])
})

await tried('COMMIT that fails: both kinds of transaction reject with code 40001', async () => {
	const late = async (trx) => {
		await trx.selectFrom('receipts').selectAll().execute()
		await db.insertInto('receipts').values({ customer: 'Bolt' }).execute()
		await trx.insertInto('receipts').values({ customer: 'Cog' }).execute()
	}
	assert.equal((await refused(db.transaction().setIsolationLevel('repeatable read').execute(late))).code, '40001')
	const trx = await db.startTransaction().setIsolationLevel('repeatable read').execute()
	await late(trx)
	assert.equal((await refused(trx.commit().execute())).code, '40001')
	await trx.rollback().execute()
})

await tried('the audit explains everything', async () => {
	assert.deepEqual((await sql`SELECT * FROM gapless.audit_gapless() WHERE NOT explained`.execute(db)).rows, [])
})

await db.destroy()
