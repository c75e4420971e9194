import 'reflect-metadata'
import { deepEqual, equal } from 'node:assert/strict'
import { Column, DataSource, Entity, type EntityManager, type MigrationInterface, PrimaryGeneratedColumn, QueryFailedError, type QueryRunner } from 'typeorm'
import { gaplessSQL, library, refused, tried, url } from './node.mjs'

@Entity('invoices')
class Invoice {
	@PrimaryGeneratedColumn() id: number
	@Column({ type: 'text', unique: true }) reference: string
	@Column({ type: 'text', default: '' }) note: string
	@Column({ type: 'bigint', unique: true, default: () => 'NULL', insert: false, update: false }) number: string
}

@Entity('contracts')
class Contract {
	@PrimaryGeneratedColumn() id: number
	@Column({ type: 'text' }) title: string
	@Column({ type: 'bigint', unique: true, nullable: true, insert: false, update: false }) number: string | null
}

@Entity('contracts', { synchronize: false })
class Careless {
	@PrimaryGeneratedColumn() id: number
	@Column({ type: 'text' }) title: string
	@Column({ type: 'bigint', nullable: true }) number: string | null
}

class Gapless implements MigrationInterface {
	name = 'Gapless1700000000001'
	async up(runner: QueryRunner) {
		await runner.query(gaplessSQL)
	}
	async down() {}
}

class GaplessAgain extends Gapless {
	name = 'GaplessAgain1700000000002'
}

const options = { type: 'postgres', url, migrations: [Gapless, GaplessAgain] } as const
const database = new DataSource({ ...options, entities: [Invoice, Contract] })
const careless = new DataSource({ ...options, entities: [Careless] })

async function transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await database.transaction('REPEATABLE READ', work)
		} catch (error) {
			const code = error instanceof QueryFailedError ? error.driverError.code : ''
			if (!['40001', '40P01'].includes(code) || attempt === 10) throw error
		}
	}
}

const plan = async () => (await database.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query)
const attach = async () => {
	await database.query("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$, ensure => true)")
	await database.query("SELECT gapless.attach_gapless('contracts', 'number', name => $$ 'contract' $$, at_commit => true, ensure => true)")
}

library('typeorm')
await database.initialize()
await careless.initialize()
const invoices = database.getRepository(Invoice)
const contracts = database.getRepository(Contract)

await tried('runMigrations() runs sql/gapless.sql, twice', async () => {
	equal((await database.runMigrations()).length, 2)
})
await tried('synchronize(), then attach_gapless', async () => {
	await database.synchronize()
	await attach()
})
await tried('save() of a new entity reads the number', async () => {
	equal((await invoices.save(invoices.create({ reference: 'a' }))).number, '1')
})
await tried('save() and insert() of several read the numbers, in order', async () => {
	const saved = await invoices.save([{ reference: 'b' }, { reference: 'c' }].map((row) => invoices.create(row)))
	deepEqual(saved.map(({ number }) => number), ['2', '3'])
	const { generatedMaps } = await invoices.insert([{ reference: 'd' }, { reference: 'e' }])
	deepEqual(generatedMaps.map(({ number }) => number), ['4', '5'])
})
await tried('save() of a loaded entity, and of a stale one', async () => {
	const [loaded, stale] = [await invoices.findOneByOrFail({ reference: 'a' }), await invoices.findOneByOrFail({ reference: 'a' })]
	await invoices.save(Object.assign(loaded, { note: 'loaded' }))
	await invoices.save(Object.assign(stale, { note: 'stale', number: '77' }))
	deepEqual({ ...(await invoices.findOneBy({ reference: 'a' })) }, { id: 1, reference: 'a', note: 'stale', number: '1' })
})
await tried('upsert() of a new row and of a loaded one reads the number', async () => {
	const loaded = await invoices.findOneByOrFail({ reference: 'b' })
	const { generatedMaps } = await invoices.upsert([{ reference: 'f' }, Object.assign(loaded, { note: 'upserted' })], ['reference'])
	deepEqual(generatedMaps.map(({ number }) => number), ['6', '2'])
})
await tried('findOneByOrFail() reads it again', async () => {
	equal((await invoices.findOneByOrFail({ reference: 'f' })).number, '6')
})
await tried('a rollback leaves no hole', async () => {
	await refused(database.transaction(async (manager) => {
		equal((await manager.save(Invoice, { reference: 'g' })).number, '7')
		throw new Error('declined')
	}))
	equal((await invoices.save({ reference: 'h' })).number, '7')
})
await tried('at commit: null before COMMIT, read after it, and saved again', async () => {
	const contract = await database.transaction((manager) => manager.save(contracts.create({ title: 'a' })))
	equal(contract.number, null)
	equal((await contracts.findOneByOrFail({ id: contract.id })).number, '1')
	await contracts.save(Object.assign(contract, { title: 'A' }))
	deepEqual({ ...(await contracts.findOneBy({ id: contract.id })) }, { id: contract.id, title: 'A', number: '1' })
})
await tried('without update: false, a second save() writes NULL: 428C9', async () => {
	const repository = careless.getRepository(Careless)
	const contract = await repository.save(repository.create({ title: 'b' }))
	const error = await refused(repository.save(Object.assign(contract, { title: 'B' })))
	equal(error.driverError.code, '428C9')
})
await tried('writing a number: QueryFailedError, driverError.code 428C9', async () => {
	const error = await refused(database.query('UPDATE invoices SET number = 99 WHERE id = 1'))
	equal(error.constructor, QueryFailedError)
	equal(error.driverError.code, '428C9')
})
await tried('remove() of a numbered row: QueryFailedError, driverError.code 23001', async () => {
	const error = await refused(invoices.remove(await invoices.findOneByOrFail({ reference: 'a' })))
	equal(error.constructor, QueryFailedError)
	equal(error.driverError.code, '23001')
})
await tried('40001, of a statement and of COMMIT, is found and retried', async () => {
	let attempts = 0
	const late = await transaction(async (manager) => {
		attempts++
		await manager.query('SELECT')
		if (attempts === 1) await invoices.save({ reference: 'i' })
		if (attempts === 2) await contracts.save({ title: 'c' })
		await manager.save(Contract, { title: 'late' })
		return manager.save(Invoice, { reference: 'late' })
	})
	deepEqual([attempts, late.number], [3, '9'])
})
await tried('synchronize() finds nothing but the default, which PostgreSQL does not keep', async () => {
	deepEqual(await plan(), ['ALTER TABLE "invoices" ALTER COLUMN "number" SET DEFAULT NULL'])
	await database.synchronize()
	equal((await invoices.save({ reference: 'j' })).number, '10')
})
await tried('the audit finds nothing', async () => {
	deepEqual(await database.query('SELECT * FROM gapless.audit_gapless()'), [])
	deepEqual(await database.query('SELECT * FROM gapless.columns WHERE NOT guarded'), [])
})
await tried('synchronize(true) drops the tables, and leaves gapless, whose numbers go on; after reset_gapless they do not', async () => {
	const first = async () => {
		await database.synchronize(true)
		await attach()
		return (await invoices.save({ reference: 'first' })).number
	}
	equal(await first(), '11')
	await database.query("SELECT gapless.reset_gapless('stack%')")
	equal(await first(), '1')
})
await careless.destroy()
await database.destroy()
