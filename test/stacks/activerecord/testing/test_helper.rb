require "active_record"
require "active_support/test_case"
require "minitest/autorun"

ActiveRecord::Base.establish_connection(ENV.fetch("DATABASE_URL"))

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

# Fixtures and cleaners switch all triggers off. Switch on again what is not a foreign key: the numbering.
ActiveRecord::ConnectionAdapters::PostgreSQLAdapter.prepend(Module.new do
  def disable_referential_integrity
    super do
      tables.each { |table| execute("ALTER TABLE #{quote_table_name(table)} ENABLE TRIGGER USER") }
      yield
    end
  end
end)

# Numbered rows of the run before cannot be deleted. Start over, before fixtures are loaded.
def reset_gapless
  ActiveRecord::Base.connection.execute("SELECT gapless.reset_gapless('%\\_test%')")
end
reset_gapless

class ActiveSupport::TestCase
  def unexplained
    ActiveRecord::Base.connection.select_value("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained")
  end
end
