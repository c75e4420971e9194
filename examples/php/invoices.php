#!/usr/bin/env php
<?php

// Issues invoices from several processes, with failures in between, and proves that no number is missing.
//
//     GAPLESS_DATABASE_URL=postgres://… php invoices.php            numbers from gapless
//     GAPLESS_DATABASE_URL=postgres://… php invoices.php --native   numbers from nextval(): see the holes
//
// Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.

declare(strict_types=1);

const WORKERS = 8, ORDERS = 24, BATCH = 3, ATTEMPTS = 100; // ORDERS for each worker, a multiple of 6: see issue()
const TRY_AGAIN = ['40001', '40P01']; // serialization_failure, deadlock_detected

// The processes of this run are called with --worker, the number of each, and the sequence.
$options = getopt('', ['native', 'worker:', 'sequence:']);
define('NATIVE', isset($options['native']));

// The whole difference. A new name for each run: to delete a sequence is its owner's right, not an application's.
define('SEQUENCE', $options['sequence'] ?? (NATIVE ? 'example_php.native' : 'invoice-' . bin2hex(random_bytes(16))));
const NEXT = NATIVE ? 'nextval(?)' : 'gapless.next_gapless(?)';
const NEXT_BATCH = NATIVE ? 'nextval(?) FROM generate_series(1, ?)' : 'gapless.next_gapless_batch(?, ?)';

/** The application's own error: the payment was refused, so there is no invoice. */
class Declined extends Exception
{
}

function connect(): PDO
{
    $url = getenv('GAPLESS_DATABASE_URL');
    if (!$url || !preg_match('~^postgres(?:ql)?://(?:([^:@/]*)(?::([^@/]*))?@)?([^:/?]*)(?::(\d+))?/([^?]*)\??(.*)$~', $url, $part)) {
        throw new PDOException('GAPLESS_DATABASE_URL is not set: postgres://user@host/database');
    }
    [, $user, $password, $host, $port, $database] = array_map(urldecode(...), $part);
    parse_str($part[6], $settings); // as host and port of a Unix socket
    $settings += array_filter(['host' => $host, 'port' => $port, 'dbname' => $database]);
    $dsn = implode(';', array_map(fn ($name, $value) => "$name=$value", array_keys($settings), $settings));
    return new PDO("pgsql:$dsn", $user ?: null, $password ?: null);
}

/** One process's connection, made anew when it is lost, and transactions that are tried again. */
class Session
{
    public array $seen = [];
    private PDO $pdo;

    public function __construct()
    {
        $this->pdo = connect();
    }

    private function seen(string $what): void
    {
        $this->seen[$what] = ($this->seen[$what] ?? 0) + 1;
    }

    /** Rolls back: the number goes back, too. False where not even that can be done: the connection is lost. */
    private function rollBack(): bool
    {
        try {
            return !$this->pdo->inTransaction() || $this->pdo->rollBack();
        } catch (PDOException) {
            return false;
        }
    }

    private function transaction(callable $body): void
    {
        for ($attempt = 1; ; $attempt++) {
            $committing = false;
            try {
                $this->pdo->beginTransaction();
                $body($attempt);
                $committing = true;
                $this->pdo->commit();
                return;
            } catch (Exception $error) {
                $lost = !$this->rollBack();
                // Lost before COMMIT was sent: PostgreSQL has rolled back, so trying again is safe. Lost during COMMIT:
                // nobody knows. Then look the row up by a key of your own (here order_id); never just try again.
                $again = in_array($error->getCode(), TRY_AGAIN, true) || $lost && !$committing;
                if ($attempt === ATTEMPTS || !$again) {
                    throw $error;
                }
                $this->seen($lost ? 'connections lost' : "retries after {$error->getCode()}");
                if ($lost) {
                    $this->pdo = connect();
                }
                usleep(random_int(0, min(50_000, 1000 * 2 ** min($attempt, 10))));
            }
        }
    }

    private function insert(int $order): void
    {
        // One statement allocates the number and stores it: the sequence stays locked from here to the COMMIT.
        $this->pdo->prepare('INSERT INTO example_php.example_invoice (order_id, number) VALUES (?, ' . NEXT . ')')
            ->execute([$order, SEQUENCE]);
    }

