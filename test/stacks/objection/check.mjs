import assert from 'node:assert/strict'
import Knex from 'knex'
import { ConstraintViolationError, DBError, Model } from 'objection'
import { library, refused, retried, schema, tried, url } from './node.mjs'

library('objection')
library('knex')
const knex = Knex({ client: 'pg', connection: url })
Model.knex(knex)
await knex.raw(schema)
await knex.raw('CREATE TABLE lines (id bigserial PRIMARY KEY, invoice_id bigint NOT NULL REFERENCES invoices, product text)')

class Line extends Model {
	static tableName = 'lines'
}
class Invoice extends Model {
	static tableName = 'invoices'
	static relationMappings = {
		lines: { relation: Model.HasManyRelation, modelClass: Line, join: { from: 'invoices.id', to: 'lines.invoice_id' } },
	}
}
class Receipt extends Model {
	static tableName = 'receipts'
}

await tried('insert: the model has the id alone; with returning, or insertAndFetch, the number', async () => {
	const invoice = await Invoice.query().insert({ customer: 'ACME' })
	assert.equal(invoice.number, undefined)
	assert.equal((await invoice.$query()).number, '1')
	assert.equal((await Invoice.query().insert({ customer: 'Bolt' }).returning('*')).number, '2')
	assert.equal((await Invoice.query().insertAndFetch({ customer: 'Cog' })).number, '3')
})

await tried('insert of several rows: numbers in their order', async () => {
	const rows = await Invoice.query().insert([{ customer: 'Dyne' }, { customer: 'Echo' }]).returning('*')
	assert.deepEqual(rows.map((row) => row.customer + row.number), ['Dyne4', 'Echo5'])
})

await tried('insertGraphAndFetch: an invoice with its lines', async () => {
	const invoice = await Invoice.query().insertGraphAndFetch({ customer: 'Fizz', lines: [{ product: 'a' }, { product: 'b' }] })
	assert.equal(invoice.number, '6')
	assert.equal(invoice.lines.length, 2)
})

await tried('patch of a loaded model', async () => {
	const invoice = await Invoice.query().findOne({ customer: 'ACME' })
	assert.equal((await invoice.$query().patchAndFetch({ amount: 10 })).number, '1')
})

await tried('upsertGraph of a loaded and of a new model', async () => {
	const invoice = await Invoice.query().findOne({ customer: 'ACME' }).withGraphFetched('lines')
	invoice.amount = 11
	invoice.lines.push(Line.fromJson({ product: 'c' }))
	const saved = await Invoice.query().upsertGraphAndFetch([invoice, { customer: 'Gear' }])
	assert.deepEqual(saved.map((row) => row.number), ['1', '7'])
})

await tried('onConflict().merge() of a new and of a numbered row', async () => {
	const rows = await Invoice.query().insert([{ customer: 'ACME', amount: 20 }, { customer: 'Hub', amount: 30 }])
		.onConflict('customer').merge().returning('*')
	assert.deepEqual(rows.map((row) => [row.customer, row.amount, row.number]), [['ACME', 20, '1'], ['Hub', 30, '8']])
})

await tried('onConflict().ignore() of several rows: another row\'s number in the model of one that is skipped', async () => {
	const [skipped] = await Invoice.query().insert([{ customer: 'ACME' }, { customer: 'Ink' }]).onConflict('customer').ignore().returning('*')
	assert.deepEqual([skipped.customer, skipped.number], ['Ink', '9'])
})

await tried('a rollback leaves no hole', async () => {
	await refused(Invoice.transaction(async (trx) => {
		assert.equal((await Invoice.query(trx).insertAndFetch({ customer: 'Iris' })).number, '10')
		throw new Error('declined')
	}))
	assert.equal((await Invoice.query().insertAndFetch({ customer: 'Iris' })).number, '10')
})

await tried('at commit: NULL before COMMIT, the number after $query()', async () => {
	const receipt = await Receipt.transaction((trx) => Receipt.query(trx).insertAndFetch({ customer: 'ACME' }))
	assert.equal(receipt.number, null)
	assert.equal((await receipt.$query()).number, '1')
})

await tried('a number that is written: the error of pg, code 428C9, with a hint', async () => {
	const error = await refused(Invoice.query().insert({ customer: 'Jade', number: 17 }))
	assert.ok(!(error instanceof DBError))
	assert.equal(error.code, '428C9')
	assert.ok(error.hint)
})

await tried('a numbered row that is deleted: ConstraintViolationError, nativeError.code 23001', async () => {
	const error = await refused(Invoice.query().delete().where({ customer: 'Bolt' }))
	assert.equal(error.constructor, ConstraintViolationError)
	assert.equal(error.code, undefined)
	assert.equal(error.nativeError.code, '23001')
})

await tried('a serialization failure: DBError, nativeError.code 40001, and the second try has the next number', async () => {
	let tries = 0
	await retried(() => knex.transaction(async (trx) => {
		await Invoice.query(trx).first()
		if (++tries === 1) await Invoice.query().insert({ customer: 'Jade' })
		await Invoice.query(trx).insert({ customer: 'Kite' }).catch((error) => {
			assert.equal(error.constructor, DBError)
			assert.equal(error.nativeError.code, '40001')
			throw error
		})
	}, { isolationLevel: 'repeatable read' }))
	assert.deepEqual([tries, (await Invoice.query().findOne({ customer: 'Kite' })).number], [2, '12'])
})

await tried('COMMIT that fails: the error of pg, code 40001', async () => {
	const error = await refused(knex.transaction(async (trx) => {
		await Receipt.query(trx).first()
		await Receipt.query().insert({ customer: 'Bolt' })
		await Receipt.query(trx).insert({ customer: 'Cog' })
	}, { isolationLevel: 'repeatable read' }))
	assert.ok(!(error instanceof DBError))
	assert.equal(error.code, '40001')
})

await tried('the audit explains everything', async () => {
	assert.deepEqual((await knex.raw('SELECT * FROM gapless.audit_gapless() WHERE NOT explained')).rows, [])
})

await knex.destroy()
