import { deepEqual, equal, match } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { gaplessSQL, library, refused, tried, url } from './node.mjs'

process.env.PRISMA_SCHEMA_ENGINE_BINARY = new URL('schema-engine.mjs', import.meta.url).pathname
process.env.PRISMA_HIDE_UPDATE_MESSAGE = '1'
const cli = async (...args: string[]) => (await promisify(execFile)('node_modules/.bin/prisma', args)).stdout

await cli('generate')
const { Prisma, PrismaClient } = await import('./generated/client')
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
const { invoice: invoices, contract: contracts } = prisma

const sqlstate = (error: any): string | undefined => (error.meta?.driverAdapterError ?? error).cause?.originalCode

async function transaction<T>(work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await prisma.$transaction(work, { isolationLevel: 'RepeatableRead', timeout: 60_000 })
		} catch (error) {
			if (!['40001', '40P01'].includes(sqlstate(error) ?? '') || attempt === 10) throw error
		}
	}
}

library('prisma')
library('@prisma/client')
library('@prisma/adapter-pg')

await tried('migrate deploy runs sql/gapless.sql, twice, tables and attach_gapless', async () => {
	await rm('migrations', { recursive: true, force: true })
	const tables = await cli('migrate', 'diff', '--from-empty', '--to-schema', 'schema.prisma', '--script')
	const attach = `
		SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
		SELECT gapless.attach_gapless('contracts', 'number', name => $$ 'contract' $$, at_commit => true);
	`
	for (const [i, sql] of [gaplessSQL, tables + attach, gaplessSQL].entries()) {
		await mkdir(`migrations/2026010100000${i}_step`, { recursive: true })
		await writeFile(`migrations/2026010100000${i}_step/migration.sql`, sql)
	}
	await writeFile('migrations/migration_lock.toml', 'provider = "postgresql"\n')
	match(await cli('migrate', 'deploy'), /All migrations have been successfully applied/)
	match(await cli('migrate', 'status'), /Database schema is up to date/)
})
await tried('create() reads the number', async () => {
	equal((await invoices.create({ data: { reference: 'a' } })).number, 1n)
})
await tried('createManyAndReturn() reads the numbers, in order', async () => {
	const created = await invoices.createManyAndReturn({ data: [{ reference: 'b' }, { reference: 'c' }, { reference: 'd' }] })
	deepEqual(created.map(({ number }) => number), [2n, 3n, 4n])
})
await tried('update() with all of a loaded row, and of a stale one', async () => {
	const loaded = await invoices.findUniqueOrThrow({ where: { reference: 'a' } })
	await invoices.update({ where: { id: loaded.id }, data: { ...loaded, note: 'loaded' } })
	equal((await invoices.update({ where: { id: loaded.id }, data: { ...loaded, note: 'stale' } })).number, 1n)
})
await tried('upsert() of a new row and of a loaded one reads the number', async () => {
	equal((await invoices.upsert({ where: { reference: 'e' }, create: { reference: 'e' }, update: {} })).number, 5n)
	const loaded = await invoices.findUniqueOrThrow({ where: { reference: 'e' } })
	equal((await invoices.upsert({ where: { reference: 'e' }, create: loaded, update: { ...loaded, note: 'E' } })).number, 5n)
})
await tried('findUniqueOrThrow() reads it again', async () => {
	equal((await invoices.findUniqueOrThrow({ where: { reference: 'e' } })).number, 5n)
})
await tried('a rollback leaves no hole', async () => {
	await refused(prisma.$transaction(async (tx) => {
		equal((await tx.invoice.create({ data: { reference: 'f' } })).number, 6n)
		throw new Error('declined')
	}))
	equal((await invoices.create({ data: { reference: 'f' } })).number, 6n)
})
await tried('at commit: null before COMMIT, read after it, and saved again', async () => {
	const contract = await prisma.$transaction((tx) => tx.contract.create({ data: { title: 'a' } }))
	equal(contract.number, null)
	const { number } = await contracts.findUniqueOrThrow({ where: { id: contract.id } })
	equal(number, 1n)
	equal((await contracts.update({ where: { id: contract.id }, data: { title: 'A' } })).number, 1n)
	equal(sqlstate(await refused(contracts.update({ where: { id: contract.id }, data: contract }))), '428C9')
})
await tried('writing a number: P2039, SQLSTATE 428C9', async () => {
	const error = await refused(invoices.update({ where: { id: 1 }, data: { number: 99n } }))
	deepEqual([error.constructor, error.code, sqlstate(error)], [Prisma.PrismaClientKnownRequestError, 'P2039', '428C9'])
})
await tried('delete() of a numbered row: P2003, as of a foreign key, SQLSTATE 23001', async () => {
	const error = await refused(invoices.delete({ where: { id: 1 } }))
	deepEqual([error.constructor, error.code, sqlstate(error)], [Prisma.PrismaClientKnownRequestError, 'P2003', '23001'])
})
await tried('40001: P2034 of a statement, P2010 of raw SQL, no code of COMMIT; all three retried', async () => {
	const codes: (string | undefined)[] = []
	const late = await transaction((tx) => late_(tx).catch((error) => {
		codes.push(error.code)
		throw error
	}))
	async function late_(tx: any) {
		await tx.$queryRaw`SELECT 1`
		if (codes.length === 0) await invoices.create({ data: { reference: 'g' } })
		if (codes.length === 1) await invoices.create({ data: { reference: 'h' } })
		if (codes.length === 1) await tx.$executeRaw`INSERT INTO invoices (reference) VALUES ('late')`
		return tx.invoice.create({ data: { reference: 'late' } })
	}
	deepEqual([codes, late.number], [['P2034', 'P2010'], 9n])

	let attempts = 0
	const atCommit = (work: typeof transaction) => work(async (tx) => {
		await tx.$queryRaw`SELECT 1`
		if (attempts++ % 2 === 0) await contracts.create({ data: { title: 'b' } })
		return tx.contract.create({ data: { title: 'late' } })
	})
	const error = await refused(atCommit((work) => prisma.$transaction(work, { isolationLevel: 'RepeatableRead' })))
	deepEqual([error.code, sqlstate(error)], [undefined, '40001'])
	attempts = 0
	await atCommit(transaction)
	equal(attempts, 2)
})
await tried('an interactive transaction ends at its timeout, also while it waits for the series: P2028', async () => {
	let error
	await prisma.$transaction(async (tx) => {
		await tx.invoice.create({ data: { reference: 'i' } })
		const waits = prisma.$transaction((other) => other.invoice.create({ data: { reference: 'j' } }), { timeout: 200 })
		error = refused(waits)
		await new Promise((resolve) => setTimeout(resolve, 400))
	})
	equal((await error).code, 'P2028')
	equal((await invoices.create({ data: { reference: 'j' } })).number, 11n)
})
await tried('$queryRaw reads audit_gapless, sequences and columns', async () => {
	deepEqual(await prisma.$queryRaw`SELECT * FROM gapless.audit_gapless()`, [])
	deepEqual(await prisma.$queryRaw`SELECT name, last_value FROM gapless.sequences WHERE name = 'invoice'`, [{ name: 'invoice', last_value: 11n }])
	deepEqual(await prisma.$queryRaw`SELECT * FROM gapless.columns WHERE NOT guarded`, [])
})
await tried('$executeRaw calls void_gapless; $queryRaw rejects after it has called it, as with what holders has of interval', async () => {
	await prisma.$executeRaw`SELECT gapless.void_gapless('invoice', 2, 'entered twice')`
	await invoices.delete({ where: { reference: 'b' } })
	equal((await refused(prisma.$queryRaw`SELECT gapless.void_gapless('invoice', 3, 'entered twice')`)).code, 'P2010')
	await invoices.delete({ where: { reference: 'c' } })
	equal((await refused(prisma.$queryRaw`SELECT * FROM gapless.holders`)).code, 'P2010')
	deepEqual(await prisma.$queryRaw`SELECT * FROM gapless.audit_gapless() WHERE NOT explained`, [])
})
await tried('db push, migrate diff and db pull leave gapless alone', async () => {
	match(await cli('db', 'push'), /already in sync/)
	match(await cli('migrate', 'diff', '--from-config-datasource', '--to-schema', 'schema.prisma'), /No difference detected/)
	equal((await cli('db', 'pull', '--print')).includes('gapless'), false)
	deepEqual(await prisma.$queryRaw`SELECT * FROM gapless.columns WHERE NOT guarded`, [])
})
await tried('migrate dev replays them in a shadow database, and finds nothing to do', async () => {
	await cli('migrate', 'dev', '--create-only', '--name', 'empty')
	const folder = (await readdir('migrations')).find((name) => name.endsWith('_empty'))
	equal(await readFile(`migrations/${folder}/migration.sql`, 'utf8'), '-- This is an empty migration.')
})
await tried('db pull forgets @default(dbgenerated()), without which create() requires a number', async () => {
	match(await cli('db', 'pull', '--print'), /number +BigInt +@unique\n/)
})
await tried('migrate reset drops the tables, and leaves gapless, whose numbers go on; after reset_gapless they do not', async () => {
	const first = async () => {
		await cli('migrate', 'reset', '--force')
		return (await invoices.create({ data: { reference: 'first' } })).number
	}
	equal(await first(), 12n)
	await prisma.$executeRaw`SELECT gapless.reset_gapless('stack%')`
	equal(await first(), 1n)
})
await prisma.$disconnect()
