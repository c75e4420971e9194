import { sql } from 'drizzle-orm'
import { bigint, pgTable, serial, text } from 'drizzle-orm/pg-core'

export const invoices = pgTable('invoices', {
	id: serial().primaryKey(),
	reference: text().notNull().unique(),
	note: text().notNull().default(''),
	number: bigint({ mode: 'number' }).notNull().unique().$default(() => sql`NULL`),
})

export const contracts = pgTable('contracts', {
	id: serial().primaryKey(),
	title: text().notNull(),
	number: bigint({ mode: 'number' }).unique(),
})
