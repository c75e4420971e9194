require_relative "test_helper"
require "database_cleaner"

class TruncationTest < ActiveSupport::TestCase
  setup { DatabaseCleaner.strategy = :truncation }
  teardown { DatabaseCleaner.clean }

  2.times do |i|
    test "each begins with 1 #{i}" do
      assert_equal 1, Invoice.create!(customer: "ACME").reload.number
      assert_equal 1, Receipt.create!(customer: "ACME").number
      assert_equal 0, unexplained
    end
  end
end

class DeletionTest < ActiveSupport::TestCase
  setup { DatabaseCleaner.strategy = :deletion }

  teardown do
    ActiveRecord::Base.connection.reset_gapless
    DatabaseCleaner.clean
  end

  2.times do |i|
    test "each begins with 1 #{i}" do
      assert_equal 1, Invoice.create!(customer: "ACME").reload.number
      assert_equal 1, Receipt.create!(customer: "ACME").number
      assert_equal 0, unexplained
    end
  end

  test "numbered rows are refused without reset_gapless" do
    Invoice.create!(customer: "ACME")
    error = assert_raises(ActiveRecord::StatementInvalid) { DatabaseCleaner.clean }
    assert_kind_of PG::RestrictViolation, error.cause
  end
end

class TransactionTest < ActiveSupport::TestCase
  setup do
    DatabaseCleaner.strategy = :transaction
    DatabaseCleaner.start
    ActiveRecord::Base.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
  end

  teardown { DatabaseCleaner.clean }

  2.times do |i|
    test "each begins with 1 #{i}" do
      assert_equal 0, Invoice.count
      assert_equal 1, Invoice.create!(customer: "ACME").reload.number
      assert_equal 1, Receipt.create!(customer: "ACME").number
    end
  end
end
