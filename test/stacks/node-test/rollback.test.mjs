import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { issue } from './billing.mjs'

const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL })

before(async () => {
	await client.connect()
	await client.query("SELECT gapless.reset_gapless('%test%')")
})
beforeEach(() => client.query('BEGIN'))
afterEach(() => client.query('ROLLBACK'))
after(() => client.end())

const first = async (table) => (await client.query(`SELECT number FROM ${table} ORDER BY id LIMIT 1`)).rows[0].number

test('the first invoice has number 1', async () => {
	assert.equal(await issue(client, 'ACME'), 1)
})

test('so it has in the next test', async () => {
	assert.equal(await issue(client, 'ACME'), 1)
})

test('a receipt is numbered when its transaction commits', async () => {
	await client.query("INSERT INTO receipts (customer) VALUES ('ACME')")
	assert.equal(await first('receipts'), null)
	await client.query('SET CONSTRAINTS ALL IMMEDIATE')
	assert.equal(await first('receipts'), '1')
	await client.query('SET CONSTRAINTS ALL DEFERRED')
})
