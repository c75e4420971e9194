require_relative "../checks"
require "active_record"
require "open3"
require "tmpdir"
require "uri"

library "ActiveRecord", ActiveRecord.version
library "DatabaseCleaner", Gem::Specification.find_by_name("database_cleaner").version if ActiveRecord.version < Gem::Version.new("7")

Tasks = ActiveRecord::Tasks::DatabaseTasks
ENV["VERBOSE"] = "false"
ActiveRecord::Migration.verbose = false
tester = "stack_activerecord" # owns the test database, and is no superuser
database = lambda do |suffix, user|
  uri = URI(URL)
  uri.path += suffix
  uri.user = user if user
  uri.to_s
end
databases = {
  "development" => database.("_development", nil), "test" => database.("_test", tester), "superuser" => database.("_test", nil)
}
ActiveRecord::Base.configurations = databases.transform_values { |url| { "adapter" => "postgresql", "url" => url } }
Tasks.env = "development"
Tasks.db_dir = Tasks.root = Dir.mktmpdir
Tasks.structure_load_flags = ["--output", File::NULL]
ActiveRecord::Migrator.migrations_paths = [File.join(__dir__, "migrate")]
development, test = ActiveRecord::Base.configurations.configurations

class Invoice < ActiveRecord::Base
  attr_readonly :number
end

class Receipt < ActiveRecord::Base
  attr_readonly :number
  after_create_commit :reload
end

def value(sql)
  ActiveRecord::Base.connection.select_value(sql)
end

def sqlstate(error)
  error.cause.result.error_field(PG::Result::PG_DIAG_SQLSTATE)
end

def unexplained
  value("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained")
end

# What Rails 7 calls partial_updates was partial_writes, which is for INSERT, too.
def partial_updates(model, value)
  model.send(model.respond_to?(:partial_updates=) ? :partial_updates= : :partial_writes=, value)
end

# Runs a block in a session of its own.
def elsewhere(&block)
  Thread.new { ActiveRecord::Base.connection_pool.with_connection(&block) }.join
end

def drop(*names)
  ActiveRecord::Base.establish_connection(URL)
  names.each { |name| ActiveRecord::Base.connection.execute(%(DROP DATABASE IF EXISTS "#{name}" WITH (FORCE))) }
end
made = [development.database, *["", "-0", "-1"].map { |suffix| test.database + suffix }] # the latter for parallel tests
drop(*made)
at_exit { drop(*made) }
Tasks.create(development)
ActiveRecord::Base.establish_connection(:development)

tried "a migration runs sql/gapless.sql" do
  Tasks.migrate
  equal value("SELECT count(*) FROM gapless.columns"), 2
end

tried "it runs again in a transaction" do
  ActiveRecord::Base.transaction { ActiveRecord::Base.connection.execute(File.read(GAPLESS_SQL)) }
  equal value("SELECT count(*) FROM gapless.columns"), 2
end

tried "create leaves the number nil, reload reads it" do
  invoice = Invoice.create!(customer: "ACME")
  equal [invoice.number, invoice.reload.number], [nil, 1]
end

tried "create of every column sends NULL, which is numbered" do
  Invoice.respond_to?(:partial_inserts=) ? Invoice.partial_inserts = false : Invoice.partial_writes = false
  equal Invoice.create!(customer: "Bolt").reload.number, 2
end

tried "insert_all returns the numbers in order" do
  rows = %w[Cog Dyne Echo].map { |customer| { customer: customer } }
  equal Invoice.insert_all!(rows, returning: %w[customer number]).rows, [["Cog", 3], ["Dyne", 4], ["Echo", 5]]
end

tried "upsert_all of new rows, and of rows that are there" do
  rows = [{ customer: "Echo", city: "Rome" }, { customer: "Fox", city: "Rome" }]
  equal Invoice.upsert_all(rows, unique_by: :customer, returning: %w[customer number]).rows, [["Echo", 5], ["Fox", 6]]
end

tried "upsert_all of a loaded row with its number" do
  rows = [Invoice.find_by!(customer: "Fox").attributes.merge("customer" => "Foxtrot")]
  equal Invoice.upsert_all(rows, returning: %w[customer number]).rows, [["Foxtrot", 6]]
end

tried "save of a loaded row" do
  invoice = Invoice.find_by!(number: 1)
  invoice.update!(customer: "Acme Ltd")
  equal invoice.reload.attributes.values_at("customer", "number"), ["Acme Ltd", 1]
end

tried "save of a stale row that has no number yet" do
  invoice = Invoice.create!(customer: "Golf")
  invoice.update!(customer: "Golf Ltd")
  equal [invoice.number, invoice.reload.number], [nil, 7]
end

