import { deepEqual, equal, match } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { DrizzleQueryError, eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as overPostgresJS } from 'drizzle-orm/postgres-js'
import { gaplessSQL, library, refused, tried, url } from './node.mjs'
import { contracts, invoices } from './schema.ts'

const kit = async (...args: string[]) => (await promisify(execFile)('node_modules/.bin/drizzle-kit', args)).stdout
const db = drizzle(url)
const postgresJS = overPostgresJS(url)

const sqlstate = (error: any): string | undefined => error.code ?? error.cause?.code

async function transaction<T>(work: (tx: Parameters<Parameters<typeof db.transaction>[0]>[0]) => Promise<T>): Promise<T> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await db.transaction(work, { isolationLevel: 'repeatable read' })
		} catch (error) {
			if (!['40001', '40P01'].includes(sqlstate(error) ?? '') || attempt === 10) throw error
		}
	}
}

library('drizzle-orm')
library('drizzle-kit')

await tried('generate and migrate run sql/gapless.sql, twice, tables and attach_gapless', async () => {
	const custom = async (name: string, text: string) => {
		await kit('generate', '--custom', `--name=${name}`)
		const file = (await readdir('migrations')).find((file) => file.endsWith(`_${name}.sql`))
		await writeFile(`migrations/${file}`, text)
	}
	await rm('migrations', { recursive: true, force: true })
	await custom('gapless', gaplessSQL)
	await kit('generate', '--name=tables')
	await custom('attach', `
		SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
		SELECT gapless.attach_gapless('contracts', 'number', name => $$ 'contract' $$, at_commit => true);
	`)
	await custom('again', gaplessSQL)
	match(await kit('migrate'), /migrations applied successfully/)
})
await tried('insert().returning() has the number', async () => {
	deepEqual(await db.insert(invoices).values({ reference: 'a' }).returning(), [{ id: 1, reference: 'a', note: '', number: 1 }])
})
await tried('insert() of several has the numbers, in order', async () => {
	const rows = [{ reference: 'b' }, { reference: 'c' }, { reference: 'd' }]
	deepEqual(await db.insert(invoices).values(rows).returning({ number: invoices.number }), [{ number: 2 }, { number: 3 }, { number: 4 }])
})
await tried('update() with all of a loaded row, and of a stale one', async () => {
	const [loaded] = await db.select().from(invoices).where(eq(invoices.reference, 'a'))
	await db.update(invoices).set({ ...loaded, note: 'loaded' }).where(eq(invoices.id, loaded.id))
	const [stale] = await db.update(invoices).set({ ...loaded, note: 'stale' }).where(eq(invoices.id, loaded.id)).returning()
	deepEqual(stale, { ...loaded, note: 'stale' })
})
await tried('onConflictDoUpdate() of a new row and of a loaded one has the number', async () => {
	const upsert = async (row: typeof invoices.$inferInsert) => {
		const set = { ...row, note: 'upserted' }
		const [{ number }] = await db.insert(invoices).values(row).onConflictDoUpdate({ target: invoices.reference, set }).returning()
		return number
	}
	equal(await upsert({ reference: 'e' }), 5)
	const [loaded] = await db.select().from(invoices).where(eq(invoices.reference, 'e'))
	equal(await upsert(loaded), 5)
})
await tried('select() reads it again', async () => {
	deepEqual(await db.select({ number: invoices.number }).from(invoices).where(eq(invoices.reference, 'e')), [{ number: 5 }])
})
await tried('a rollback leaves no hole', async () => {
	await refused(db.transaction(async (tx) => {
		deepEqual(await tx.insert(invoices).values({ reference: 'f' }).returning({ number: invoices.number }), [{ number: 6 }])
		tx.rollback()
	}))
	deepEqual(await db.insert(invoices).values({ reference: 'f' }).returning({ number: invoices.number }), [{ number: 6 }])
})
await tried('at commit: null before COMMIT, read after it, and saved again', async () => {
	const [contract] = await db.transaction((tx) => tx.insert(contracts).values({ title: 'a' }).returning())
	equal(contract.number, null)
	const byID = eq(contracts.id, contract.id)
	deepEqual(await db.select().from(contracts).where(byID), [{ ...contract, number: 1 }])
	deepEqual(await db.update(contracts).set({ title: 'A' }).where(byID).returning(), [{ id: contract.id, title: 'A', number: 1 }])
	equal(sqlstate(await refused(db.update(contracts).set(contract).where(byID))), '428C9')
})
await tried('writing a number: DrizzleQueryError, cause.code 428C9', async () => {
	const error = await refused(db.update(invoices).set({ number: 99 }).where(eq(invoices.id, 1)))
	deepEqual([error.constructor, error.cause.code], [DrizzleQueryError, '428C9'])
})
await tried('delete() of a numbered row: DrizzleQueryError, cause.code 23001', async () => {
	const error = await refused(db.delete(invoices).where(eq(invoices.id, 1)))
	deepEqual([error.constructor, error.cause.code], [DrizzleQueryError, '23001'])
})
await tried('40001, of a statement and of COMMIT, is found and retried', async () => {
	let attempts = 0
	const [late] = await transaction(async (tx) => {
		attempts++
		await tx.execute(sql`SELECT 1`)
		if (attempts === 1) await db.insert(invoices).values({ reference: 'g' })
		if (attempts === 2) await db.insert(contracts).values({ title: 'b' })
		await tx.insert(contracts).values({ title: 'late' })
		return tx.insert(invoices).values({ reference: 'late' }).returning()
	})
	deepEqual([attempts, late.number], [3, 8])
})
await tried('postgres.js: 40001 of a statement is cause.code, of COMMIT code', async () => {
	const conflict = (table: typeof contracts | typeof invoices, row: any) => refused(postgresJS.transaction(async (tx) => {
		await tx.execute(sql`SELECT 1`)
		await db.insert(table).values({ ...row, reference: 'h' })
		await tx.insert(table).values(row)
	}, { isolationLevel: 'repeatable read' }))
	const error = await conflict(invoices, { reference: 'i' })
	deepEqual([error.code, error.cause?.code], [undefined, '40001'])
	const atCommit = await conflict(contracts, { title: 'c' })
	deepEqual([atCommit.code, atCommit.cause?.code], ['40001', undefined])
})
await tried('generate and push find no difference', async () => {
	match(await kit('generate'), /No schema changes/)
	match(await kit('push', '--strict'), /No changes detected/)
})
await tried('the audit finds nothing', async () => {
	deepEqual((await db.execute(sql`SELECT * FROM gapless.audit_gapless()`)).rows, [])
	deepEqual((await db.execute(sql`SELECT * FROM gapless.columns WHERE NOT guarded`)).rows, [])
})
await db.$client.end()
await postgresJS.$client.end()
