require_relative "test_helper"
require "active_record/test_databases"

ENV["PARALLEL_WORKERS"] = "2" # also for this few tests

# What Rails does by config/application.rb.
(ActiveRecord.respond_to?(:schema_format=) ? ActiveRecord : ActiveRecord::Base).schema_format = :sql
ActiveRecord::Tasks::DatabaseTasks.db_dir = ENV.fetch("DB_DIR")
ActiveRecord::Tasks::DatabaseTasks.root = ENV.fetch("DB_DIR")
ActiveRecord::Tasks::DatabaseTasks.structure_load_flags = ["--output", File::NULL]

class ParallelTest < ActiveSupport::TestCase
  include ActiveRecord::TestFixtures
  respond_to?(:fixture_paths=) ? self.fixture_paths = ["#{__dir__}/fixtures"] : self.fixture_path = "#{__dir__}/fixtures"
  fixtures :all
  parallelize(workers: 2)

  4.times do |i|
    test "worker's database #{i}" do
      assert_match(/_test-\d\z/, ActiveRecord::Base.connection.current_database)
      assert_equal [1, 2], [invoices(:acme).number, invoices(:bolt).number]
      assert_equal 3, Invoice.create!(customer: "Cog").reload.number
      sleep 0.2
    end
  end
end
