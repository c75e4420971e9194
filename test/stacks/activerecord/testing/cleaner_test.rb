require_relative "test_helper"
require "database_cleaner"

class CleanerTest < ActiveSupport::TestCase
  %i[truncation deletion].each do |strategy|
    2.times do |i|
      test "#{strategy} #{i}" do
        DatabaseCleaner.strategy = strategy
        DatabaseCleaner.start
        assert_equal 1, Invoice.create!(customer: "ACME").reload.number
        assert_equal 1, Receipt.create!(customer: "ACME").number

        error = assert_raises(ActiveRecord::StatementInvalid) { DatabaseCleaner.clean }
        assert_kind_of PG::RestrictViolation, error.cause
        reset_gapless
        DatabaseCleaner.clean
        assert_equal 0, unexplained
      end
    end
  end

  2.times do |i|
    test "transaction #{i}" do
      DatabaseCleaner.strategy = :transaction
      DatabaseCleaner.start
      ActiveRecord::Base.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
      assert_equal 1, Invoice.create!(customer: "ACME").reload.number
      assert_equal 1, Receipt.create!(customer: "ACME").number
      DatabaseCleaner.clean
      assert_equal 0, Invoice.count
    end
  end
end