    public function issue(int $order): void
    {
        $kind = $order % 6;
        try {
            $this->transaction(function (int $attempt) use ($kind, $order) {
                if ($kind === 1) { // several numbers at once
                    $this->pdo->prepare('INSERT INTO example_php.example_invoice (order_id, line, number)
                        SELECT ?, row_number() OVER (), n FROM (SELECT ' . NEXT_BATCH . ') AS b (n)')
                        ->execute([$order, SEQUENCE, BATCH]);
                    return;
                }
                if ($kind === 2) { // rolling back to a savepoint gives back the number, and the lock
                    $this->pdo->exec('SAVEPOINT draft');
                    $this->insert($order);
                    $this->pdo->exec('ROLLBACK TO SAVEPOINT draft');
                    $this->seen('savepoints rolled back');
                }
                if ($kind === 3) { // raises 40001 when a number was allocated after this transaction's snapshot
                    $this->pdo->exec('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
                }
                $this->insert($order);
                if ($kind === 4 && $attempt === 1) { // an administrator ends this backend; the next statement notices
                    kill($this->pdo->query('SELECT pg_backend_pid()')->fetchColumn());
                    $this->pdo->query("SELECT 'not reached'");
                }
                if ($kind === 5) {
                    throw new Declined();
                }
            });
        } catch (Declined) {
            $this->seen('orders declined');
        }
    }
}

function kill(int $pid): void
{
    // Waits for its end, so no COMMIT can slip through.
    connect()->prepare('SELECT pg_terminate_backend(?, 5000)')->execute([$pid]);
}

function work(int $worker): array
{
    $session = new Session();
    for ($order = $worker * ORDERS; $order < ($worker + 1) * ORDERS; $order++) {
        $session->issue($order);
    }
    return $session->seen;
}

/** Starts the processes, waits for them, and adds up what they have seen. */
function workers(): array
{
    $processes = $pipes = $seen = [];
    for ($worker = 0; $worker < WORKERS; $worker++) {
        $command = [PHP_BINARY, __FILE__, "--worker=$worker", '--sequence=' . SEQUENCE, ...(NATIVE ? ['--native'] : [])];
        $processes[] = proc_open($command, [1 => ['pipe', 'w']], $pipe);
        $pipes[] = $pipe[1];
    }
    foreach ($pipes as $pipe) {
        foreach (json_decode(stream_get_contents($pipe), true) ?? [] as $what => $count) {
            $seen[$what] = ($seen[$what] ?? 0) + $count;
        }
    }
    if (array_filter(array_map(proc_close(...), $processes))) {
        throw new RuntimeException('a worker failed');
    }
    ksort($seen);
    return $seen;
}

function showNowait(): void
{
    $holder = connect();
    $holder->beginTransaction();
    $holder->prepare('SELECT gapless.next_gapless(?)')->execute([SEQUENCE]);
    try {
        connect()->prepare('SELECT gapless.next_gapless(?, nowait => true)')->execute([SEQUENCE]);
    } catch (PDOException $error) {
        if ($error->getCode() !== '55P03') { // lock_not_available; the message is for people, and may change
            throw $error;
        }
        echo "nowait: SQLSTATE 55P03, another transaction holds the sequence\n";
    }
    $holder->rollBack(); // so that 1 is the next number again
}

function main(): int
{
    $pdo = connect();
    $pdo->query('SELECT gapless.last_gapless()'); // is it installed, and may we use it?
    // In a table of your own, make number UNIQUE. Here it is not, so that the check below has to find the doubles.
    $pdo->exec('DROP SCHEMA IF EXISTS example_php CASCADE; CREATE SCHEMA example_php;
        CREATE SEQUENCE example_php.native;
        CREATE TABLE example_php.example_invoice (
            order_id int, line int DEFAULT 1, number bigint NOT NULL, PRIMARY KEY (order_id, line))');
    if (!NATIVE) {
        showNowait();
    }
    $seen = workers();
    echo 'seen: ', implode(', ', array_map(fn ($what, $n) => "$n $what", array_keys($seen), $seen)), "\n";
    [$count, $min, $max, $holes, $doubles] = $pdo->query('SELECT count(*), min(number), max(number),
        max(number) - count(DISTINCT number), count(*) - count(DISTINCT number)
        FROM example_php.example_invoice')->fetch(PDO::FETCH_NUM);
    $expected = intdiv(WORKERS * ORDERS, 6) * (4 + BATCH); // of six orders, one is declined and one is a batch
    $good = [$count, $min, $max, $holes, $doubles] === [$expected, 1, $expected, 0, 0];
    echo "count=$count min=$min max=$max holes=$holes doubles=$doubles\n";
    echo $good ? 'gapless' : 'NOT gapless', ": expected $expected invoices, numbered 1 to $expected\n";
    return $good ? 0 : 1;
}

try {
    if (isset($options['worker'])) {
        echo json_encode(work((int) $options['worker']));
        exit(0);
    }
    exit(main());
} catch (Exception $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    if (in_array($error->getCode(), ['3F000', '42883'], true)) { // no such schema, no such function
        fwrite(STDERR, "Install gapless: psql \"\$GAPLESS_DATABASE_URL\" -f sql/gapless.sql\n");
    }
    if ($error->getCode() === '42501') { // insufficient_privilege
        fwrite(STDERR, "The role needs SELECT gapless.grant_gapless('role') by gapless' owner, CREATE on this database, "
            . "and to own schema example_php if it is there\n");
    }
    exit(2);
}
