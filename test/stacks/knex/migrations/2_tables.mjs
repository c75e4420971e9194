export async function up(knex) {
	await knex.schema.createTable('invoices', (table) => {
		table.bigIncrements('id')
		table.text('customer').notNullable().unique()
		table.integer('amount').notNullable().defaultTo(0)
		table.bigInteger('number').notNullable().unique()
	})
	await knex.raw("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	await knex.schema.createTable('receipts', (table) => {
		table.bigIncrements('id')
		table.text('customer').notNullable()
		table.bigInteger('number')
		table.unique('number', { predicate: knex.whereNotNull('number') })
	})
	await knex.raw("SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true)")
}

export async function down(knex) {
	await knex.schema.dropTable('receipts').dropTable('invoices')
}
