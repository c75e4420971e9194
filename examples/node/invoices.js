#!/usr/bin/env node
// Issues invoices concurrently, with failures in between, and proves that no number is missing.
//
//     GAPLESS_DATABASE_URL=postgres://… node invoices.js            numbers from gapless
//     GAPLESS_DATABASE_URL=postgres://… node invoices.js --native   numbers from nextval(): see the holes
//
// Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.
'use strict';

// require and not import: only require looks in NODE_PATH, and so finds a pg that came as a Debian package.
const { randomUUID } = require('node:crypto');
const os = require('node:os');
const { setTimeout: sleep } = require('node:timers/promises');
const pg = require('pg');

const NATIVE = process.argv.includes('--native');
const WORKERS = 8, ORDERS = 24, BATCH = 3, ATTEMPTS = 100; // ORDERS for each worker, a multiple of 6: see issue()
const TRY_AGAIN = ['40001', '40P01']; // serialization_failure, deadlock_detected

// The whole difference. A new name for each run: to delete a sequence is its owner's right, not an application's.
const SEQUENCE = NATIVE ? 'example_node.native' : `invoice-${randomUUID()}`;
const NEXT = NATIVE ? 'nextval($2)' : 'gapless.next_gapless($2)';
const NEXT_BATCH = NATIVE ? 'nextval($2) FROM generate_series(1, $3)' : 'gapless.next_gapless_batch($2, $3)';

pg.defaults.user ||= os.userInfo().username; // as libpq does, for a URL that names no user
const connectionString = process.env.GAPLESS_DATABASE_URL;
// More connections than workers: kill() needs one while its worker keeps another.
const pool = new pg.Pool({ connectionString, max: WORKERS + 2 });
// A lost connection is an 'error' event, which ends the process if nobody listens: on the pool while the client
// is idle, on the client itself while it is checked out. The query rejects as well, and that is where we act.
pool.on('error', () => {});
pool.on('connect', (client) => client.on('error', () => {}));

class Declined extends Error {} // the application's own error: the payment was refused, so there is no invoice

const seen = {};
const count = (what) => { seen[what] = (seen[what] ?? 0) + 1; };

// Runs body in a transaction, on one client from BEGIN to COMMIT (pool.query may take another for each statement),
// and again when that is right.
async function transaction(body) {
  for (let attempt = 1; ; attempt++) {
    const client = await pool.connect();
    let committing = false, lost = false;
    try {
      await client.query('BEGIN');
      await body(client, attempt);
      committing = true;
      await client.query('COMMIT');
      return;
    } catch (error) {
      // The number goes back, too. A connection that cannot even roll back is lost.
      lost = await client.query('ROLLBACK').then(() => false, () => true);
      // Lost before COMMIT was sent: PostgreSQL has rolled back, so trying again is safe. Lost during COMMIT:
      // nobody knows. Then look the row up by a key of your own (here order_id); never just try again.
      if (attempt === ATTEMPTS || !(TRY_AGAIN.includes(error.code) || (lost && !committing))) throw error;
      count(lost ? 'connections lost' : `retries after ${error.code}`);
    } finally {
      client.release(lost); // true: do not put it back into the pool
    }
    await sleep(Math.random() * Math.min(50, 2 ** attempt));
  }
}

// One statement allocates the number and stores it: the sequence stays locked from here to the COMMIT.
const insert = (client, order) => client.query(
  `INSERT INTO example_node.example_invoice (order_id, number) VALUES ($1, ${NEXT})`, [order, SEQUENCE]);

// Waits for the backend's end, so no COMMIT can slip through.
const kill = (pid) => pool.query('SELECT pg_terminate_backend($1, 5000)', [pid]);

async function issue(order) {
  const kind = order % 6;
  await transaction(async (client, attempt) => {
    if (kind === 1) { // several numbers at once
      await client.query(`INSERT INTO example_node.example_invoice (order_id, line, number)
        SELECT $1::int, row_number() OVER (), n FROM (SELECT ${NEXT_BATCH}) AS b (n)`, [order, SEQUENCE, BATCH]);
      return;
    }
    if (kind === 2) { // rolling back to a savepoint gives back the number, and the lock
      await client.query('SAVEPOINT draft');
      await insert(client, order);
      await client.query('ROLLBACK TO SAVEPOINT draft');
      count('savepoints rolled back');
    }
    if (kind === 3) { // raises 40001 when a number was allocated after this transaction's snapshot
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    }
    await insert(client, order);
    if (kind === 4 && attempt === 1) { // an administrator ends this backend; the next statement notices
      await kill(client.processID);
      await client.query("SELECT 'not reached'");
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

async function showNowait() {
  const [holder, other] = [await pool.connect(), await pool.connect()];
  await holder.query('BEGIN');
  await holder.query('SELECT gapless.next_gapless($1)', [SEQUENCE]);
  await other.query('SELECT gapless.next_gapless($1, nowait => true)', [SEQUENCE]).catch((error) => {
    if (error.code !== '55P03') throw error; // lock_not_available; the message is for people, and may change
    console.log('nowait: SQLSTATE 55P03, another transaction holds the sequence');
  });
  await holder.query('ROLLBACK'); // so that 1 is the next number again
  holder.release();
  other.release();
}

async function main() {
  await pool.query('SELECT gapless.last_gapless()'); // is it installed, and may we use it?
  // In a table of your own, make number UNIQUE. Here it is not, so that the check below has to find the doubles.
  await pool.query(`DROP SCHEMA IF EXISTS example_node CASCADE; CREATE SCHEMA example_node;
    CREATE SEQUENCE example_node.native;
    CREATE TABLE example_node.example_invoice (
      order_id int, line int DEFAULT 1, number bigint NOT NULL, PRIMARY KEY (order_id, line))`);
  if (!NATIVE) await showNowait();
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => worker(index)));
  console.log('seen:', Object.entries(seen).sort().map(([what, n]) => `${n} ${what}`).join(', '));
  const { rows: [found] } = await pool.query(`
    SELECT count(*), min(number), max(number), max(number) - count(DISTINCT number) AS holes,
      count(*) - count(DISTINCT number) AS doubles FROM example_node.example_invoice`);
  const expected = WORKERS * ORDERS / 6 * (4 + BATCH); // of six orders, one is declined and one is a batch
  // pg returns a bigint as a string, since a JavaScript number is exact to 2^53 only. These are small.
  const [n, min, max, holes, doubles] = Object.values(found).map(Number);
  const good = n === expected && min === 1 && max === expected && holes === 0 && doubles === 0;
  console.log(`count=${n} min=${min} max=${max} holes=${holes} doubles=${doubles}`);
  console.log(`${good ? 'gapless' : 'NOT gapless'}: expected ${expected} invoices, numbered 1 to ${expected}`);
  return good ? 0 : 1;
}

(async () => {
  try {
    if (!connectionString) throw new Error('GAPLESS_DATABASE_URL is not set: postgres://user@host/database');
    process.exitCode = await main();
    await pool.end();
  } catch (error) {
    console.error(error.message);
    if (['3F000', '42883'].includes(error.code)) { // no such schema, no such function
      console.error('Install gapless: psql "$GAPLESS_DATABASE_URL" -f sql/gapless.sql, ' +
        'or: go run ./cmd/gapless migrate up');
    }
    if (error.code === '42501') { // insufficient_privilege
      console.error("The role needs SELECT gapless.grant_gapless('role') by gapless' owner, CREATE on this database, " +
        'and to own schema example_node if it is there');
    }
    process.exit(2); // at once: transactions that are still open roll back
  }
})();
