import assert from 'node:assert/strict'
import { after, afterEach, beforeEach, test } from 'node:test'
import pg from 'pg'
import { charge, issue } from './billing.mjs'

const pool = new pg.Pool({ connectionString: process.env.TEST_DATABASE_URL, options: '-c lock_timeout=10s' })

beforeEach(async () => {
	await pool.query("SELECT gapless.reset_gapless('%test%')")
	await pool.query('TRUNCATE invoices, receipts, customers RESTART IDENTITY')
})
afterEach(async () => {
	const { rows } = await pool.query('SELECT * FROM gapless.audit_gapless() WHERE NOT explained')
	assert.deepEqual(rows, [])
})
after(() => pool.end())

test('the first invoice has number 1', async () => {
	assert.equal(await charge(pool, 'ACME', async () => {}), 1)
})

test('so it has in the next test', async () => {
	assert.equal(await charge(pool, 'ACME', async () => {}), 1)
})

test('a payment that is declined leaves no hole', async () => {
	await assert.rejects(charge(pool, 'ACME', async () => { throw new Error('declined') }), /declined/)
	assert.equal(await charge(pool, 'Bolt', async () => {}), 1)
})

test('invoices that are issued at once have the numbers from 1 on', async () => {
	const numbers = await Promise.all(Array.from({ length: 20 }, (_, i) => issue(pool, `customer ${i}`)))
	assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i + 1))
})
