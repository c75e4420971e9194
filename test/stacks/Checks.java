import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** What the checks in Java share. */
class Checks {
    interface Body {
        void run() throws Exception;
    }

    interface With<T> {
        void run(T value) throws Exception;
    }

    static final URI SERVER = URI.create(System.getenv("GAPLESS_DATABASE_URL"));
    static final String DATABASE = SERVER.getPath().substring(1);
    static final String USER = SERVER.getUserInfo() == null ? System.getProperty("user.name") : SERVER.getUserInfo().split(":")[0];
    static final String PASSWORD = SERVER.getUserInfo() == null || !SERVER.getUserInfo().contains(":") ? "" : SERVER.getUserInfo().split(":", 2)[1];

    private static boolean failed;

    /** The text of sql/gapless.sql: one statement. */
    static String install() throws Exception {
        return Files.readString(Path.of(System.getenv("GAPLESS_SQL")));
    }

    static String url(String database) {
        return "jdbc:postgresql://" + SERVER.getHost() + ":" + (SERVER.getPort() < 0 ? 5432 : SERVER.getPort()) + "/" + database;
    }

    static Connection connect() throws SQLException {
        return DriverManager.getConnection(url(DATABASE), USER, PASSWORD);
    }

    static void sql(String sql) throws SQLException {
        try (var connection = connect(); var statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** The first column of what a query gives. */
    static List<Object> column(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); var rows = statement.executeQuery(sql)) {
            var values = new ArrayList<>();
            while (rows.next()) {
                values.add(rows.getObject(1));
            }
            return values;
        }
    }

    static List<Object> column(String sql) throws SQLException {
        try (var connection = connect()) {
            return column(connection, sql);
        }
    }

    static void library(String name, String version) {
        System.out.println("library\t" + name + "\t" + version);
    }

    /** Prints ok, or what the body threw. */
    static void tried(String what, Body body) {
        try {
            body.run();
            System.out.println("ok\t" + what);
        } catch (Throwable error) {
            failed = true;
            String why = error.toString().replaceAll("\\s+", " ");
            System.out.println("FAIL\t" + what + "\t" + why.substring(0, Math.min(why.length(), 1000)));
            error.printStackTrace();
        }
    }

    /** What the body throws. */
    static Throwable refused(Body body) {
        try {
            body.run();
        } catch (Throwable error) {
            return error;
        }
        throw new AssertionError("not refused");
    }

    /** The SQLSTATE of an error, or of the one that caused it. */
    static String state(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof SQLException refusal) {
                return refusal.getSQLState();
            }
        }
        return "none: " + error;
    }

    /** The classes of an error and of what caused it. */
    static List<String> classes(Throwable error) {
        var names = new ArrayList<String>();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            names.add(cause.getClass().getSimpleName());
        }
        return names;
    }

    static void equal(Object seen, Object wanted) {
        if (!Objects.equals(seen, wanted)) {
            throw new AssertionError(seen + ", not " + wanted);
        }
    }

    /** Runs the body in an empty database. */
    static void fresh(With<Connection> body) throws Exception {
        String name = DATABASE + "_fresh";
        sql("DROP DATABASE IF EXISTS " + name);
        sql("CREATE DATABASE " + name);
        try (var connection = DriverManager.getConnection(url(name), USER, PASSWORD)) {
            body.run(connection);
        } finally {
            sql("DROP DATABASE " + name + " WITH (FORCE)");
        }
    }

    /** The numbers of all series are whole. */
    static void audited() throws SQLException {
        equal(column("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained"), List.of(0L));
    }

    static void finish() {
        System.exit(failed ? 1 : 0);
    }
}
