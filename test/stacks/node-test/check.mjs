import assert from 'node:assert/strict'
import { run } from 'node:test'
import pg from 'pg'
import { library, refused, schema, tried, url } from './node.mjs'

console.log(`library\tnode:test\t${process.version}`)
library('pg')

const client = new pg.Client({ connectionString: url })
await client.connect()
await client.query('CREATE TABLE customers (id bigserial PRIMARY KEY, name text)')
await client.query(schema)

await tried('TRUNCATE without reset_gapless: code 23001; after it, TRUNCATE works', async () => {
	await client.query("INSERT INTO invoices (customer) VALUES ('ACME')")
	assert.equal((await refused(client.query('TRUNCATE invoices'))).code, '23001')
	await client.query("SELECT gapless.reset_gapless('%test%')")
	await client.query('TRUNCATE invoices')
})
await tried('reset_gapless in a database whose name is not a test\'s: code 55000', async () => {
	assert.equal((await refused(client.query("SELECT gapless.reset_gapless('%demo%')"))).code, '55000')
})
await client.end()

process.env.TEST_DATABASE_URL = url
for (const file of ['reset', 'rollback', 'copy']) {
	for await (const { type, data } of run({ files: [`${file}.test.mjs`] })) {
		if (type === 'test:pass' || type === 'test:fail') {
			await tried(`${file}: ${data.name}`, () => assert.equal(type, 'test:pass', data.details.error))
		}
	}
}
