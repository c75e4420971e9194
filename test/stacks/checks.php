<?php

// What the checks in PHP share.

const SQL_FILE = __DIR__ . '/../../sql/gapless.sql'; // one statement

pcntl_alarm(300);

// parts of GAPLESS_DATABASE_URL.
function url(): array
{
    return parse_url(getenv('GAPLESS_DATABASE_URL')) + ['port' => 5432, 'user' => get_current_user(), 'pass' => ''];
}

function database(): string
{
    return substr(url()['path'], 1);
}

function pdo(?string $database = null): PDO
{
    $url = url();
    $dsn = "pgsql:host={$url['host']};port={$url['port']};dbname=" . ($database ?? database());
    return new PDO($dsn, $url['user'], $url['pass']);
}

function library(string $name, string $version): void
{
    echo "library\t$name\t$version\n";
}

// tried prints ok, or what the function threw.
function tried(string $what, callable $run): void
{
    global $failed;
    try {
        $run();
        echo "ok\t$what\n";
    } catch (Throwable $error) {
        $failed = true;
        $why = get_class($error) . ': ' . $error->getMessage();
        echo "FAIL\t$what\t" . substr(preg_replace('/\s+/', ' ', $why), 0, 1000) . "\n";
        fwrite(STDERR, "$what: " . $error->getTraceAsString() . "\n");
    }
}

function equal(mixed $seen, mixed $wanted): void
{
    if ($seen !== $wanted) {
        throw new Exception(var_export($seen, true) . ', not ' . var_export($wanted, true));
    }
}

// refused gives what the function throws.
function refused(callable $run): Throwable
{
    try {
        $value = $run();
    } catch (Throwable $error) {
        return $error;
    }
    throw new Exception('not refused, but ' . var_export($value, true));
}

// fresh runs a function with the name of an empty database.
function fresh(callable $run): void
{
    $name = database() . '_fresh';
    pdo()->exec("DROP DATABASE IF EXISTS $name");
    pdo()->exec("CREATE DATABASE $name");
    try {
        $run($name);
    } finally {
        pdo()->exec("DROP DATABASE $name WITH (FORCE)");
    }
}

// audited says whether the numbers of all series are whole.
function audited(): void
{
    equal(pdo()->query('SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained')->fetchColumn(), 0);
}

function finish(): never
{
    global $failed;
    exit($failed ? 1 : 0);
}
