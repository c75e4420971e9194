// What the checks of Node.js libraries share. test/stacks/node copies it to where their packages are.
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

export const url = process.env.GAPLESS_DATABASE_URL
export const gaplessSQL = readFileSync(process.env.GAPLESS_SQL, 'utf8') // sql/gapless.sql: one statement

setTimeout(() => {
	console.log('FAIL\tto end\tstill running after five minutes')
	process.exit(1)
}, 300_000).unref()

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
