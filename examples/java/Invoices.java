import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import org.postgresql.PGConnection;

/**
 * Issues invoices from several threads, with failures in between, and proves that no number is missing.
 *
 * <pre>
 *     export GAPLESS_DATABASE_URL=postgres://…
 *     java -cp postgresql.jar Invoices.java            numbers from gapless
 *     java -cp postgresql.jar Invoices.java --native   numbers from nextval(): see the holes
 * </pre>
 *
 * Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.
 */
public class Invoices {
    // ORDERS for each worker, a multiple of 6: see issue().
    static final int WORKERS = 8, ORDERS = 24, BATCH = 3, ATTEMPTS = 100;
    static final Set<String> TRY_AGAIN = Set.of("40001", "40P01"); // serialization_failure, deadlock_detected

    static boolean nativeSequence;
    static String sequence, next, nextBatch;

    /** The application's own error: the payment was refused, so there is no invoice. */
    static class Declined extends Exception {}

    interface Body {
        void run(int attempt) throws SQLException, Declined;
    }

    static Connection connect() throws SQLException {
        String url = System.getenv("GAPLESS_DATABASE_URL");
        if (url == null || url.isEmpty()) {
            throw new SQLException("GAPLESS_DATABASE_URL is not set: postgres://user@host/database");
        }
        URI uri = URI.create(url);
        if (uri.getHost() == null) {
            throw new SQLException("JDBC needs a host, and knows no Unix socket: postgres://user@host/database");
        }
        var login = new Properties();
        if (uri.getUserInfo() != null) {
            String[] user = uri.getUserInfo().split(":", 2);
            login.setProperty("user", user[0]);
            login.setProperty("password", user.length > 1 ? user[1] : "");
        }
        String address = uri.getRawAuthority().replaceFirst(".*@", "");
        String settings = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        return DriverManager.getConnection("jdbc:postgresql://" + address + uri.getRawPath() + settings, login);
    }

    /** One thread's connection, made anew when it is lost, and transactions that are tried again. */
    static class Session implements Callable<Void>, AutoCloseable {
        final int worker;
        final Map<String, Integer> seen;
        Connection connection;

        Session(int worker, Map<String, Integer> seen) {
            this.worker = worker;
            this.seen = seen;
        }

        void seen(String what) {
            seen.merge(what, 1, Integer::sum);
        }

        /** The number goes back, too. False: not even that can be done, since the connection is lost. */
        boolean rollback() {
            try {
                connection.rollback();
                return true;
            } catch (SQLException error) {
                return false;
            }
        }

        void transaction(Body body) throws SQLException, Declined, InterruptedException {
            for (int attempt = 1; ; attempt++) {
                if (connection == null) {
                    connection = connect();
                    connection.setAutoCommit(false); // BEGIN is sent before the first statement
                }
                boolean committing = false;
                try {
                    body.run(attempt);
                    committing = true;
                    connection.commit();
                    return;
                } catch (SQLException | Declined error) {
                    String state = error instanceof SQLException refused ? refused.getSQLState() : "";
                    boolean lost = !rollback();
                    if (lost) {
                        close();
                    }
                    // Lost before COMMIT was sent: PostgreSQL has rolled back, so trying again is safe. Lost during COMMIT:
                    // nobody knows. Then look the row up by a key of your own (here order_id); never just try again.
                    if (attempt == ATTEMPTS || !(TRY_AGAIN.contains(state) || lost && !committing)) {
                        throw error;
                    }
                    seen(lost ? "connections lost" : "retries after " + state);
                    Thread.sleep(ThreadLocalRandom.current().nextLong(Math.min(50, 2L << Math.min(attempt, 10))));
                }
            }
        }

        void insert(int order) throws SQLException {
            // One statement allocates the number and stores it: the sequence stays locked from here to the COMMIT.
            String sql = "INSERT INTO example_java.example_invoice (order_id, number) VALUES (?, " + next + ")";
            try (var insert = connection.prepareStatement(sql)) {
                insert.setInt(1, order);
                insert.setString(2, sequence);
                insert.executeUpdate();
            }
        }

        void insertBatch(int order) throws SQLException {
            try (var insert = connection.prepareStatement("INSERT INTO example_java.example_invoice (order_id, line, number) "
                    + "SELECT ?, row_number() OVER (), n FROM (SELECT " + nextBatch + ") AS b (n)")) {
                insert.setInt(1, order);
                insert.setString(2, sequence);
                insert.setInt(3, BATCH);
                insert.executeUpdate();
            }
        }

        void issue(int order) throws SQLException, InterruptedException {
            int kind = order % 6;
            try {
                transaction(attempt -> {
                    if (kind == 1) { // several numbers at once
                        insertBatch(order);
                        return;
                    }
                    if (kind == 2) { // rolling back to a savepoint gives back the number, and the lock
                        var draft = connection.setSavepoint();
                        insert(order);
                        connection.rollback(draft);
                        seen("savepoints rolled back");
                    }
                    if (kind == 3) { // raises 40001 when a number was allocated after this transaction's snapshot
                        execute(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
                    }
                    insert(order);
                    if (kind == 4 && attempt == 1) { // an administrator ends this backend; the next statement notices
                        kill(connection.unwrap(PGConnection.class).getBackendPID());
                        execute(connection, "SELECT 'not reached'");
                    }
                    if (kind == 5) {
                        throw new Declined();
                    }
                });
            } catch (Declined declined) {
                seen("orders declined");
            }
        }

        @Override
        public Void call() throws SQLException, InterruptedException {
            try (this) {
                for (int order = worker * ORDERS; order < (worker + 1) * ORDERS; order++) {
                    issue(order);
                }
            }
            return null;
        }

        @Override
        public void close() throws SQLException {
            if (connection != null) {
                connection.close();
                connection = null;
            }
        }
    }

