#!/usr/bin/env node
// Issues invoices concurrently by Drizzle, with failures in between, and proves that no number is missing.
//
//     GAPLESS_DATABASE_URL=postgres://… node invoices.js            numbers from gapless
//     GAPLESS_DATABASE_URL=postgres://… node invoices.js --native   numbers from nextval(): see the holes
//
// Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.
'use strict';

const { randomUUID } = require('node:crypto');
const os = require('node:os');
const { setTimeout: sleep } = require('node:timers/promises');
const { count, countDistinct, max, min, sql } = require('drizzle-orm');
const { drizzle } = require('drizzle-orm/node-postgres');
const { bigint, integer, pgSchema, serial } = require('drizzle-orm/pg-core');
const pg = require('pg');

const NATIVE = process.argv.includes('--native');
const WORKERS = 8, ORDERS = 24, BATCH = 3, ATTEMPTS = 100; // ORDERS for each worker, a multiple of 6: see issue()
const TRY_AGAIN = ['40001', '40P01']; // serialization_failure, deadlock_detected
const SCHEMA = 'example_node_drizzle';

const invoices = pgSchema(SCHEMA).table('invoice', {
  id: serial().primaryKey(),
  order: integer().notNull(),
  // $default makes it optional in values(). NULL counts as nothing written, so gapless numbers the row.
  number: bigint({ mode: 'number' }).notNull().unique()
    .$default(() => (NATIVE ? sql`nextval(${`${SCHEMA}.native`})` : sql`NULL`)),
});

pg.defaults.user ||= os.userInfo().username; // as libpq does, for a URL that names no user
const pool = new pg.Pool({
  connectionString: process.env.GAPLESS_DATABASE_URL,
  max: WORKERS + 2, // more than workers: kill() needs one while its worker keeps another
});
// A lost connection is an 'error' event, which ends the process if nobody listens: on the pool while the client
// is idle, on the client itself while it is checked out. The query rejects as well, and that is where we act.
pool.on('error', () => {});
pool.on('connect', (client) => client.on('error', () => {}));
const db = drizzle({ client: pool });

class Declined extends Error {} // the application's own error: the payment was refused, so there is no invoice
class Draft extends Error {}

const seen = {};
const saw = (what) => { seen[what] = (seen[what] ?? 0) + 1; };

// Runs body in a transaction, and again when that is right.
async function transaction(isolationLevel, body) {
  for (let attempt = 1; ; attempt++) {
    let committing = false;
    try {
      return await db.transaction(async (tx) => {
        await body(tx, attempt);
        committing = true;
      }, { isolationLevel });
    } catch (error) {
      // A connection that cannot even roll back is lost. Drizzle then throws that error instead of the first.
      const lost = error.query === 'rollback';
      // Lost before COMMIT was sent: PostgreSQL has rolled back, and the number with it, so trying again is safe.
      // Lost during COMMIT: nobody knows. Then look the row up by a key of your own; never just try again.
      const code = error.cause?.code;
      if (attempt === ATTEMPTS || !(TRY_AGAIN.includes(code) || (lost && !committing))) throw error;
      saw(lost ? 'connections lost' : `retries after ${code}`);
    }
    await sleep(Math.random() * Math.min(50, 2 ** attempt));
  }
}

// Waits for the backend's end, so no COMMIT can slip through.
async function kill(tx) {
  const { rows: [{ pid }] } = await tx.execute(sql`SELECT pg_backend_pid() AS pid`);
  await db.execute(sql`SELECT pg_terminate_backend(${pid}, 5000)`);
}

async function issue(order) {
  const kind = order % 6;
  // REPEATABLE READ raises 40001 when a number was given out after this transaction's snapshot.
  await transaction(kind === 3 ? 'repeatable read' : 'read committed', async (tx, attempt) => {
    if (kind === 1) { // several at once are one INSERT
      await tx.insert(invoices).values(Array.from({ length: BATCH }, () => ({ order })));
      return;
    }
    if (kind === 2) { // a transaction in a transaction is a savepoint: rolling back to it gives back the number
      await tx.transaction(async (draft) => {
        await draft.insert(invoices).values({ order });
        throw new Draft();
      }).catch((error) => {
        if (!(error instanceof Draft)) throw error;
      });
      saw('savepoints rolled back');
    }
    const [invoice] = await tx.insert(invoices).values({ order }).returning();
    if (!invoice.number) throw new Error('returning() has read no number');
    if (kind === 4 && attempt === 1) { // an administrator ends this backend; the next statement notices
      await kill(tx);
      await tx.execute(sql`SELECT 'not reached'`);
    }
    if (kind === 5) throw new Declined();
  }).catch((error) => {
    if (!(error instanceof Declined)) throw error;
    saw('orders declined');
  });
}

async function worker(index) {
  for (let order = index * ORDERS; order < (index + 1) * ORDERS; order++) await issue(order);
}

// What drizzle-kit makes of the table above, but for the sequence.
async function makeTables() {
  await pool.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE; CREATE SCHEMA ${SCHEMA};
    CREATE SEQUENCE ${SCHEMA}.native;
    CREATE TABLE ${SCHEMA}.invoice (
      id serial PRIMARY KEY,
      "order" integer NOT NULL,
      number bigint NOT NULL UNIQUE
    )`);
  if (NATIVE) return;
  // A new series for each run: an old one would go on with the next number.
  await db.execute(sql`SELECT gapless.attach_gapless(${`${SCHEMA}.invoice`}, 'number',
    name => quote_literal(${`invoice-${randomUUID()}`}::text))`);
}

async function main() {
  await makeTables();
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => worker(index)));
  console.log('seen:', Object.entries(seen).sort().map(([what, n]) => `${n} ${what}`).join(', '));
  const { number } = invoices;
  const [{ n, first, last, different }] = await db.select({
    n: count(), first: min(number), last: max(number), different: countDistinct(number),
  }).from(invoices);
  const holes = last - different, doubles = n - different;
  const expected = WORKERS * ORDERS / 6 * (4 + BATCH); // of six orders, one is declined and one is a batch
  const good = n === expected && first === 1 && last === expected && holes === 0 && doubles === 0;
  console.log(`count=${n} min=${first} max=${last} holes=${holes} doubles=${doubles}`);
  console.log(`${good ? 'gapless' : 'NOT gapless'}: expected ${expected} invoices, numbered 1 to ${expected}`);
  return good ? 0 : 1;
}

(async () => {
  try {
    if (!process.env.GAPLESS_DATABASE_URL) {
      throw new Error('GAPLESS_DATABASE_URL is not set: postgres://user@host/database');
    }
    process.exitCode = await main();
    await pool.end();
  } catch (error) {
    const { code, message } = error.cause ?? error; // Drizzle's own message is the statement
    console.error(message);
    if (['3F000', '42883'].includes(code)) { // no such schema, no such function
      console.error('Install gapless: psql "$GAPLESS_DATABASE_URL" -f sql/gapless.sql, ' +
        'or: go run ./cmd/gapless migrate up');
    }
    if (code === '42501') { // insufficient_privilege
      console.error(`The role needs CREATE on this database, to own schema ${SCHEMA} if it is there, and ` +
        'to own schema gapless, or the rights of docs/cookbook.md#letting-another-role-attach-its-tables');
    }
    process.exit(2); // at once: transactions that are still open roll back
  }
})();
