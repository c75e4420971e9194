import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.postgresql.util.PSQLException;

class Check extends Checks {
    interface Work<T> {
        T run(Connection connection, int attempt) throws SQLException;
    }

    static final Set<String> TRY_AGAIN = Set.of("40001", "40P01");

    static <T> T transaction(Connection connection, int attempts, Work<T> work) throws SQLException {
        connection.setAutoCommit(false);
        try {
            for (int attempt = 1; ; attempt++) {
                try {
                    T result = work.run(connection, attempt);
                    connection.commit();
                    return result;
                } catch (SQLException error) {
                    connection.rollback();
                    if (!TRY_AGAIN.contains(error.getSQLState()) || attempt == attempts) {
                        throw error;
                    }
                } catch (RuntimeException error) {
                    connection.rollback();
                    throw error;
                }
            }
        } finally {
            connection.setAutoCommit(true);
        }
    }

    static List<Object> keys(PreparedStatement insert) throws SQLException {
        var numbers = new ArrayList<>();
        try (var keys = insert.getGeneratedKeys()) {
            while (keys.next()) {
                numbers.add(keys.getLong("number"));
            }
        }
        return numbers;
    }

    static List<Object> insert(Connection connection, String... customers) throws SQLException {
        String sql = "INSERT INTO invoices (customer) VALUES (?)";
        try (var insert = connection.prepareStatement(sql, new String[] {"number"})) {
            for (String customer : customers) {
                insert.setString(1, customer);
                insert.addBatch();
            }
            insert.executeBatch();
            return keys(insert);
        }
    }

    static final String TABLES = """
        CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text UNIQUE, number bigint NOT NULL UNIQUE);
        SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
        CREATE TABLE receipts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE);
        SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true);
        """;

    static void sendsTheFile(Connection connection, boolean prepared) throws Exception {
        if (prepared) {
            try (var statement = connection.prepareStatement(install())) {
                statement.execute();
            }
        } else {
            try (var statement = connection.createStatement()) {
                statement.execute(install());
            }
        }
    }

    static void installs(Connection connection, boolean prepared) throws Exception {
        connection.setAutoCommit(false);
        sendsTheFile(connection, prepared);
        connection.rollback();
        equal(column(connection, "SELECT count(*) FROM pg_namespace WHERE nspname = 'gapless'"), List.of(0L));
        sendsTheFile(connection, prepared);
        connection.commit();
        connection.setAutoCommit(true);
        sendsTheFile(connection, prepared);
        equal(column(connection, "SELECT count(*) FROM gapless.sequences"), List.of(0L));
    }

