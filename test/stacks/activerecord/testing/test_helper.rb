require "active_record"
require "active_support/test_case"
require "minitest/autorun"

# What Rails does by config/database.yml.
ENV["RAILS_ENV"] = "test"
ActiveRecord::Base.configurations = { "test" => { "adapter" => "postgresql", "url" => ENV.fetch("DATABASE_URL") } }
ActiveRecord::Base.establish_connection

class Invoice < ActiveRecord::Base
  attr_readonly :number
  has_many :payments
end

class Receipt < ActiveRecord::Base
  attr_readonly :number
  after_create_commit :reload
end

class Payment < ActiveRecord::Base
  belongs_to :invoice
end

module StartOver
  def reset_gapless
    execute("SELECT gapless.reset_gapless('%\\_test%')")
  end

  # Cleaners do it, and Rails, with the databases of parallel tests.
  def truncate_tables(...)
    reset_gapless
    super
  end

  # Fixtures and cleaners switch all triggers off. Switch on again what is not a foreign key: the numbering.
  def disable_referential_integrity
    super do
      tables.each { |table| execute("ALTER TABLE #{quote_table_name(table)} ENABLE TRIGGER USER") }
      yield
    end
  end
end
ActiveRecord::ConnectionAdapters::PostgreSQLAdapter.prepend(StartOver)

# Fixtures of the run before could not be deleted.
ActiveRecord::Base.connection.reset_gapless

class ActiveSupport::TestCase
  def unexplained
    ActiveRecord::Base.connection.select_value("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained")
  end
end
