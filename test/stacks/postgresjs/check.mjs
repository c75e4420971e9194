import assert from 'node:assert/strict'
import postgres from 'postgres'
import { gaplessSQL, library, refused, retried, schema, tried, url } from './node.mjs'

library('postgres')
const sql = postgres(url, { onnotice: () => {} })
const number = async (customer, db = sql) => (await db`SELECT number FROM invoices WHERE customer = ${customer}`)[0]?.number

await tried('sql/gapless.sql by unsafe() and by file(), and in a transaction', async () => {
	await sql`DROP SCHEMA gapless CASCADE`
	await sql.begin((sql) => sql.unsafe(gaplessSQL))
	await sql.unsafe(gaplessSQL)
	await sql.file(process.env.GAPLESS_SQL)
	await sql.unsafe(schema)
})

await tried('INSERT … RETURNING: the number is a string', async () => {
	const [row] = await sql`INSERT INTO invoices ${sql({ customer: 'ACME' })} RETURNING *`
	assert.equal(row.number, '1')
})

await tried('INSERT of several rows: numbers in their order', async () => {
	const rows = await sql`INSERT INTO invoices ${sql([{ customer: 'Bolt' }, { customer: 'Cog' }])} RETURNING customer, number`
	assert.deepEqual([...rows], [{ customer: 'Bolt', number: '2' }, { customer: 'Cog', number: '3' }])
})

await tried('UPDATE with the loaded row, its number too', async () => {
	const [{ id, ...row }] = await sql`SELECT * FROM invoices WHERE customer = 'ACME'`
	const [saved] = await sql`UPDATE invoices SET ${sql({ ...row, amount: 10 })} WHERE id = ${id} RETURNING *`
	assert.deepEqual(saved, { id, ...row, amount: 10 })
})

await tried('upsert of a new and of a numbered row', async () => {
	const rows = await sql`
		INSERT INTO invoices ${sql([{ customer: 'ACME', amount: 20 }, { customer: 'Dyne', amount: 30 }])}
		ON CONFLICT (customer) DO UPDATE SET amount = excluded.amount RETURNING amount, number`
	assert.deepEqual([...rows], [{ amount: 20, number: '1' }, { amount: 30, number: '4' }])
})

await tried('a rollback leaves no hole, nor does one of savepoint()', async () => {
	await refused(sql.begin(async (sql) => {
		await sql`INSERT INTO invoices ${sql({ customer: 'Echo' })}`
		throw new Error('declined')
	}))
	await sql.begin(async (sql) => {
		await refused(sql.savepoint(async (sql) => {
			await sql`INSERT INTO invoices ${sql({ customer: 'Echo' })}`
			throw new Error('declined')
		}))
		await sql`INSERT INTO invoices ${sql({ customer: 'Echo' })}`
	})
	assert.equal(await number('Echo'), '5')
})

await tried('statements that are sent together in a transaction: numbers in their order', async () => {
	const results = await sql.begin((sql) => ['Fizz', 'Gear', 'Hub'].map((customer) => sql`INSERT INTO invoices ${sql({ customer })} RETURNING number`))
	assert.deepEqual(results.map(([row]) => row.number), ['6', '7', '8'])
})

await tried('at commit: NULL before COMMIT, the number after it', async () => {
	const [row] = await sql.begin((sql) => sql`INSERT INTO receipts ${sql({ customer: 'ACME' })} RETURNING *`)
	assert.equal(row.number, null)
	assert.equal((await sql`SELECT number FROM receipts WHERE id = ${row.id}`)[0].number, '1')
})

await tried('a number that is written: PostgresError, code 428C9, with a hint', async () => {
	const error = await refused(sql`INSERT INTO invoices ${sql({ customer: 'Iris', number: 17 })}`)
	assert.ok(error instanceof postgres.PostgresError)
	assert.equal(error.code, '428C9')
	assert.ok(error.hint)
})

await tried('a numbered row that is deleted: code 23001', async () => {
	assert.equal((await refused(sql`DELETE FROM invoices WHERE customer = 'ACME'`)).code, '23001')
})

await tried('a serialization failure: code 40001, and the second try has the next number', async () => {
	let tries = 0
	await retried(() => sql.begin('ISOLATION LEVEL REPEATABLE READ', async (transaction) => {
		await number('ACME', transaction)
		if (++tries === 1) await sql`INSERT INTO invoices ${sql({ customer: 'Iris' })}`
		await transaction`INSERT INTO invoices ${sql({ customer: 'Jade' })}`
	}))
	assert.deepEqual([tries, await number('Jade')], [2, '10'])
})

await tried('COMMIT that fails: begin() rejects with code 40001', async () => {
	const error = await refused(sql.begin('ISOLATION LEVEL REPEATABLE READ', async (transaction) => {
		await transaction`SELECT FROM receipts`
		await sql`INSERT INTO receipts ${sql({ customer: 'Bolt' })}`
		await transaction`INSERT INTO receipts ${sql({ customer: 'Cog' })}`
	}))
	assert.equal(error.code, '40001')
})

await tried('BigInt instead of strings, by types: { bigint: postgres.BigInt }', async () => {
	const sql = postgres(url, { types: { bigint: postgres.BigInt } })
	assert.equal((await sql`INSERT INTO invoices ${sql({ customer: 'Kite' })} RETURNING number`)[0].number, 11n)
	await sql.end()
})

await tried('the audit explains everything', async () => {
	assert.deepEqual([...await sql`SELECT * FROM gapless.audit_gapless() WHERE NOT explained`], [])
})

await sql.end()
