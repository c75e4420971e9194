import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import javax.persistence.EntityManager;
import javax.persistence.EntityManagerFactory;
import javax.persistence.Persistence;
import javax.persistence.PersistenceException;

class Check extends Checks {
    interface Work<T> {
        T run(EntityManager em, int attempt) throws Exception;
    }

    static final Set<String> TRY_AGAIN = Set.of("40001", "40P01");

    static EntityManagerFactory factory;
    static List<String> retried; // the classes of the last error that was

    static <T> T transaction(int attempts, Work<T> work) throws Exception {
        for (int attempt = 1; ; attempt++) {
            EntityManager em = factory.createEntityManager();
            try {
                em.getTransaction().begin();
                T result = work.run(em, attempt);
                em.getTransaction().commit();
                return result;
            } catch (PersistenceException error) {
                if (!TRY_AGAIN.contains(state(error)) || attempt == attempts) {
                    throw error;
                }
                retried = classes(error);
            } finally {
                if (em.getTransaction().isActive()) {
                    em.getTransaction().rollback();
                }
                em.close();
            }
        }
    }

    static Invoice persisted(EntityManager em, String customer) {
        var invoice = new Invoice(customer);
        em.persist(invoice);
        return invoice;
    }

    static Invoice issue(String customer) throws Exception {
        return transaction(1, (em, attempt) -> persisted(em, customer));
    }

    static final String ATTACH = """
        SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
        SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true);
        """;

    static EntityManagerFactory open(String ddl) {
        return Persistence.createEntityManagerFactory("shop", new HashMap<>(Map.of(
            "javax.persistence.jdbc.url", url(DATABASE), "javax.persistence.jdbc.user", USER,
            "javax.persistence.jdbc.password", PASSWORD, "hibernate.hbm2ddl.auto", ddl)));
    }

    static final String SHAPE = """
        SELECT string_agg(concat_ws(' ', n.nspname, c.relname, a.attname, a.atttypid::regtype, a.attnotnull,
            (SELECT count(*) FROM pg_trigger AS t WHERE t.tgrelid = c.oid), (SELECT count(*) FROM pg_index AS i WHERE i.indrelid = c.oid)),
            ', ' ORDER BY n.nspname, c.relname, a.attname)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE n.nspname IN ('public', 'gapless') AND a.attnum > 0
        """;

    public static void main(String[] args) throws Exception {
        library("hibernate", org.hibernate.Version.class.getPackage().getImplementationVersion());
        open("create").close();
        sql(ATTACH);

        tried("hbm2ddl: validate and update leave everything as it is", () -> {
            var before = column(SHAPE);
            open("validate").close();
            open("update").close();
            equal(column(SHAPE), before);
        });

        factory = open("none");

        tried("persist: the number is there", () -> equal(issue("ACME").number, 1L));

        tried("several in one flush: numbers in the order of persist", () -> {
            equal(transaction(1, (em, attempt) -> Stream.of("Bolt", "Cog", "Dyne").map(name -> persisted(em, name)).toList())
                .stream().map(invoice -> invoice.number).toList(), List.of(2L, 3L, 4L));
        });

        tried("update and refresh of a loaded entity", () -> transaction(1, (em, attempt) -> {
            var invoice = em.find(Invoice.class, 1L);
            invoice.customer = "Acme Ltd";
            em.flush();
            em.refresh(invoice);
            equal(List.of(invoice.customer, invoice.number), List.of("Acme Ltd", 1L));
            return null;
        }));

        tried("merge of an entity without its number: it is not written, and not in the object", () -> {
            var stale = new Invoice("Acme Inc");
            stale.id = 1L;
            equal(transaction(1, (em, attempt) -> em.merge(stale)).number, null);
            equal(column("SELECT number FROM invoices WHERE customer = 'Acme Inc'"), List.of(1L));
        });

        tried("a rollback leaves no hole", () -> {
            refused(() -> transaction(1, (em, attempt) -> {
                persisted(em, "Emu");
                throw new IllegalStateException("declined");
            }));
            equal(issue("Emu").number, 5L);
        });

        tried("at commit: NULL before, the number after", () -> {
            Receipt receipt = transaction(1, (em, attempt) -> {
                var made = new Receipt();
                em.persist(made);
                em.flush();
                em.refresh(made);
                equal(made.number, null);
                return made;
            });
            transaction(1, (em, attempt) -> {
                var found = em.find(Receipt.class, receipt.id);
                em.refresh(found);
                equal(found.number, 1L);
                return null;
            });
        });

        tried("writing the number: 428C9", () -> {
            Throwable error = refused(() -> transaction(1, (em, attempt) ->
                em.createNativeQuery("UPDATE invoices SET number = NULL WHERE id = 1").executeUpdate()));
            equal(state(error), "428C9");
            equal(classes(error), List.of("PersistenceException", "SQLGrammarException", "PSQLException"));
        });

        tried("deleting a numbered row: 23001", () -> {
            Throwable error = refused(() -> transaction(1, (em, attempt) -> {
                em.remove(em.find(Invoice.class, 1L));
                return null;
            }));
            equal(state(error), "23001");
            equal(classes(error), List.of("RollbackException", "PersistenceException", "ConstraintViolationException", "BatchUpdateException", "PSQLException"));
        });

        tried("40001 at the INSERT is retried", () -> {
            var tries = new int[1];
            var invoice = transaction(5, (em, attempt) -> {
                tries[0] = attempt;
                em.createNativeQuery("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").executeUpdate();
                em.createNativeQuery("SELECT count(*) FROM invoices").getSingleResult();
                if (attempt == 1) {
                    sql("INSERT INTO invoices (customer) VALUES ('Fizz')");
                }
                return persisted(em, "Gear");
            });
            equal(List.of(invoice.number, tries[0]), List.of(7L, 2));
            equal(retried, List.of("PersistenceException", "LockAcquisitionException", "PSQLException"));
        });

        tried("40001 at COMMIT is retried", () -> {
            equal(transaction(5, (em, attempt) -> {
                em.createNativeQuery("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").executeUpdate();
                em.persist(new Receipt());
                em.flush();
                if (attempt == 1) {
                    sql("INSERT INTO receipts (customer) VALUES ('Hub')");
                }
                return attempt;
            }), 2);
            equal(retried, List.of("RollbackException", "PersistenceException", "TransactionException", "PSQLException"));
        });

        tried("the audit finds nothing", Checks::audited);
        finish();
    }
}
