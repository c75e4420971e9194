#!/usr/bin/env node
// What PRISMA_SCHEMA_ENGINE_BINARY names. The program that the command line of Prisma usually downloads is also a package, as
// WebAssembly; this answers for it, line by line, as that program does.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { ColumnTypeEnum, bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg'
import { parse } from 'pg-connection-string'

const { values, positionals } = parseArgs({
	allowPositionals: true,
	strict: false,
	options: { datamodels: { type: 'string', multiple: true }, datasource: { type: 'string' } },
})
if (positionals[0] === 'cli') process.exit(0) // can-connect-to-database: it can

globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: console.error }
const file = new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg'))
const { instance } = await WebAssembly.instantiate(readFileSync(fileURLToPath(file)), { './schema_engine_bg.js': glue })
glue.__wbg_set_wasm(instance.exports)
instance.exports.__wbindgen_start()

// Three things that the adapter does not: it knows the type "char" of PostgreSQL's catalogs, sends a script whole, not in pieces that
// end with a semicolon, and leaves the shadow database before it drops it.
const config = parse(JSON.parse(values.datasource).url)
const factory = new PrismaPg(config)
const database = await factory.connect()
const methods = Object.getPrototypeOf(database)
const { performIO, queryRaw } = methods
methods.queryRaw = async function (query) {
	const result = await performIO.call(this, query)
	const chars = result.fields.map((field) => field.dataTypeID === 18)
	result.fields.forEach((field, i) => chars[i] && (field.dataTypeID = 25))
	const answer = await queryRaw.call({ performIO: () => result }, query)
	answer.columnTypes = answer.columnTypes.map((type, i) => (chars[i] ? ColumnTypeEnum.Character : type))
	return answer
}
methods.executeScript = async function (script) {
	await this.client.query(script).catch((error) => this.onError(error))
}
factory.connectToShadowDb = async () => {
	const name = `shadow_${process.pid}`
	await database.executeScript(`CREATE DATABASE ${name}`)
	const shadow = await new PrismaPg({ ...config, database: name }).connect()
	const dispose = shadow.dispose.bind(shadow)
	shadow.dispose = () => dispose().then(() => database.executeScript(`DROP DATABASE ${name} WITH (FORCE)`))
	return shadow
}

const adapter = bindMigrationAwareSqlAdapterFactory(factory)
const datamodels = values.datamodels?.map((path) => [path, readFileSync(path, 'utf8')])
const engine = await glue.SchemaEngine.new({ datamodels }, () => {}, adapter)

const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n')
for await (const line of createInterface({ input: process.stdin })) {
	const { id, method, params } = JSON.parse(line)
	if (!method) continue // the answer to print
	let answer
	try {
		answer = { result: (await engine[method === 'getDatabaseVersion' ? 'version' : method](params)) ?? null }
	} catch (error) {
		answer = { error: { code: 4466, message: error.message, data: { is_panic: false, message: error.message, error_code: error.code } } }
	}
	if (answer.result?.stdout) send({ id: `print ${id}`, method: 'print', params: { content: answer.result.stdout } })
	send({ id, ...answer })
}
process.exit(0)
