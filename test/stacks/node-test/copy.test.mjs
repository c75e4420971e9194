import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { charge } from './billing.mjs'

const template = new URL(process.env.TEST_DATABASE_URL)
const copy = new URL(template)
copy.pathname += `_${process.pid}`
const server = new URL(template)
server.pathname = 'postgres'
const admin = new pg.Client({ connectionString: server.href })
const pool = new pg.Pool({ connectionString: copy.href })
const name = (url) => pg.escapeIdentifier(url.pathname.slice(1))

before(async () => {
	await admin.connect()
	await admin.query(`CREATE DATABASE ${name(copy)} TEMPLATE ${name(template)}`)
})
after(async () => {
	await pool.end()
	await admin.query(`DROP DATABASE ${name(copy)}`)
	await admin.end()
})

test('a copy of the test database has gapless, and its numbers', async () => {
	const first = await charge(pool, 'ACME', async () => {})
	assert.equal(await charge(pool, 'Bolt', async () => {}), first + 1)
})