    static void execute(Connection connection, String sql) throws SQLException {
        try (var statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static void kill(int pid) throws SQLException {
        try (var administrator = connect()) {
            // Waits for its end, so no COMMIT can slip through.
            execute(administrator, "SELECT pg_terminate_backend(" + pid + ", 5000)");
        }
    }

    static void showNowait() throws SQLException {
        try (var holder = connect(); var other = connect()) {
            holder.setAutoCommit(false);
            execute(holder, "SELECT gapless.next_gapless('" + sequence + "')");
            try {
                execute(other, "SELECT gapless.next_gapless('" + sequence + "', nowait => true)");
            } catch (SQLException error) {
                if (!"55P03".equals(error.getSQLState())) { // lock_not_available; the message is for people, and may change
                    throw error;
                }
                System.out.println("nowait: SQLSTATE 55P03, another transaction holds the sequence");
            }
        } // closed without a COMMIT, so that 1 is the next number again
    }

    /** Runs the threads, and gives what they have seen. */
    static Map<String, Integer> work() throws InterruptedException, ExecutionException {
        var seen = new ConcurrentHashMap<String, Integer>();
        var threads = Executors.newFixedThreadPool(WORKERS);
        try {
            List<Future<Void>> results = new ArrayList<>();
            for (int worker = 0; worker < WORKERS; worker++) {
                results.add(threads.submit(new Session(worker, seen)));
            }
            for (var result : results) {
                result.get();
            }
        } finally {
            threads.shutdownNow();
        }
        return new TreeMap<>(seen);
    }

    static boolean run() throws SQLException, InterruptedException, ExecutionException {
        // The whole difference. A new name for each run: to delete a sequence is its owner's right, not an application's.
        sequence = nativeSequence ? "example_java.native" : "invoice-" + UUID.randomUUID();
        next = nativeSequence ? "nextval(?)" : "gapless.next_gapless(?)";
        nextBatch = nativeSequence ? "nextval(?) FROM generate_series(1, ?)" : "gapless.next_gapless_batch(?, ?)";
        try (var connection = connect()) {
            execute(connection, "SELECT gapless.last_gapless()"); // is it installed, and may we use it?
            // In a table of your own, make number UNIQUE. Here it is not, so that the check below has to find the doubles.
            execute(connection, """
                DROP SCHEMA IF EXISTS example_java CASCADE; CREATE SCHEMA example_java;
                CREATE SEQUENCE example_java.native;
                CREATE TABLE example_java.example_invoice (
                    order_id int, line int DEFAULT 1, number bigint NOT NULL, PRIMARY KEY (order_id, line))""");
            if (!nativeSequence) {
                showNowait();
            }
            System.out.println("seen: " + work().entrySet().stream()
                .map(entry -> entry.getValue() + " " + entry.getKey()).collect(Collectors.joining(", ")));
            try (var statement = connection.createStatement(); var rows = statement.executeQuery("""
                    SELECT count(*), min(number), max(number), max(number) - count(DISTINCT number) AS holes,
                        count(*) - count(DISTINCT number) AS doubles FROM example_java.example_invoice""")) {
                rows.next();
                long count = rows.getLong(1), min = rows.getLong(2), max = rows.getLong(3);
                long holes = rows.getLong(4), doubles = rows.getLong(5);
                int expected = WORKERS * ORDERS / 6 * (4 + BATCH); // of six orders, one is declined and one is a batch
                boolean good = count == expected && min == 1 && max == expected && holes == 0 && doubles == 0;
                System.out.printf("count=%d min=%d max=%d holes=%d doubles=%d%n", count, min, max, holes, doubles);
                System.out.printf("%s: expected %d invoices, numbered 1 to %2$d%n", good ? "gapless" : "NOT gapless", expected);
                return good;
            }
        }
    }

    public static void main(String[] args) throws InterruptedException {
        nativeSequence = List.of(args).contains("--native");
        try {
            System.exit(run() ? 0 : 1);
        } catch (SQLException | ExecutionException error) {
            var cause = error instanceof ExecutionException ? error.getCause() : error;
            System.err.println(cause.getMessage());
            String state = cause instanceof SQLException refused ? String.valueOf(refused.getSQLState()) : "";
            if (Set.of("3F000", "42883").contains(state)) { // no such schema, no such function
                System.err.println("Install gapless: psql \"$GAPLESS_DATABASE_URL\" -f sql/gapless.sql");
            }
            if (state.equals("42501")) { // insufficient_privilege
                System.err.println("The role needs SELECT gapless.grant_gapless('role') by gapless' owner, "
                    + "CREATE on this database, and to own schema example_java if it is there");
            }
            System.exit(2);
        }
    }
}
