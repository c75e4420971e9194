// The program under test. db is a pool, or a client with a transaction of the test's.
export async function issue(db, customer) {
	const { rows } = await db.query('INSERT INTO invoices (customer) VALUES ($1) RETURNING number', [customer])
	return Number(rows[0].number)
}

export async function charge(pool, customer, pay) {
	const client = await pool.connect()
	try {
		await client.query('BEGIN')
		const number = await issue(client, customer)
		await pay(number)
		await client.query('COMMIT')
		return number
	} catch (error) {
		await client.query('ROLLBACK')
		throw error
	} finally {
		client.release()
	}
}