    public static void main(String[] args) throws Exception {
        library("pgjdbc", org.postgresql.util.DriverInfo.DRIVER_VERSION);

        tried("Statement.execute installs sql/gapless.sql, in a transaction and out of one", () -> fresh(db -> installs(db, false)));
        tried("PreparedStatement.execute does", () -> fresh(db -> installs(db, true)));

        sql(TABLES);
        Connection connection = connect();

        tried("getGeneratedKeys by the name of the column", () -> {
            equal(insert(connection, "ACME"), List.of(1L));
        });

        tried("RETURN_GENERATED_KEYS has the whole row", () -> {
            String sql = "INSERT INTO invoices (customer) VALUES ('Bolt')";
            try (var insert = connection.prepareStatement(sql, PreparedStatement.RETURN_GENERATED_KEYS)) {
                insert.executeUpdate();
                equal(keys(insert), List.of(2L));
            }
        });

        tried("RETURNING, by executeQuery", () -> {
            equal(column(connection, "INSERT INTO invoices (customer) VALUES ('Cog'), ('Dyne') RETURNING number"), List.of(3L, 4L));
        });

        tried("a batch: numbers in order", () -> equal(insert(connection, "Emu", "Fizz", "Gear"), List.of(5L, 6L, 7L)));

        tried("a batch with reWriteBatchedInserts: numbers in order", () -> {
            try (var rewriting = DriverManager.getConnection(url(DATABASE) + "?reWriteBatchedInserts=true", USER, PASSWORD)) {
                equal(insert(rewriting, "Hub", "Ink", "Jet"), List.of(8L, 9L, 10L));
            }
        });

        tried("NULL is as good as leaving it out", () -> {
            try (var insert = connection.prepareStatement("INSERT INTO invoices (customer, number) VALUES ('Kit', ?)", new String[] {"number"})) {
                insert.setObject(1, null);
                insert.executeUpdate();
                equal(keys(insert), List.of(11L));
            }
        });

        tried("UPDATE with the loaded number, upsert of a new and of a loaded row", () -> {
            sql("UPDATE invoices SET customer = 'Acme Ltd', number = 1 WHERE id = 1");
            equal(column(connection, "INSERT INTO invoices (customer) VALUES ('Acme Ltd'), ('Lux') "
                + "ON CONFLICT (customer) DO UPDATE SET customer = excluded.customer RETURNING number"), List.of(1L, 12L));
            equal(column(connection, "INSERT INTO invoices (id, customer, number) OVERRIDING SYSTEM VALUE VALUES (1, 'Acme Inc', 1) "
                + "ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, number = excluded.number RETURNING number"), List.of(1L));
        });

        tried("an updatable ResultSet", () -> {
            try (var statement = connection.createStatement(java.sql.ResultSet.TYPE_FORWARD_ONLY, java.sql.ResultSet.CONCUR_UPDATABLE);
                var rows = statement.executeQuery("SELECT id, customer, number FROM invoices WHERE id = 1")) {
                rows.next();
                rows.updateString("customer", "ACME");
                rows.updateRow();
            }
            equal(column("SELECT number FROM invoices WHERE customer = 'ACME'"), List.of(1L));
        });

        tried("a rollback leaves no hole, of a savepoint neither", () -> {
            refused(() -> transaction(connection, 1, (db, attempt) -> {
                insert(db, "Mill");
                throw new IllegalStateException("declined");
            }));
            equal(transaction(connection, 1, (db, attempt) -> {
                var draft = db.setSavepoint();
                insert(db, "Nut");
                db.rollback(draft);
                return insert(db, "Oak");
            }), List.of(13L));
        });

        tried("at commit: NULL before, the number after", () -> {
            Object id = transaction(connection, 1, (db, attempt) -> {
                Object key = column(db, "INSERT INTO receipts DEFAULT VALUES RETURNING id").get(0);
                equal(column(db, "SELECT number FROM receipts").get(0), null);
                return key;
            });
            equal(column("SELECT number FROM receipts WHERE id = " + id), List.of(1L));
        });

        tried("writing the number: PSQLException, SQLSTATE 428C9", () -> {
            Throwable error = refused(() -> sql("INSERT INTO invoices (customer, number) VALUES ('Pin', 99)"));
            equal(error.getClass(), PSQLException.class);
            equal(state(error), "428C9");
            equal(state(refused(() -> sql("UPDATE invoices SET number = NULL WHERE id = 1"))), "428C9");
        });

        tried("deleting a numbered row: PSQLException, SQLSTATE 23001", () -> {
            equal(state(refused(() -> sql("DELETE FROM invoices WHERE id = 1"))), "23001");
        });

        tried("a batch that fails: BatchUpdateException with the SQLSTATE", () -> {
            Throwable error = refused(() -> {
                try (var statement = connection.createStatement()) {
                    statement.addBatch("DELETE FROM invoices WHERE id = 1");
                    statement.executeBatch();
                }
            });
            equal(error.getClass(), BatchUpdateException.class);
            equal(state(error), "23001");
        });

        tried("40001 is retried, at the INSERT and at COMMIT", () -> {
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            for (String insert : List.of("INSERT INTO invoices (customer) VALUES (gen_random_uuid())", "INSERT INTO receipts DEFAULT VALUES")) {
                int tries = transaction(connection, 5, (db, attempt) -> {
                    column(db, "SELECT count(*) FROM invoices");
                    if (attempt == 1) {
                        sql(insert);
                    }
                    column(db, insert + " RETURNING id");
                    return attempt;
                });
                equal(tries, 2);
            }
            connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        });

        tried("an error that is swallowed: commit() returns, and commits nothing", () -> {
            connection.setAutoCommit(false);
            insert(connection, "Quay");
            refused(() -> column(connection, "DELETE FROM invoices WHERE id = 1 RETURNING id"));
            connection.commit();
            connection.setAutoCommit(true);
            equal(column(connection, "SELECT count(*) FROM invoices WHERE customer = 'Quay'"), List.of(0L));
        });

        tried("the audit finds nothing", Checks::audited);
        finish();
    }
}
