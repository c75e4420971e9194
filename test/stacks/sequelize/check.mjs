import assert from 'node:assert/strict'
import { DataTypes, DatabaseError, Op, Sequelize, Transaction } from 'sequelize'
import { SequelizeStorage, Umzug } from 'umzug'
import { gaplessSQL, library, refused, retried, tried, url } from './node.mjs'

library('sequelize')
library('umzug')
library('pg')
const sequelize = new Sequelize(url, { logging: false })

const Invoice = sequelize.define('Invoice', {
	id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
	customer: { type: DataTypes.TEXT, allowNull: false, unique: true },
	amount: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
	number: { type: DataTypes.BIGINT, unique: true },
}, { tableName: 'invoices', timestamps: false })

const Receipt = sequelize.define('Receipt', {
	id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
	customer: { type: DataTypes.TEXT, allowNull: false },
	number: DataTypes.BIGINT,
}, { tableName: 'receipts', timestamps: false, indexes: [{ unique: true, fields: ['number'], where: { number: { [Op.ne]: null } } }] })

const numberOf = async (customer, options) => (await Invoice.findOne({ where: { customer }, ...options }))?.number
const repeatableRead = { isolationLevel: Transaction.ISOLATION_LEVELS.REPEATABLE_READ }

const attach = "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)"
const migrations = [
	{ name: '1_gapless', up: ({ context }) => context.sequelize.query(gaplessSQL) },
	{
		name: '2_tables',
		async up({ context }) {
			await context.createTable('invoices', {
				id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
				customer: { type: DataTypes.TEXT, allowNull: false, unique: true },
				amount: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
				number: { type: DataTypes.BIGINT, allowNull: false, unique: true },
			})
			await context.sequelize.query(attach)
			await context.createTable('receipts', {
				id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
				customer: { type: DataTypes.TEXT, allowNull: false },
				number: DataTypes.BIGINT,
			})
			await context.addIndex('receipts', { unique: true, fields: ['number'], where: { number: { [Op.ne]: null } } })
			await context.sequelize.query("SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true)")
		},
	},
	{
		name: '3_gapless_again',
		up: ({ context: { sequelize } }) => sequelize.transaction((transaction) => sequelize.query(gaplessSQL, { transaction })),
	},
]

await tried('migrations of umzug run sql/gapless.sql, twice, in a transaction too', async () => {
	await sequelize.query('DROP SCHEMA gapless CASCADE')
	const umzug = new Umzug({ migrations, context: sequelize.getQueryInterface(), storage: new SequelizeStorage({ sequelize }) })
	assert.equal((await umzug.up()).length, 3)
})

await tried('sync() leaves the tables alone', async () => {
	await sequelize.sync()
	assert.deepEqual((await sequelize.query('SELECT faults FROM gapless.columns WHERE guarded'))[0], [{ faults: [] }, { faults: [] }])
})

await tried('create: the number is in the model, a string', async () => {
	assert.equal((await Invoice.create({ customer: 'ACME' })).number, '1')
})

await tried('bulkCreate: the numbers are in the models, in their order', async () => {
	const invoices = await Invoice.bulkCreate([{ customer: 'Bolt' }, { customer: 'Cog' }, { customer: 'Dyne' }])
	assert.deepEqual(invoices.map((invoice) => invoice.number), ['2', '3', '4'])
})

await tried('save of a loaded model, and of one with an old copy', async () => {
	const [invoice, old] = [await Invoice.findOne({ where: { customer: 'ACME' } }), await Invoice.findOne({ where: { customer: 'ACME' } })]
	await invoice.update({ amount: 10 })
	old.customer = 'ACME Ltd'
	await old.save()
	await invoice.reload()
	assert.deepEqual([invoice.customer, invoice.amount, invoice.number], ['ACME Ltd', 10, '1'])
})

await tried('upsert of a new, of a numbered and of a loaded row', async () => {
	const [fresh] = await Invoice.upsert({ customer: 'Echo', amount: 30 })
	const [again] = await Invoice.upsert({ customer: 'Echo', amount: 31 })
	const [loaded] = await Invoice.upsert({ ...again.get(), amount: 32 })
	assert.deepEqual([fresh, again, loaded].map((row) => row.number), ['5', '5', '5'])
	assert.equal(loaded.amount, 32)
})

await tried('findOrCreate, twice', async () => {
	const rows = []
	for (let i = 0; i < 2; i++) rows.push((await Invoice.findOrCreate({ where: { customer: 'Fizz' } }))[0].number)
	assert.deepEqual(rows, ['6', '6'])
})

