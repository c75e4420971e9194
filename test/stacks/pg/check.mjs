import assert from 'node:assert/strict'
import pg from 'pg'
import { gaplessSQL, library, refused, retried, schema, tried, url } from './node.mjs'

library('pg')
const pool = new pg.Pool({ connectionString: url })

async function transaction(run, begin = 'BEGIN') {
	const client = await pool.connect()
	try {
		await client.query(begin)
		const value = await run(client)
		const { command } = await client.query('COMMIT')
		if (command !== 'COMMIT') throw new Error('the transaction was rolled back')
		return value
	} catch (error) {
		await client.query('ROLLBACK')
		throw error
	} finally {
		client.release()
	}
}

const insert = 'INSERT INTO invoices (customer) VALUES ($1) RETURNING id, number'

await tried('sql/gapless.sql: a simple query, a prepared one, and in a transaction', async () => {
	await pool.query(gaplessSQL)
	await pool.query({ name: 'install', text: gaplessSQL })
	await transaction((client) => client.query(gaplessSQL))
	await pool.query(schema)
})

await tried('INSERT … RETURNING: the number is a string', async () => {
	const { rows } = await pool.query(insert, ['ACME'])
	assert.equal(rows[0].number, '1')
})

await tried('INSERT of several rows: numbers in their order', async () => {
	const { rows } = await pool.query(
		'INSERT INTO invoices (customer) SELECT unnest($1::text[]) RETURNING customer, number', [['Bolt', 'Cog', 'Dyne']])
	assert.deepEqual(rows.map((row) => row.customer + row.number), ['Bolt2', 'Cog3', 'Dyne4'])
})

await tried('UPDATE that writes a loaded row back, its number too', async () => {
	const row = (await pool.query("SELECT * FROM invoices WHERE customer = 'ACME'")).rows[0]
	const { rows } = await pool.query('UPDATE invoices SET customer = $2, amount = $3, number = $4 WHERE id = $1 RETURNING number',
		[row.id, row.customer, 10, row.number])
	assert.equal(rows[0].number, '1')
})

await tried('upsert of a new and of a numbered row', async () => {
	const { rows } = await pool.query(`INSERT INTO invoices (customer, amount) VALUES ('ACME', 20), ('Echo', 30)
		ON CONFLICT (customer) DO UPDATE SET amount = excluded.amount RETURNING customer, amount, number`)
	assert.deepEqual(rows, [{ customer: 'ACME', amount: 20, number: '1' }, { customer: 'Echo', amount: 30, number: '5' }])
})

await tried('a rollback leaves no hole', async () => {
	await refused(transaction(async (client) => {
		assert.equal((await client.query(insert, ['Fizz'])).rows[0].number, '6')
		throw new Error('declined')
	}))
	assert.equal((await pool.query(insert, ['Fizz'])).rows[0].number, '6')
})

await tried('COMMIT after an error that was caught: its command is ROLLBACK', async () => {
	const error = await refused(transaction(async (client) => {
		await client.query(insert, ['Gear'])
		await client.query(insert, ['ACME']).catch(() => {})
	}))
	assert.equal(error.message, 'the transaction was rolled back')
})

await tried('at commit: NULL before COMMIT, the number after it', async () => {
	const { id, number } = await transaction(async (client) =>
		(await client.query("INSERT INTO receipts (customer) VALUES ('ACME') RETURNING id, number")).rows[0])
	assert.equal(number, null)
	assert.equal((await pool.query('SELECT number FROM receipts WHERE id = $1', [id])).rows[0].number, '1')
})

await tried('at commit: the number before COMMIT, by SET CONSTRAINTS ALL IMMEDIATE', async () => {
	await transaction(async (client) => {
		const { id } = (await client.query("INSERT INTO receipts (customer) VALUES ('Bolt') RETURNING id")).rows[0]
		await client.query('SET CONSTRAINTS ALL IMMEDIATE')
		assert.equal((await client.query('SELECT number FROM receipts WHERE id = $1', [id])).rows[0].number, '2')
	})
})

await tried('a number that is written: DatabaseError, code 428C9, with a hint', async () => {
	const error = await refused(pool.query("INSERT INTO invoices (customer, number) VALUES ('Gear', 17)"))
	assert.ok(error instanceof pg.DatabaseError)
	assert.equal(error.code, '428C9')
	assert.ok(error.hint)
})

await tried('a numbered row that is deleted: code 23001', async () => {
	assert.equal((await refused(pool.query('DELETE FROM invoices WHERE id = 1'))).code, '23001')
})

await tried('a serialization failure: code 40001, and the second try has the next number', async () => {
	let tries = 0
	const number = await retried(() => transaction(async (client) => {
		await client.query('SELECT FROM invoices')
		if (++tries === 1) await pool.query(insert, ['Gear'])
		return (await client.query(insert, ['Hub'])).rows[0].number
	}, 'BEGIN ISOLATION LEVEL REPEATABLE READ'))
	assert.deepEqual([tries, number], [2, '8'])
})

await tried('COMMIT that fails: code 40001', async () => {
	const error = await refused(transaction(async (client) => {
		await client.query('SELECT FROM receipts')
		await pool.query("INSERT INTO receipts (customer) VALUES ('Cog')")
		await client.query("INSERT INTO receipts (customer) VALUES ('Dyne')")
	}, 'BEGIN ISOLATION LEVEL REPEATABLE READ'))
	assert.equal(error.code, '40001')
})

await tried('BigInt instead of strings, by setTypeParser', async () => {
	const client = new pg.Client({ connectionString: url, types: { getTypeParser: (oid, format) => oid === 20 ? BigInt : pg.types.getTypeParser(oid, format) } })
	await client.connect()
	assert.equal((await client.query(insert, ['Iris'])).rows[0].number, 9n)
	await client.end()
})

await tried('the audit explains everything', async () => {
	assert.deepEqual((await pool.query('SELECT * FROM gapless.audit_gapless() WHERE NOT explained')).rows, [])
})

await pool.end()
