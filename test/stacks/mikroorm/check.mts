import { deepEqual, equal } from 'node:assert/strict'
import { Migration, Migrator } from '@mikro-orm/migrations'
import { DriverException, defineEntity, type EntityManager, IsolationLevel, MikroORM, p } from '@mikro-orm/postgresql'
import { gaplessSQL, library, refused, tried, url } from './node.mjs'

const Invoice = defineEntity({
	name: 'Invoice',
	tableName: 'invoices',
	properties: {
		id: p.integer().primary(),
		reference: p.text().unique(),
		note: p.text().default(''),
		number: p.bigint().unique().defaultRaw('null'),
	},
})

const Contract = defineEntity({
	name: 'Contract',
	tableName: 'contracts',
	properties: {
		id: p.integer().primary(),
		title: p.text(),
		number: p.bigint().unique().nullable(),
	},
})

class Gapless extends Migration {
	up() {
		this.addSql(gaplessSQL)
	}
}

const orm = await MikroORM.init({
	clientUrl: url,
	entities: [Invoice, Contract],
	extensions: [Migrator],
	migrations: { snapshot: false, migrationsList: ['Gapless', 'GaplessAgain'].map((name) => ({ name, class: Gapless })) },
	schemaGenerator: { ignoreSchema: ['gapless'], ignoreTriggers: true, ignoreRoutines: true },
	logger: () => {},
})
const sql = async (text: string): Promise<any> => orm.em.getConnection().execute(text)

async function transaction<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await orm.em.fork().transactional(work, { isolationLevel: IsolationLevel.REPEATABLE_READ })
		} catch (error: any) {
			if (!['40001', '40P01'].includes(error.code) || attempt === 10) throw error
		}
	}
}

// create writes a row in a unit of work of its own.
async function create(entity: any, data: any) {
	const em = orm.em.fork()
	const created = em.create(entity, data)
	await em.flush()
	return created
}

library('@mikro-orm/postgresql')

