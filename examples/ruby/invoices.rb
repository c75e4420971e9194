#!/usr/bin/env ruby
# Issues invoices from several threads by ActiveRecord, with failures in between, and proves that no number is missing.
#
#     GAPLESS_DATABASE_URL=postgres://… ruby invoices.rb            numbers from gapless
#     GAPLESS_DATABASE_URL=postgres://… ruby invoices.rb --native   numbers from nextval(): see the holes
#
# Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.
require "active_record"
require "pg"
require "securerandom"

NATIVE = ARGV.include?("--native")
WORKERS, ORDERS, BATCH, ATTEMPTS = 8, 24, 3, 100 # ORDERS for each worker, a multiple of 6: see issue

class Invoice < ActiveRecord::Base
  self.table_name = "example_ruby.invoices"
  attr_readonly :number # is PostgreSQL's
end

# The application's own error: the payment was refused, so there is no invoice.
Declined = Class.new(StandardError)

def connection
  Invoice.connection # this thread's, made anew after it was lost
end

# Runs a block in a transaction, and again when that is right.
def transaction(seen, isolation: nil)
  attempt = 1
  begin
    committing = false
    used = connection
    Invoice.transaction(isolation: isolation) do
      yield attempt
      committing = true
    end
  rescue ActiveRecord::ActiveRecordError => error
    rolled_back = error.is_a?(ActiveRecord::TransactionRollbackError) # 40001 and 40P01
    # Lost before COMMIT was sent: PostgreSQL has rolled back, and the number with it, so trying again is safe. Lost
    # during COMMIT: nobody knows. Then look the row up by a key of your own; never just try again.
    raise if attempt == ATTEMPTS || !rolled_back && (committing || used.active?)

    seen << (rolled_back ? "retries after #{error.class.name.demodulize}" : "connections lost")
    connection.verify! # connects again, if need be
    sleep rand * [0.05, 0.001 * 2**attempt].min
    attempt += 1
    retry
  end
end

def issue(order, seen)
  kind = order % 6
  # REPEATABLE READ raises 40001 when a number was given out after this transaction's snapshot.
  transaction(seen, isolation: kind == 3 ? :repeatable_read : nil) do |attempt|
    if kind == 1 # several at once are one INSERT
      Invoice.insert_all!(Array.new(BATCH) { { order_id: order } })
      next
    end
    if kind == 2 # rolling back to a savepoint gives back the number, and the lock
      Invoice.transaction(requires_new: true) do
        Invoice.create!(order_id: order)
        raise ActiveRecord::Rollback
      end
      seen << "savepoints rolled back"
    end
    invoice = Invoice.create!(order_id: order).reload
    if kind == 4 && attempt == 1 # an administrator ends this backend; the next statement notices
      pid = connection.select_value("SELECT pg_backend_pid()")
      kill(pid)
      invoice.reload
    end
    raise Declined if kind == 5
  end
rescue Declined
  seen << "orders declined"
end

# Waits for the backend's end, so no COMMIT can slip through.
def kill(pid)
  Thread.new do
    Invoice.connection_pool.with_connection { |other| other.execute("SELECT pg_terminate_backend(#{pid}, 5000)") }
  end.join
end

def worker(index)
  seen = []
  (index * ORDERS...(index + 1) * ORDERS).each { |order| issue(order, seen) }
  seen
end

def make_tables
  connection.execute("DROP SCHEMA IF EXISTS example_ruby CASCADE; CREATE SCHEMA example_ruby")
  connection.execute("CREATE SEQUENCE example_ruby.native")
  connection.create_table(Invoice.table_name) do |t|
    t.integer :order_id, null: false
    t.bigint :number, null: false, default: (-> { "nextval('example_ruby.native')" } if NATIVE)
    t.index :number, unique: true
  end
  Invoice.new # has ActiveRecord read the table before there are threads
  return if NATIVE

  # A new series for each run: an old one would go on with the next number.
  series = connection.quote("invoice-#{SecureRandom.uuid}")
  connection.execute("SELECT gapless.attach_gapless('example_ruby.invoices', 'number', name => $$ #{series} $$)")
end

def main
  url = ENV["GAPLESS_DATABASE_URL"] or abort_with("GAPLESS_DATABASE_URL is not set: postgres://user@host/database")
  # An application says `url: url`, in database.yml. libpq knows more of them, as for a Unix socket.
  settings = PG::Connection.conninfo_parse(url).to_h { |setting| [setting[:keyword].to_sym, setting[:val]] }.compact
  ActiveRecord::Base.establish_connection(adapter: "postgresql", pool: 2 * WORKERS + 1, **settings)
  make_tables
  seen = Array.new(WORKERS) { |index| Thread.new { worker(index) } }.flat_map(&:value).tally
  puts "seen: #{seen.sort.map { |what, n| "#{n} #{what}" }.join(", ")}"
  numbers = Invoice.pluck(:number)
  count, min, max = numbers.size, *numbers.minmax
  holes, doubles = max - numbers.uniq.size, count - numbers.uniq.size
  expected = WORKERS * ORDERS / 6 * (4 + BATCH) # of six orders, one is declined and one is a batch
  good = [count, min, max, holes, doubles] == [expected, 1, expected, 0, 0]
  puts "count=#{count} min=#{min} max=#{max} holes=#{holes} doubles=#{doubles}"
  puts "#{good ? "gapless" : "NOT gapless"}: expected #{expected} invoices, numbered 1 to #{expected}"
  good ? 0 : 1
end

def abort_with(message)
  warn message
  exit 2
end

begin
  exit main
rescue ActiveRecord::ActiveRecordError => error
  case error.cause
  when PG::InvalidSchemaName, PG::UndefinedFunction
    abort_with("#{error.message}Install gapless: psql \"$GAPLESS_DATABASE_URL\" -f sql/gapless.sql")
  when PG::InsufficientPrivilege
    abort_with("#{error.message}The role needs CREATE on this database, to own schema example_ruby if it is there, " \
      "and to own schema gapless, or the rights of docs/cookbook.md#letting-another-role-attach-its-tables")
  else
    abort_with(error.message)
  end
end
