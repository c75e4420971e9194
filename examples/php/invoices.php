#!/usr/bin/env php
<?php

// Issues invoices from several processes by Eloquent, with failures in between, and proves that no number is missing.
//
//     GAPLESS_DATABASE_URL=postgres://… php invoices.php            numbers from gapless
//     GAPLESS_DATABASE_URL=postgres://… php invoices.php --native   numbers from nextval(): see the holes
//
// Laravel's database without the rest of Laravel. In yours, the connection is in config/database.php, and the model and
// the migration are in files of their own.
// Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.

declare(strict_types=1);

use Illuminate\Database\Capsule\Manager as DB; // in Laravel: Illuminate\Support\Facades\DB
use Illuminate\Database\DetectsLostConnections;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Database\Schema\Blueprint;

$composer = __DIR__ . '/vendor/autoload.php';
require is_file($composer) ? $composer : 'Illuminate/Database/autoload.php'; // Debian's

const WORKERS = 8, ORDERS = 24, BATCH = 3, ATTEMPTS = 100; // ORDERS for each worker, a multiple of 6: see issue()

// The processes of this run are called with --worker, and the number of each.
$options = getopt('', ['native', 'worker:']);
define('NATIVE', isset($options['native']));

class Invoice extends Model
{
    public $timestamps = false;
    protected $table = 'example_php.invoices';
    protected $fillable = ['order_id']; // and not the number, which is PostgreSQL's
}

/** The application's own error: the payment was refused, so there is no invoice. */
class Declined extends Exception
{
}

class Worker
{
    use DetectsLostConnections;

    public array $seen = [];

    private function seen(string $what): void
    {
        $this->seen[$what] = ($this->seen[$what] ?? 0) + 1;
    }

    private function transaction(callable $body): void
    {
        for ($connection = 1; ; $connection++) {
            $attempt = 0;
            $committing = false;
            try {
                DB::connection()->transaction(function () use ($body, $connection, &$attempt, &$committing) {
                    $committing = false;
                    if (++$attempt > 1) {
                        $this->seen('retries after 40001'); // serialization_failure, or 40P01, deadlock_detected
                    }
                    $body($connection);
                    $committing = true;
                }, ATTEMPTS);
                return;
            } catch (PDOException $error) {
                // Lost before COMMIT was sent: PostgreSQL has rolled back, and the number with it, so trying again is
                // safe. Lost during COMMIT: nobody knows. Then look the row up by a key of your own; never just try
                // again.
                if ($connection === ATTEMPTS || $committing || !$this->causedByLostConnection($error)) {
                    throw $error;
                }
                $this->seen('connections lost');
                DB::connection()->reconnect(); // since PDO takes the lost transaction for an open one
            }
        }
    }

    public function issue(int $order): void
    {
        $kind = $order % 6;
        try {
            $this->transaction(function (int $connection) use ($kind, $order) {
                if ($kind === 1) { // several at once are one INSERT
                    Invoice::insert(array_fill(0, BATCH, ['order_id' => $order]));
                    return;
                }
                if ($kind === 2) { // rolling back to a savepoint gives back the number, and the lock
                    DB::connection()->beginTransaction();
                    Invoice::create(['order_id' => $order]);
                    DB::connection()->rollBack();
                    $this->seen('savepoints rolled back');
                }
                if ($kind === 3) { // raises 40001 when a number was given out after this transaction's snapshot
                    DB::statement('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
                }
                $invoice = Invoice::create(['order_id' => $order])->refresh(); // with its number
                if ($kind === 4 && $connection === 1) { // an administrator ends this backend: seen below
                    kill(DB::selectOne('SELECT pg_backend_pid() AS pid')->pid);
                    $invoice->refresh();
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
    DB::connection('administrator')->select('SELECT pg_terminate_backend(?, 5000)', [$pid]);
}

function work(int $index): array
{
    $worker = new Worker();
    for ($order = $index * ORDERS; $order < ($index + 1) * ORDERS; $order++) {
        $worker->issue($order);
    }
    return $worker->seen;
}

/** Starts the processes, waits for them, and adds up what they have seen. */
function workers(): array
{
    $processes = $pipes = $seen = [];
    for ($worker = 0; $worker < WORKERS; $worker++) {
        $command = [PHP_BINARY, __FILE__, "--worker=$worker", ...(NATIVE ? ['--native'] : [])];
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

/** What a migration does. */
function migrate(): void
{
    DB::unprepared('DROP SCHEMA IF EXISTS example_php CASCADE; CREATE SCHEMA example_php;
        CREATE SEQUENCE example_php.native');
    DB::schema()->create('example_php.invoices', function (Blueprint $table) {
        $table->id();
        $table->integer('order_id');
        $number = $table->bigInteger('number')->unique();
        if (NATIVE) {
            $number->default(DB::raw("nextval('example_php.native')"));
        }
    });
    if (!NATIVE) { // a new series for each run: an old one would go on with the next number
        DB::select("SELECT gapless.attach_gapless('example_php.invoices', 'number', name => quote_literal(?))",
            ['invoice-' . bin2hex(random_bytes(16))]);
    }
}

function main(): int
{
    migrate();
    $seen = workers();
    echo 'seen: ', implode(', ', array_map(fn ($what, $n) => "$n $what", array_keys($seen), $seen)), "\n";
    $numbers = Invoice::pluck('number');
    [$count, $min, $max] = [$numbers->count(), $numbers->min(), $numbers->max()];
    $distinct = $numbers->unique()->count();
    [$holes, $doubles] = [$max - $distinct, $count - $distinct];
    $expected = intdiv(WORKERS * ORDERS, 6) * (4 + BATCH); // of six orders, one is declined and one is a batch
    $good = [$count, $min, $max, $holes, $doubles] === [$expected, 1, $expected, 0, 0];
    echo "count=$count min=$min max=$max holes=$holes doubles=$doubles\n";
    echo $good ? 'gapless' : 'NOT gapless', ": expected $expected invoices, numbered 1 to $expected\n";
    return $good ? 0 : 1;
}

try {
    $url = getenv('GAPLESS_DATABASE_URL')
        ?: throw new Exception('GAPLESS_DATABASE_URL is not set: postgres://user@host/database');
    $database = new DB();
    foreach (['default', 'administrator'] as $name) {
        $database->addConnection(['url' => $url], $name);
    }
    $database->setAsGlobal();
    $database->bootEloquent();
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
        fwrite(STDERR, "The role needs CREATE on this database, to own schema example_php if it is there, and to own "
            . "schema gapless, or the rights of docs/cookbook.md#letting-another-role-attach-its-tables\n");
    }
    exit(2);
}
