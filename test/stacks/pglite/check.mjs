import assert from 'node:assert/strict'
import { PGlite } from '@electric-sql/pglite'
import { gaplessSQL, library, refused, schema, tried } from './node.mjs'

library('@electric-sql/pglite')
const db = await PGlite.create()
const insert = (customer, from = db) => from.query('INSERT INTO invoices (customer) VALUES ($1) RETURNING number', [customer])

await tried('sql/gapless.sql by exec(), by query(), and in a transaction', async () => {
	await db.exec(gaplessSQL)
	await db.query(gaplessSQL)
	await db.transaction((transaction) => transaction.exec(gaplessSQL))
	await db.exec(schema)
})

await tried('INSERT … RETURNING: the number is a JavaScript number', async () => {
	assert.deepEqual((await insert('ACME')).rows, [{ number: 1 }])
})

await tried('INSERT of several rows: numbers in their order', async () => {
	const { rows } = await db.query('INSERT INTO invoices (customer) SELECT unnest($1::text[]) RETURNING number', [['Bolt', 'Cog']])
	assert.deepEqual(rows, [{ number: 2 }, { number: 3 }])
})

await tried('upsert of a new and of a numbered row', async () => {
	const { rows } = await db.query(`INSERT INTO invoices (customer, amount) VALUES ('ACME', 20), ('Dyne', 30)
		ON CONFLICT (customer) DO UPDATE SET amount = excluded.amount RETURNING number`)
	assert.deepEqual(rows, [{ number: 1 }, { number: 4 }])
})

await tried('a rollback leaves no hole', async () => {
	await db.transaction(async (transaction) => {
		await insert('Echo', transaction)
		await transaction.rollback()
	})
	assert.deepEqual((await insert('Echo')).rows, [{ number: 5 }])
})

await tried('at commit: NULL before COMMIT, the number after it', async () => {
	const [{ id, number }] = await db.transaction(async (transaction) =>
		(await transaction.query("INSERT INTO receipts (customer) VALUES ('ACME') RETURNING id, number")).rows)
	assert.equal(number, null)
	assert.deepEqual((await db.query('SELECT number FROM receipts WHERE id = $1', [id])).rows, [{ number: 1 }])
})

await tried('a number that is written: code 428C9, with a hint', async () => {
	const error = await refused(db.query("INSERT INTO invoices (customer, number) VALUES ('Fizz', 17)"))
	assert.equal(error.code, '428C9')
	assert.ok(error.hint)
})

await tried('a numbered row that is deleted: code 23001', async () => {
	assert.equal((await refused(db.query('DELETE FROM invoices'))).code, '23001')
})

await tried('the audit explains everything', async () => {
	assert.deepEqual((await db.query('SELECT * FROM gapless.audit_gapless() WHERE NOT explained')).rows, [])
})

await tried('a copy by clone() goes on with the next number, and leaves the original alone', async () => {
	const copy = await db.clone()
	assert.deepEqual((await insert('Fizz', copy)).rows, [{ number: 6 }])
	await copy.close()
	assert.deepEqual((await insert('Gear')).rows, [{ number: 6 }])
})

await db.close()
