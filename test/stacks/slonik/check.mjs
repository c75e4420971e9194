import assert from 'node:assert/strict'
import { createPool, SlonikError, sql } from 'slonik'
import { z } from 'zod'
import { gaplessSQL, library, refused, schema, tried, url } from './node.mjs'

library('slonik')
const pool = await createPool(url)
const invoice = sql.type(z.object({ customer: z.string(), amount: z.number(), number: z.bigint() }))
const insert = (customer) => sql.unsafe`INSERT INTO invoices (customer) VALUES (${customer}) RETURNING number`
const text = (value) => ({ ...sql.unsafe`SELECT`, sql: value })

await tried('sql/gapless.sql, twice, in a transaction too', async () => {
	await pool.query(sql.unsafe`DROP SCHEMA gapless CASCADE`)
	await pool.transaction((connection) => connection.query(text(gaplessSQL)))
	await pool.query(text(gaplessSQL))
	for (const statement of schema.split(';').slice(0, -1)) await pool.query(text(statement))
})

await tried('INSERT … RETURNING: the number is a BigInt', async () => {
	const row = await pool.one(invoice`INSERT INTO invoices (customer) VALUES (${'ACME'}) RETURNING customer, amount, number`)
	assert.deepEqual(row, { customer: 'ACME', amount: 0, number: 1n })
})

await tried('INSERT of several rows by unnest: numbers in their order', async () => {
	const rows = await pool.any(sql.unsafe`INSERT INTO invoices (customer)
		SELECT * FROM ${sql.unnest([['Bolt'], ['Cog']], ['text'])} RETURNING customer, number`)
	assert.deepEqual(rows, [{ customer: 'Bolt', number: 2n }, { customer: 'Cog', number: 3n }])
})

await tried('UPDATE with the number too', async () => {
	assert.equal(await pool.oneFirst(sql.unsafe`UPDATE invoices SET amount = 10, number = ${1n} WHERE customer = 'ACME' RETURNING number`), 1n)
})

await tried('upsert of a new and of a numbered row', async () => {
	const numbers = await pool.anyFirst(sql.unsafe`INSERT INTO invoices (customer, amount) VALUES ('ACME', 20), ('Dyne', 30)
		ON CONFLICT (customer) DO UPDATE SET amount = excluded.amount RETURNING number`)
	assert.deepEqual(numbers, [1n, 4n])
})

await tried('a rollback leaves no hole, nor does one of a nested transaction', async () => {
	await refused(pool.transaction(async (connection) => {
		await connection.query(insert('Echo'))
		throw new Error('declined')
	}))
	await pool.transaction(async (connection) => {
		await refused(connection.transaction(async (inner) => {
			await inner.query(insert('Echo'))
			throw new Error('declined')
		}))
		assert.equal(await connection.oneFirst(insert('Echo')), 5n)
	})
})

await tried('at commit: NULL before COMMIT, the number after it', async () => {
	const { id, number } = await pool.transaction((connection) =>
		connection.one(sql.unsafe`INSERT INTO receipts (customer) VALUES ('ACME') RETURNING id, number`))
	assert.equal(number, null)
	assert.equal(await pool.oneFirst(sql.unsafe`SELECT number FROM receipts WHERE id = ${id}`), 1n)
})

await tried('a number that is written: the error of pg, code 428C9, with a hint', async () => {
	const error = await refused(pool.query(sql.unsafe`INSERT INTO invoices (customer, number) VALUES ('Fizz', 17)`))
	assert.ok(!(error instanceof SlonikError))
	assert.equal(error.code, '428C9')
	assert.ok(error.hint)
})

await tried('a numbered row that is deleted: code 23001', async () => {
	assert.equal((await refused(pool.query(sql.unsafe`DELETE FROM invoices WHERE customer = 'ACME'`))).code, '23001')
})

// Inside of transaction(), slonik refuses statements of other connections.
const other = await createPool(url, { dangerouslyAllowForeignConnections: true })
const repeatableRead = sql.unsafe`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`

await tried('a serialization failure of a statement: transaction() tries again by itself', async () => {
	let tries = 0
	const number = await pool.transaction(async (connection) => {
		await connection.query(repeatableRead)
		await connection.query(sql.unsafe`SELECT FROM invoices`)
		if (++tries === 1) await other.query(insert('Fizz'))
		return connection.oneFirst(insert('Gear'))
	})
	assert.deepEqual([tries, number], [2, 7n])
})

await tried('a serialization failure of COMMIT: transaction() tries again by itself', async () => {
	let tries = 0
	await pool.transaction(async (connection) => {
		await connection.query(repeatableRead)
		await connection.query(sql.unsafe`SELECT FROM receipts`)
		if (++tries === 1) await other.query(sql.unsafe`INSERT INTO receipts (customer) VALUES ('Bolt')`)
		await connection.query(sql.unsafe`INSERT INTO receipts (customer) VALUES ('Cog')`)
	})
	assert.equal(tries, 2)
	assert.equal(await pool.oneFirst(sql.unsafe`SELECT number FROM receipts WHERE customer = 'Cog'`), 3n)
})

await tried('the audit explains everything', async () => {
	assert.deepEqual(await pool.any(sql.unsafe`SELECT * FROM gapless.audit_gapless() WHERE NOT explained`), [])
})

await other.end()
await pool.end()
