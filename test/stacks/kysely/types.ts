import { Kysely, type Generated, type GeneratedAlways, type Selectable } from 'kysely'

interface Invoices {
	id: GeneratedAlways<string>
	customer: string
	amount: Generated<number>
	number: GeneratedAlways<string>
}
interface Receipts {
	id: GeneratedAlways<string>
	customer: string
	number: GeneratedAlways<string | null>
}

export async function statements(db: Kysely<{ invoices: Invoices, receipts: Receipts }>) {
	const invoice: Selectable<Invoices> =
		await db.insertInto('invoices').values({ customer: 'ACME' }).returningAll().executeTakeFirstOrThrow()
	const number: string = invoice.number
	const late: { number: string | null }[] = await db.selectFrom('receipts').select('number').execute()
	// @ts-expect-error
	await db.insertInto('invoices').values({ customer: 'ACME', number: '1' }).execute()
	// @ts-expect-error
	await db.updateTable('invoices').set({ number: '1' }).execute()
	// @ts-expect-error
	await db.updateTable('invoices').set(invoice).execute()
	return { number, late }
}