tried "save of every column of a stale row: attr_readonly leaves the number out, else 428C9" do
  equal partial_updates(Invoice, false), false
  invoice = Invoice.create!(customer: "Hotel")
  invoice.update!(customer: "Hotel Ltd")
  equal invoice.reload.number, 8
  writable = Class.new(ActiveRecord::Base) { self.table_name = "invoices" }
  partial_updates(writable, false)
  invoice = writable.create!(customer: "India")
  equal sqlstate(refused { invoice.update!(customer: "India Ltd") }), "428C9"
  equal invoice.reload.update!(customer: "India Ltd"), true
end

tried "dup has the number, too: 23505 until it is nil" do
  copy = Invoice.find_by!(number: 8).dup
  copy.customer = "Hotel Two"
  equal sqlstate(refused { copy.save! }), "23505"
  copy.number = nil
  copy.save!
  equal copy.reload.number, 10
end

tried "create_or_find_by of a row that is there leaves no hole" do
  equal Invoice.create_or_find_by!(customer: "Echo").number, 5
  equal Invoice.create_or_find_by!(customer: "Juliett").reload.number, 11
end

tried "after_create :reload reads the number, and forgets saved_changes" do
  model = Class.new(Invoice) { after_create :reload }
  invoice = model.create!(customer: "Kilo")
  equal [invoice.number, invoice.saved_changes], [12, {}]
end

tried "a rollback leaves no hole" do
  Invoice.transaction do
    Invoice.create!(customer: "Lima")
    raise ActiveRecord::Rollback
  end
  equal Invoice.create!(customer: "Lima").reload.number, 13
end

tried "a rollback to a savepoint leaves no hole" do
  Invoice.transaction do
    Invoice.transaction(requires_new: true) do
      Invoice.create!(customer: "Mike")
      raise ActiveRecord::Rollback
    end
    equal Invoice.create!(customer: "Mike").reload.number, 14
  end
end

tried "at commit: nil in the transaction, the number in after_commit" do
  receipt = nil
  Receipt.transaction do
    receipt = Receipt.create!(customer: "ACME")
    equal receipt.reload.number, nil
  end
  equal receipt.number, 1
end

tried "writing a number: StatementInvalid, 428C9" do
  error = refused { Invoice.create!(customer: "Romeo", number: 99) }
  equal [error.class, error.cause.class, sqlstate(error)], [ActiveRecord::StatementInvalid, PG::GeneratedAlways, "428C9"]
end

tried "writing a number that is there: RecordNotUnique, 23505" do
  error = refused { Invoice.create!(customer: "Romeo", number: 1) }
  equal [error.class, sqlstate(error)], [ActiveRecord::RecordNotUnique, "23505"]
end

tried "changing a number: 428C9 by update_all, nothing or ReadonlyAttributeError by save" do
  error = refused { Invoice.where(number: 1).update_all(number: 99) }
  equal [error.class, sqlstate(error)], [ActiveRecord::StatementInvalid, "428C9"]
  begin
    Invoice.find_by!(number: 1).update!(number: 99)
  rescue ActiveRecord::ActiveRecordError => error
    equal error.class.name, "ActiveRecord::ReadonlyAttributeError"
  end
  equal Invoice.where(number: 99).count, 0
end

tried "deleting a numbered row: StatementInvalid, 23001" do
  error = refused { Invoice.find_by!(number: 1).destroy! }
  equal [error.class, error.cause.class, sqlstate(error)], [ActiveRecord::StatementInvalid, PG::RestrictViolation, "23001"]
end

tried "REPEATABLE READ: SerializationFailure, 40001, and a retry" do
  attempts = 0
  begin
    Invoice.transaction(isolation: :repeatable_read) do
      attempts += 1
      Invoice.count
      elsewhere { Invoice.create!(customer: "Oscar") } if attempts == 1
      Invoice.create!(customer: "Papa")
    end
  rescue ActiveRecord::TransactionRollbackError => error
    equal [error.class, sqlstate(error)], [ActiveRecord::SerializationFailure, "40001"]
    retry
  end
  equal [attempts, Invoice.order(:number).last(2).map(&:customer)], [2, %w[Oscar Papa]]
end

tried "at commit, the same by COMMIT; the record is new again, and can be saved" do
  receipt = Receipt.new(customer: "Bolt")
  attempts = 0
  begin
    Receipt.transaction(isolation: :repeatable_read) do
      attempts += 1
      receipt.save!
      elsewhere { Receipt.create!(customer: "Cog") } if attempts == 1
    end
  rescue ActiveRecord::TransactionRollbackError
    equal receipt.new_record?, true
    retry
  end
  equal [attempts, receipt.number], [2, 3]
end

tried "at commit with lock_version: numbering makes no row stale; a stale one is tried again" do
  receipt = Receipt.find_by!(number: 1)
  equal receipt.lock_version, 0
  begin
    Receipt.find(receipt.id).update!(customer: "Acme Ltd") if receipt.lock_version == 0
    receipt.update!(customer: "Acme Inc")
  rescue ActiveRecord::StaleObjectError
    receipt.reload
    retry
  end
  equal receipt.reload.attributes.values_at("customer", "number", "lock_version"), ["Acme Inc", 1, 2]
