import assert from 'node:assert/strict'
import Knex from 'knex'
import { gaplessSQL, library, refused, retried, tried, url } from './node.mjs'

library('knex')
library('pg')
const knex = Knex({ client: 'pg', connection: url, migrations: { directory: './migrations', loadExtensions: ['.mjs'] } })
const number = async (customer, db = knex) => (await db('invoices').where({ customer }).first('number'))?.number

await tried('sql/gapless.sql without \\? is refused, says why, and installs nothing', async () => {
	await knex.raw('DROP SCHEMA gapless CASCADE')
	assert.equal((await refused(knex.raw(gaplessSQL))).code, '22023')
	assert.equal((await knex.raw("SELECT to_regnamespace('gapless') AS schema")).rows[0].schema, null)
})

await tried('migrations run sql/gapless.sql, twice, in a transaction and without one', async () => {
	assert.equal((await knex.migrate.latest())[1].length, 3)
	assert.deepEqual((await knex.migrate.latest())[1], [])
})

await tried('a migration that is undone and run again: numbers go on', async () => {
	await knex('invoices').insert({ customer: 'ACME' })
	await knex.migrate.rollback(undefined, true)
	await knex.migrate.latest()
	await knex('invoices').insert({ customer: 'ACME' })
	assert.equal(await number('ACME'), '2')
})

await tried('reset_gapless before it is undone: numbers begin with 1', async () => {
	await knex.raw('SELECT gapless.reset_gapless(current_database())')
	await knex.migrate.rollback(undefined, true)
	await knex.migrate.latest()
})

await tried('insert().returning(): the number is a string', async () => {
	const [row] = await knex('invoices').insert({ customer: 'ACME' }).returning(['id', 'number'])
	assert.equal(row.number, '1')
})

await tried('insert and batchInsert of several rows: numbers in their order', async () => {
	const customers = [{ customer: 'Bolt' }, { customer: 'Cog' }, { customer: 'Dyne' }]
	assert.deepEqual(await knex('invoices').insert(customers).returning('number'), [{ number: '2' }, { number: '3' }, { number: '4' }])
	const more = ['Echo', 'Fizz', 'Gear'].map((customer) => ({ customer }))
	assert.deepEqual(await knex.batchInsert('invoices', more, 2).returning('number'), [{ number: '5' }, { number: '6' }, { number: '7' }])
})

await tried('update with the whole loaded row', async () => {
	const row = await knex('invoices').where({ customer: 'ACME' }).first()
	const [saved] = await knex('invoices').where({ id: row.id }).update({ ...row, amount: 10 }).returning('*')
	assert.deepEqual(saved, { ...row, amount: 10 })
})

await tried('update with a row of before its number: code 428C9', async () => {
	assert.equal((await refused(knex('invoices').where({ customer: 'ACME' }).update({ amount: 11, number: null }))).code, '428C9')
})

await tried('onConflict().merge() of a new and of a numbered row', async () => {
	const rows = await knex('invoices').insert([{ customer: 'ACME', amount: 20 }, { customer: 'Hub', amount: 30 }])
		.onConflict('customer').merge().returning(['customer', 'amount', 'number'])
	assert.deepEqual(rows, [{ customer: 'ACME', amount: 20, number: '1' }, { customer: 'Hub', amount: 30, number: '8' }])
})

await tried('onConflict().merge() of a loaded row, its number too', async () => {
	const row = await knex('invoices').where({ customer: 'ACME' }).first()
	const [saved] = await knex('invoices').insert({ ...row, amount: 21 }).onConflict('id').merge().returning('*')
	assert.deepEqual(saved, { ...row, amount: 21 })
})

await tried('onConflict().ignore() leaves no hole', async () => {
	assert.deepEqual(await knex('invoices').insert({ customer: 'ACME' }).onConflict('customer').ignore().returning('number'), [])
})

await tried('a rollback leaves no hole', async () => {
	await refused(knex.transaction(async (trx) => {
		await trx('invoices').insert({ customer: 'Iris' })
		assert.equal(await number('Iris', trx), '9')
		throw new Error('declined')
	}))
	await knex('invoices').insert({ customer: 'Iris' })
	assert.equal(await number('Iris'), '9')
})

await tried('a nested transaction that is rolled back leaves no hole', async () => {
	await knex.transaction(async (trx) => {
		await refused(trx.transaction(async (inner) => {
			await inner('invoices').insert({ customer: 'Jade' })
			throw new Error('declined')
		}))
		await trx('invoices').insert({ customer: 'Jade' })
	})
	assert.equal(await number('Jade'), '10')
})

await tried('at commit: NULL before COMMIT, the number after it', async () => {
	const row = await knex.transaction(async (trx) => (await trx('receipts').insert({ customer: 'ACME' }).returning('*'))[0])
	assert.equal(row.number, null)
	assert.equal((await knex('receipts').where({ id: row.id }).first()).number, '1')
})

await tried('a number that is written: code 428C9, with a hint', async () => {
	const error = await refused(knex('invoices').insert({ customer: 'Kite', number: 17 }))
	assert.equal(error.code, '428C9')
	assert.ok(error.hint)
})

await tried('a numbered row that is deleted: code 23001', async () => {
	assert.equal((await refused(knex('invoices').where({ customer: 'ACME' }).del())).code, '23001')
})

await tried('a serialization failure: code 40001, and the second try has the next number', async () => {
	let tries = 0
	await retried(() => knex.transaction(async (trx) => {
		await trx('invoices').first()
		if (++tries === 1) await knex('invoices').insert({ customer: 'Kite' })
		await trx('invoices').insert({ customer: 'Lamp' })
	}, { isolationLevel: 'repeatable read' }))
	assert.deepEqual([tries, await number('Lamp')], [2, '12'])
})

// late has a transaction whose COMMIT fails, since somebody else takes the number meanwhile.
async function late(trx) {
	await trx('receipts').first()
	await knex('receipts').insert({ customer: 'Bolt' })
	await trx('receipts').insert({ customer: 'Cog' })
}

await tried('COMMIT that fails: transaction(function) rejects with code 40001', async () => {
	assert.equal((await refused(knex.transaction(late, { isolationLevel: 'repeatable read' }))).code, '40001')
})

await tried('COMMIT that fails: trx.commit() resolves, trx.executionPromise rejects', async () => {
	const trx = await knex.transaction({ isolationLevel: 'repeatable read' })
	await late(trx)
	const done = refused(trx.executionPromise)
	await trx.commit()
	assert.equal((await done).code, '40001')
})

await tried('the audit explains everything', async () => {
	assert.deepEqual((await knex.raw('SELECT * FROM gapless.audit_gapless() WHERE NOT explained')).rows, [])
})

await knex.destroy()
