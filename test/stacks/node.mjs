// What the checks of Node.js libraries share. test/stacks/node copies it to where their packages are.
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

export const url = process.env.GAPLESS_DATABASE_URL
export const gaplessSQL = readFileSync(process.env.GAPLESS_SQL, 'utf8') // sql/gapless.sql: one statement

// invoices are numbered by INSERT, receipts at commit.
export const schema = `
	CREATE TABLE invoices (
		id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		customer text   NOT NULL UNIQUE,
		amount   int    NOT NULL DEFAULT 0,
		number   bigint NOT NULL UNIQUE
	);
	SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
	CREATE TABLE receipts (
		id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		customer text   NOT NULL,
		number   bigint
	);
	CREATE UNIQUE INDEX ON receipts (number) WHERE number IS NOT NULL;
	SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true);`

setTimeout(() => {
	console.log('FAIL\tto end\tstill running after two minutes')
	process.exit(1)
}, 120_000).unref()

// library prints the version of an installed package.
export function library(name) {
	const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8'))
	console.log(`library\t${name}\t${version}`)
}

// tried runs a function, and prints ok, or what it threw.
export async function tried(what, run) {
	try {
		await run()
		console.log(`ok\t${what}`)
	} catch (error) {
		process.exitCode = 1
		console.log(`FAIL\t${what}\t${inspect(error, { depth: 1 }).replace(/\s+/g, ' ').slice(0, 1000)}`)
	}
}

// refused gives the error with which a promise rejects.
export async function refused(promise) {
	let value
	try {
		value = await promise
	} catch (error) {
		return error
	}
	throw new Error(`not refused, but ${inspect(value)}`)
}

// retried runs a transaction, and again where PostgreSQL asks for it. The page has the same function.
export async function retried(transaction) {
	for (let attempt = 1; ; attempt++) {
		try {
			return await transaction()
		} catch (error) {
			const { code } = error.original ?? error.nativeError ?? error
			if (attempt === 5 || !['40001', '40P01'].includes(code)) throw error
		}
	}
}