end

tried "a series that is held: LockWaitTimeout, 55P03" do
  Invoice.transaction do
    Invoice.create!(customer: "Quebec")
    elsewhere do |connection|
      error = refused do
        Invoice.transaction do
          Invoice.connection.execute("SET LOCAL lock_timeout = '100ms'")
          Invoice.create!(customer: "November")
        end
      end
      equal [error.class, sqlstate(error)], [ActiveRecord::LockWaitTimeout, "55P03"]
    end
    raise ActiveRecord::Rollback
  end
end

tried "the audit explains everything" do
  equal unexplained, 0
end

tried "schema.rb has the tables, and nothing that numbers them" do
  Tasks.dump_schema(development, :ruby)
  dump = File.read(File.join(Tasks.db_dir, "schema.rb"))
  equal [dump.include?('create_table "invoices"'), dump.include?("gapless_")], [true, false]
end

structure = File.join(Tasks.db_dir, "structure.sql")

tried "structure.sql with a schema_search_path: dump_schemas = :all" do
  hash = development.configuration_hash.merge(schema_search_path: "public")
  config = ActiveRecord::DatabaseConfigurations::HashConfig.new("development", "primary", hash)
  settings = ActiveRecord.respond_to?(:dump_schemas) ? ActiveRecord : ActiveRecord::Base
  dumps = [settings.dump_schemas, :all].map do |schemas|
    settings.dump_schemas = schemas
    Tasks.dump_schema(config, :sql)
    File.read(structure).include?("CREATE FUNCTION gapless.next_gapless")
  end
  equal dumps, [false, true]
end

tried "structure.sql, in a new database: the version is there, columns number, PUBLIC may call what it may not elsewhere" do
  public = "SELECT has_function_privilege('public', oid, 'EXECUTE') FROM pg_proc WHERE proname = 'next_gapless'"
  version = value("SELECT gapless.version_gapless()")
  equal value(public), false
  Tasks.dump_schema(development, :sql)
  connection = ActiveRecord::Base.connection
  connection.execute("CREATE ROLE #{tester} LOGIN CREATEDB") unless value("SELECT to_regrole('#{tester}')")
  connection.execute("CREATE DATABASE #{test.database} OWNER #{tester}")
  Tasks.load_schema(test, :sql, structure)
  ActiveRecord::Base.establish_connection(:test)
  equal value("SELECT gapless.version_gapless()"), version
  equal value("SELECT count(*) FROM gapless.columns"), 2
  equal [Invoice.create!(customer: "ACME").reload.number, Receipt.create!(customer: "ACME").number], [1, 1]
  equal unexplained, 0
  equal value(public), true
end

tried "db:truncate_all: refused with 23001, as superuser not; nothing is explained then, until reset_gapless" do
  ActiveRecord::Base.establish_connection(:test)
  equal sqlstate(refused { ActiveRecord::Base.connection.truncate_tables("invoices", "payments") }), "23001"
  ActiveRecord::Base.establish_connection(:superuser)
  ActiveRecord::Base.connection.truncate_tables("invoices", "payments")
  equal [Invoice.count, unexplained > 0, Invoice.create!(customer: "ACME").reload.number], [0, true, 2]
  value("SELECT gapless.reset_gapless('%\\_test%')")
  equal [unexplained, Invoice.create!(customer: "ACME").reload.number], [0, 1]
end

tried "db:rollback and db:migrate: the series goes on where it was, and the audit misses the rows that were dropped" do
  ActiveRecord::Base.establish_connection(:development)
  last = Invoice.maximum(:number)
  pool = ActiveRecord::Base.connection_pool
  (pool.respond_to?(:migration_context) ? pool : ActiveRecord::Base.connection).migration_context.rollback
  Tasks.migrate
  equal [Invoice.create!(customer: "ACME").reload.number, unexplained > 0], [last + 1, true]
end

# Runs a test of the folder testing.
def tests(file, url)
  output, status = Open3.capture2e({ "DATABASE_URL" => url, "DB_DIR" => Tasks.db_dir }, "ruby", File.join(__dir__, "testing", file))
  raise output.lines.grep_v(/usr/).join unless status.success? && output.match?(/^[1-9]\d* runs/)
end

databases.slice("test", "superuser").each do |name, url|
  role = name == "test" ? "the owner" : "a superuser"
  tried("tests of #{role}: fixtures, transactional tests, numbers at commit; a second time") do
    2.times { tests("fixtures_test.rb", url) }
  end
  tried("tests of #{role}: in parallel, in a database for each worker; a second time") do
    2.times { tests("parallel_test.rb", url) }
  end
  next if ActiveRecord.version >= Gem::Version.new("7")

  tried("tests of #{role}: DatabaseCleaner by truncation, deletion, transaction; a second time") do
    2.times { tests("cleaner_test.rb", url) }
  end
end
