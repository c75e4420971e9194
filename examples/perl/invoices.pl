#!/usr/bin/env perl
# Issues invoices from several processes, with failures in between, and proves that no number is missing.
#
#     GAPLESS_DATABASE_URL=postgres://… perl invoices.pl            numbers from gapless
#     GAPLESS_DATABASE_URL=postgres://… perl invoices.pl --native   numbers from nextval(): see the holes
#
# Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.
use v5.32;
use warnings;
use DBI;
use Time::HiRes 'usleep';
use List::Util 'min';

my $native = grep { $_ eq '--native' } @ARGV;
my ($WORKERS, $ORDERS, $BATCH, $ATTEMPTS) = (8, 24, 3, 100);    # ORDERS for each worker, a multiple of 6: see issue

# The whole difference. A new name for each run: to delete a sequence is its owner's right, not an application's.
my $sequence   = $native ? 'example_perl.native' : join '-', 'invoice', time, $$;
my $next       = $native ? 'nextval(?)' : 'gapless.next_gapless(?)';
my $next_batch = $native ? 'nextval(?) FROM generate_series(1, ?)' : 'gapless.next_gapless_batch(?, ?)';

sub connection {
    my $url = $ENV{GAPLESS_DATABASE_URL} or die "GAPLESS_DATABASE_URL is not set: postgres://user\@host/database\n";
    return DBI->connect("dbi:Pg:$url", undef, undef, {RaiseError => 1, PrintError => 0, PrintWarn => 0});
}

my ($dbh, %seen);    # of one process: its connection, made anew when it is lost, and what it has seen

# Runs a transaction, and again when that is right.
sub transaction {
    my ($body) = @_;
    for my $attempt (1 .. $ATTEMPTS) {
        my $committing = 0;
        $dbh->begin_work;
        return if eval { $body->($attempt); $committing = 1; $dbh->commit };
        my ($error, $state) = ($@, $dbh->state);    # which the next call forgets
        my $lost = !$dbh->ping;
        $dbh->rollback unless $lost || $dbh->{AutoCommit};    # the number goes back, too
        # Lost before COMMIT was sent: PostgreSQL has rolled back, so trying again is safe. Lost during COMMIT: nobody
        # knows. Then look the row up by a key of your own (here order_id); never just try again.
        my $again = $lost ? !$committing : $state =~ /^(40001|40P01)$/; # serialization_failure, deadlock_detected
        die $error if $attempt == $ATTEMPTS || !$again;
        $seen{$lost ? 'connections lost' : "retries after $state"}++;
        if ($lost) {
            $dbh->{InactiveDestroy} = 1;                          # there is nothing to roll back
            $dbh = connection();
        }
        usleep(rand min(50_000, 1000 * 2**$attempt));
    }
}

sub insert {
    my ($order) = @_;
    # One statement allocates the number and stores it: the sequence stays locked from here to the COMMIT.
    $dbh->do("INSERT INTO example_perl.example_invoice (order_id, number) VALUES (?, $next)", undef, $order, $sequence);
}

sub issue {
    my ($order) = @_;
    my $kind = $order % 6;
    eval {
        transaction(sub {
            my ($attempt) = @_;
            if ($kind == 1) {    # several numbers at once
                $dbh->do("INSERT INTO example_perl.example_invoice (order_id, line, number)
                    SELECT ?, row_number() OVER (), n FROM (SELECT $next_batch) AS b (n)", undef,
                    $order, $sequence, $BATCH);
                return;
            }
            if ($kind == 2) {    # rolling back to a savepoint gives back the number, and the lock
                $dbh->pg_savepoint('draft');
                insert($order);
                $dbh->pg_rollback_to('draft');
                $seen{'savepoints rolled back'}++;
            }
            if ($kind == 3) {    # raises 40001 when a number was allocated after this transaction's snapshot
                $dbh->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
            }
            insert($order);
            if ($kind == 4 && $attempt == 1) {    # an administrator ends this backend; the next statement notices
                terminate($dbh->{pg_pid});
                $dbh->do("SELECT 'not reached'");
            }
            die "declined\n" if $kind == 5;    # the application's own error: the payment was refused
        });
        return 1;
    } or $@ eq "declined\n" ? $seen{'orders declined'}++ : die $@;
}