await tried('bulkCreate with updateOnDuplicate', async () => {
	const invoices = await Invoice.bulkCreate([{ customer: 'Echo', amount: 40 }, { customer: 'Gear', amount: 50 }],
		{ updateOnDuplicate: ['amount'], conflictAttributes: ['customer'], returning: true })
	assert.deepEqual(invoices.map((invoice) => [invoice.amount, invoice.number]), [[40, '5'], [50, '7']])
})

await tried('bulkCreate with ignoreDuplicates: another row\'s number in the model of one that is skipped', async () => {
	const [skipped] = await Invoice.bulkCreate([{ customer: 'Echo' }, { customer: 'Grid' }], { ignoreDuplicates: true })
	assert.deepEqual([skipped.customer, skipped.number], ['Grid', '8'])
})

await tried('a rollback leaves no hole', async () => {
	await refused(sequelize.transaction(async (transaction) => {
		assert.equal((await Invoice.create({ customer: 'Hub' }, { transaction })).number, '9')
		throw new Error('declined')
	}))
	assert.equal((await Invoice.create({ customer: 'Hub' })).number, '9')
})

await tried('at commit: null before COMMIT, the number after reload()', async () => {
	const receipt = await sequelize.transaction((transaction) => Receipt.create({ customer: 'ACME' }, { transaction }))
	assert.equal(receipt.number, null)
	await receipt.reload()
	assert.equal(receipt.number, '1')
})

await tried('a number that is written: DatabaseError, original.code 428C9', async () => {
	const error = await refused(Invoice.create({ customer: 'Iris', number: 17 }))
	assert.equal(error.constructor, DatabaseError)
	assert.equal(error.original.code, '428C9')
	assert.ok(error.original.hint)
})

await tried('a numbered row that is deleted: original.code 23001', async () => {
	const invoice = await Invoice.findOne()
	const error = await refused(invoice.destroy())
	assert.equal(error.constructor, DatabaseError)
	assert.equal(error.original.code, '23001')
})

await tried('allowNull: false: refused before the INSERT', async () => {
	const Wrong = new Sequelize(url).define('Wrong', { number: { type: DataTypes.BIGINT, allowNull: false } })
	assert.equal((await refused(Wrong.create({}))).name, 'SequelizeValidationError')
})

await tried('a serialization failure: original.code 40001, and the second try has the next number', async () => {
	let tries = 0
	await retried(() => sequelize.transaction(repeatableRead, async (transaction) => {
		await Invoice.count({ transaction })
		if (++tries === 1) await Invoice.create({ customer: 'Iris' })
		await Invoice.create({ customer: 'Jade' }, { transaction })
	}))
	assert.deepEqual([tries, await numberOf('Jade')], [2, '11'])
})

const late = async (transaction) => {
	await Receipt.count({ transaction })
	await Receipt.create({ customer: 'Bolt' })
	await Receipt.create({ customer: 'Cog' }, { transaction })
}

await tried('COMMIT that fails: transaction(function) rejects with original.code 40001', async () => {
	const error = await refused(sequelize.transaction(repeatableRead, late))
	assert.equal(error.original.code, '40001')
})

await tried('COMMIT that fails: commit() rejects with original.code 40001', async () => {
	const transaction = await sequelize.transaction(repeatableRead)
	await late(transaction)
	const error = await refused(transaction.commit())
	assert.equal(error.original.code, '40001')
})

await tried('sync({ alter: true }): refused with original.code 0A000, the column is as before', async () => {
	assert.equal((await refused(sequelize.sync({ alter: true }))).original.code, '0A000')
	assert.deepEqual((await sequelize.query('SELECT faults FROM gapless.columns WHERE guarded'))[0], [{ faults: [] }, { faults: [] }])
	assert.equal((await Invoice.create({ customer: 'Kite' })).number, '12')
})

await tried('sync({ force: true }), then attached again: numbers go on; after reset_gapless they begin with 1', async () => {
	await Invoice.sync({ force: true })
	await sequelize.query(attach)
	assert.equal((await Invoice.create({ customer: 'ACME' })).number, '13')
	await sequelize.query('SELECT gapless.reset_gapless(current_database())')
	await Invoice.sync({ force: true })
	await sequelize.query(attach)
	assert.equal((await Invoice.create({ customer: 'ACME' })).number, '1')
})

await tried('the audit explains everything', async () => {
	assert.deepEqual((await sequelize.query('SELECT * FROM gapless.audit_gapless() WHERE NOT explained'))[0], [])
})

await sequelize.close()
