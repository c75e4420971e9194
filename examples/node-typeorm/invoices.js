#!/usr/bin/env node
// Issues invoices concurrently by TypeORM, with failures in between, and proves that no number is missing.
//
//     GAPLESS_DATABASE_URL=postgres://… node invoices.js            numbers from gapless
//     GAPLESS_DATABASE_URL=postgres://… node invoices.js --native   numbers from nextval(): see the holes
//
// Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.
'use strict';

const { randomUUID } = require('node:crypto');
const os = require('node:os');
const { setTimeout: sleep } = require('node:timers/promises');
const { DataSource, EntitySchema } = require('typeorm');

const NATIVE = process.argv.includes('--native');
const WORKERS = 8, ORDERS = 24, BATCH = 3, ATTEMPTS = 100; // ORDERS for each worker, a multiple of 6: see issue()
const TRY_AGAIN = ['40001', '40P01']; // serialization_failure, deadlock_detected
const SCHEMA = 'example_node_typeorm';

const Invoice = new EntitySchema({
  name: 'Invoice',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    order: { type: 'int' },
    // The number is PostgreSQL's: never written, and read back because there is a default. NULL is none, so gapless
    // numbers the row.
    number: {
      type: 'bigint', unique: true, insert: false, update: false,
      default: () => (NATIVE ? `nextval('${SCHEMA}.native')` : 'NULL'),
    },
  },
});

const database = new DataSource({
  type: 'postgres',
  url: process.env.GAPLESS_DATABASE_URL,
  username: process.env.PGUSER || os.userInfo().username, // as libpq does, for a URL that names no user
  schema: SCHEMA,
  entities: [Invoice],
  poolSize: WORKERS + 2, // more than workers: kill() needs one while its worker keeps another
  logging: false, // of connections that are lost, too
});

class Declined extends Error {} // the application's own error: the payment was refused, so there is no invoice
class Draft extends Error {}

const seen = {};
const count = (what) => { seen[what] = (seen[what] ?? 0) + 1; };

// Runs body in a transaction, and again when that is right.
async function transaction(isolation, body) {
  for (let attempt = 1; ; attempt++) {
    let committing = false;
    try {
      return await database.transaction(isolation, async (manager) => {
        await body(manager, attempt);
        committing = true;
      });
    } catch (error) {
      // Lost before COMMIT was sent: PostgreSQL has rolled back, and the number with it, so trying again is safe.
      // Lost during COMMIT: nobody knows. Then look the row up by a key of your own; never just try again.
      const { code } = error.driverError ?? {};
      const lost = code === '57P01' || error.name.endsWith('AlreadyReleasedError') // TypeORM's own
        || error.message.startsWith('Connection terminated'); // and pg's
      if (attempt === ATTEMPTS || !(TRY_AGAIN.includes(code) || (lost && !committing))) throw error;
      count(lost ? 'connections lost' : `retries after ${code}`);
    }
    await sleep(Math.random() * Math.min(50, 2 ** attempt));
  }
}

// Waits for the backend's end, so no COMMIT can slip through.
async function kill(manager) {
  const [{ pid }] = await manager.query('SELECT pg_backend_pid() AS pid');
  await database.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
}

async function issue(order) {
  const kind = order % 6;
  // REPEATABLE READ raises 40001 when a number was given out after this transaction's snapshot.
  await transaction(kind === 3 ? 'REPEATABLE READ' : 'READ COMMITTED', async (manager, attempt) => {
    if (kind === 1) { // several at once are one INSERT
      await manager.insert(Invoice, Array.from({ length: BATCH }, () => ({ order })));
      return;
    }
    if (kind === 2) { // a transaction in a transaction is a savepoint: rolling back to it gives back the number
      await manager.transaction(async (draft) => {
        await draft.save(Invoice, { order });
        throw new Draft();
      }).catch((error) => {
        if (!(error instanceof Draft)) throw error;
      });
      count('savepoints rolled back');
    }
    const invoice = await manager.save(Invoice, { order });
    if (!invoice.number) throw new Error('save() has read no number');
    if (kind === 4 && attempt === 1) { // an administrator ends this backend; the next statement notices
      await kill(manager);
      await manager.query("SELECT 'not reached'");
    }
    if (kind === 5) throw new Declined();
  }).catch((error) => {
    if (!(error instanceof Declined)) throw error;
    count('orders declined');
  });
}

async function worker(index) {
  for (let order = index * ORDERS; order < (index + 1) * ORDERS; order++) await issue(order);
}

async function makeTables() {
  await database.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE; CREATE SCHEMA ${SCHEMA};
    CREATE SEQUENCE ${SCHEMA}.native`);
  await database.synchronize();
  if (NATIVE) return;
  // A new series for each run: an old one would go on with the next number.
  await database.query('SELECT gapless.attach_gapless($1, $2, name => quote_literal($3::text))',
    [`${SCHEMA}.invoice`, 'number', `invoice-${randomUUID()}`]);
}

async function main() {
  await database.initialize();
  await makeTables();
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => worker(index)));
  console.log('seen:', Object.entries(seen).sort().map(([what, n]) => `${n} ${what}`).join(', '));
  const [found] = await database.query(`
    SELECT count(*), min(number), max(number), max(number) - count(DISTINCT number) AS holes,
      count(*) - count(DISTINCT number) AS doubles FROM ${SCHEMA}.invoice`);
  const expected = WORKERS * ORDERS / 6 * (4 + BATCH); // of six orders, one is declined and one is a batch
  // A bigint comes as a string, since a JavaScript number is exact to 2^53 only. These are small.
  const [n, min, max, holes, doubles] = Object.values(found).map(Number);
  const good = n === expected && min === 1 && max === expected && holes === 0 && doubles === 0;
  console.log(`count=${n} min=${min} max=${max} holes=${holes} doubles=${doubles}`);
  console.log(`${good ? 'gapless' : 'NOT gapless'}: expected ${expected} invoices, numbered 1 to ${expected}`);
  return good ? 0 : 1;
}

(async () => {
  try {
    if (!process.env.GAPLESS_DATABASE_URL) {
      throw new Error('GAPLESS_DATABASE_URL is not set: postgres://user@host/database');
    }
    process.exitCode = await main();
    await database.destroy();
  } catch (error) {
    console.error(error.message);
    const { code } = error.driverError ?? error;
    if (['3F000', '42883'].includes(code)) { // no such schema, no such function
      console.error('Install gapless: psql "$GAPLESS_DATABASE_URL" -f sql/gapless.sql, ' +
        'or: go run ./cmd/gapless migrate up');
    }
    if (code === '42501') { // insufficient_privilege
      console.error('The role needs CREATE on this database, to own schema example_node_typeorm if it is there, and ' +
        'to own schema gapless, or the rights of docs/cookbook.md#letting-another-role-attach-its-tables');
    }
    process.exit(2); // at once: transactions that are still open roll back
  }
})();