await tried('migrator.up() runs sql/gapless.sql, twice', async () => {
	equal((await orm.migrator.up()).length, 2)
})
await tried('schema.update(), then attach_gapless', async () => {
	await orm.schema.update()
	await sql("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	await sql("SELECT gapless.attach_gapless('contracts', 'number', name => $$ 'contract' $$, at_commit => true)")
})
await tried('create() and flush() read the number', async () => {
	equal((await create(Invoice, { reference: 'a' })).number, 1n)
})
await tried('flush() of several reads the numbers, in order', async () => {
	const em = orm.em.fork()
	const invoices = ['b', 'c', 'd'].map((reference) => em.create(Invoice, { reference }))
	await em.flush()
	deepEqual(invoices.map(({ number }) => number), [2n, 3n, 4n])
})
await tried('flush() of a loaded entity, and of a stale one', async () => {
	const [em, other] = [orm.em.fork(), orm.em.fork()]
	const [loaded, stale] = [await em.findOneOrFail(Invoice, { reference: 'a' }), await other.findOneOrFail(Invoice, { reference: 'a' })]
	loaded.note = 'loaded'
	stale.note = 'stale'
	await em.flush()
	await other.flush()
	deepEqual(await sql("SELECT note, number FROM invoices WHERE reference = 'a'"), [{ note: 'stale', number: '1' }])
})
await tried('upsert() and upsertMany() of a new row and of a loaded one read the number', async () => {
	equal((await orm.em.fork().upsert(Invoice, { reference: 'e' })).number, 5n)
	const loaded = await orm.em.fork().findOneOrFail(Invoice, { reference: 'e' })
	equal((await orm.em.fork().upsert(Invoice, { ...loaded, note: 'upserted' })).number, 5n)
	const rows = [{ reference: 'f', note: 'F' }, { reference: 'a', note: 'A' }]
	deepEqual((await orm.em.fork().upsertMany(Invoice, rows)).map(({ number }) => number), [6n, 1n])
})
await tried('findOneOrFail() with refresh reads it again', async () => {
	const em = orm.em.fork()
	await em.findOneOrFail(Invoice, { reference: 'f' })
	equal((await em.findOneOrFail(Invoice, { reference: 'f' }, { refresh: true })).number, 6n)
})
await tried('a rollback leaves no hole', async () => {
	await refused(orm.em.fork().transactional(async (em) => {
		const invoice = em.create(Invoice, { reference: 'g' })
		await em.flush()
		equal(invoice.number, 7n)
		throw new Error('declined')
	}))
	equal((await create(Invoice, { reference: 'g' })).number, 7n)
})
await tried('at commit: nothing before COMMIT, read after it, and saved again', async () => {
	const em = orm.em.fork()
	const contract = em.create(Contract, { title: 'a' })
	await em.flush()
	equal(contract.number, undefined)
	contract.title = 'A'
	await em.flush()
	await em.findOneOrFail(Contract, contract.id, { refresh: true })
	deepEqual({ ...contract }, { id: contract.id, title: 'A', number: 1n })
	await em.refresh(contract)
	equal(contract.number, '1' as any)
	equal((await refused(orm.em.fork().upsert(Contract, { id: contract.id, title: 'B', number: null }))).code, '428C9')
})
await tried('writing a number: DriverException, code 428C9', async () => {
	const em = orm.em.fork()
	const invoice = await em.findOneOrFail(Invoice, { reference: 'a' })
	invoice.number = 99n
	const error = await refused(em.flush())
	deepEqual([error.constructor, error.code], [DriverException, '428C9'])
})
await tried('remove() of a numbered row: DriverException, code 23001', async () => {
	const em = orm.em.fork()
	const error = await refused(em.remove(await em.findOneOrFail(Invoice, { reference: 'a' })).flush())
	deepEqual([error.constructor, error.code], [DriverException, '23001'])
})
await tried('40001: DeadlockException of a statement, DatabaseError of COMMIT; both retried', async () => {
	const conflict = (entity: any, data: any) => async (em: EntityManager) => {
		await em.execute('SELECT 1')
		await create(entity, { ...data, reference: 'h' })
		em.create(entity, data)
	}
	const repeatable = { isolationLevel: IsolationLevel.REPEATABLE_READ }
	const error = await refused(orm.em.fork().transactional(conflict(Invoice, { reference: 'i' }), repeatable))
	deepEqual([error.constructor.name, error.code], ['DeadlockException', '40001'])
	const atCommit = await refused(orm.em.fork().transactional(conflict(Contract, { title: 'b' }), repeatable))
	deepEqual([atCommit.constructor.name, atCommit.code], ['DatabaseError', '40001'])

	let attempts = 0
	const late = await transaction(async (em) => {
		attempts++
		await em.execute('SELECT 1')
		if (attempts === 1) await create(Invoice, { reference: 'j' })
		if (attempts === 2) await create(Contract, { title: 'c' })
		em.create(Contract, { title: 'late' })
		return em.create(Invoice, { reference: 'late' })
	})
	deepEqual([attempts, late.number], [3, 10n])
})
await tried('schema.update() finds no difference, and leaves gapless and its triggers', async () => {
	equal(await orm.schema.getUpdateSchemaSQL(), '')
	await orm.schema.update()
	deepEqual(await sql('SELECT * FROM gapless.columns WHERE NOT guarded'), [])
})
await tried('without the three options, schema.update() would drop all of gapless, and with safe nothing', async () => {
	const other = await MikroORM.init({ clientUrl: url, entities: [Invoice, Contract] })
	equal((await other.schema.getUpdateSchemaSQL()).includes('drop table if exists "gapless"."journal" cascade'), true)
	equal((await other.schema.getUpdateSchemaSQL({ safe: true })).includes('drop'), false)
	await other.close()
})
await tried('the audit finds nothing', async () => {
	deepEqual(await sql('SELECT * FROM gapless.audit_gapless()'), [])
})
await tried('schema.clear() is refused, 23001; after reset_gapless it is not', async () => {
	equal((await refused(orm.schema.clear())).code, '23001')
	await sql("SELECT gapless.reset_gapless('stack%')")
	await orm.schema.clear()
	equal((await create(Invoice, { reference: 'a' })).number, 1n)
})
await orm.close()