# Waits for the backend's end, so no COMMIT can slip through.
sub terminate {
    connection()->do('SELECT pg_terminate_backend(?, 5000)', undef, @_);
}

# Starts the processes, waits for them, and adds up what they have seen.
sub workers {
    my @pipes = map { start($_) } 0 .. $WORKERS - 1;
    for my $pipe (@pipes) {
        while (my $line = <$pipe>) {
            my ($count, $what) = $line =~ /^(\d+) (.*)/;
            $seen{$what} += $count;
        }
        close $pipe or die "a worker failed\n";
    }
}

sub start {
    my ($worker) = @_;
    my $pid = open(my $pipe, '-|') // die "fork: $!\n";
    return $pipe if $pid;
    $dbh = connection();
    eval { issue($_) for $worker * $ORDERS .. ($worker + 1) * $ORDERS - 1; 1 } or do { print STDERR $@; exit 2 };
    say "$seen{$_} $_" for keys %seen;
    exit 0;
}

sub show_nowait {
    my ($holder, $other) = (connection(), connection());
    $holder->begin_work;
    $holder->do('SELECT gapless.next_gapless(?)', undef, $sequence);
    unless (eval { $other->do('SELECT gapless.next_gapless(?, nowait => true)', undef, $sequence) }) {
        die $@ unless $other->state eq '55P03';    # lock_not_available; the message is for people, and may change
        say 'nowait: SQLSTATE 55P03, another transaction holds the sequence';
    }
    $holder->rollback;    # so that 1 is the next number again
}

sub main {
    $dbh = connection();
    $dbh->do('SELECT gapless.last_gapless()');    # is it installed, and may we use it?
    # In a table of your own, make number UNIQUE. Here it is not, so that the check below has to find the doubles.
    $dbh->do('DROP SCHEMA IF EXISTS example_perl CASCADE; CREATE SCHEMA example_perl;
        CREATE SEQUENCE example_perl.native;
        CREATE TABLE example_perl.example_invoice (
            order_id int, line int DEFAULT 1, number bigint NOT NULL, PRIMARY KEY (order_id, line))');
    show_nowait() unless $native;
    $dbh->disconnect;    # a connection is not for two processes
    workers();
    say 'seen: ', join ', ', map {"$seen{$_} $_"} sort keys %seen;
    my ($count, $min, $max, $holes, $doubles) = connection()->selectrow_array(
        'SELECT count(*), min(number), max(number), max(number) - count(DISTINCT number),
            count(*) - count(DISTINCT number) FROM example_perl.example_invoice');
    my $expected = $WORKERS * $ORDERS / 6 * (4 + $BATCH);    # of six orders, one is declined and one is a batch
    my $good = "$count $min $max $holes $doubles" eq "$expected 1 $expected 0 0";
    say "count=$count min=$min max=$max holes=$holes doubles=$doubles";
    say $good ? 'gapless' : 'NOT gapless', ": expected $expected invoices, numbered 1 to $expected";
    return $good ? 0 : 1;
}

my $status = eval { main() } // do {
    print STDERR $@;
    my $state = $dbh ? $dbh->state : '';
    if ($state =~ /^(3F000|42883)$/) {    # no such schema, no such function
        say STDERR 'Install gapless: psql "$GAPLESS_DATABASE_URL" -f sql/gapless.sql';
    }
    if ($state eq '42501') {              # insufficient_privilege
        say STDERR "The role needs SELECT gapless.grant_gapless('role') by gapless' owner, CREATE on this ",
            'database, and to own schema example_perl if it is there';
    }
    2;
};
exit $status;
