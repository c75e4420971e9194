require_relative "test_helper"

class FixturesTest < ActiveSupport::TestCase
  include ActiveRecord::TestFixtures
  respond_to?(:fixture_paths=) ? self.fixture_paths = ["#{__dir__}/fixtures"] : self.fixture_path = "#{__dir__}/fixtures"
  fixtures :all

  # Number at the INSERT what production numbers at COMMIT: the transaction of a test has none.
  setup { ActiveRecord::Base.connection.execute("SET CONSTRAINTS ALL IMMEDIATE") }

  test "fixtures are numbered" do
    assert_equal [1, 2], [invoices(:acme).number, invoices(:bolt).number]
    assert_equal 1, receipts(:acme).number
    assert_equal invoices(:acme), payments(:deposit).invoice
    assert_equal 0, unexplained
  end

  2.times do |i|
    test "the transaction of test #{i} gives its numbers back" do
      assert_equal 3, Invoice.create!(customer: "Cog").reload.number
      assert_equal 2, Receipt.create!(customer: "Cog").number
      assert_equal 0, unexplained
    end
  end

  test "without that, a receipt has no number, in after_commit either" do
    ActiveRecord::Base.connection.execute("SET CONSTRAINTS ALL DEFERRED")
    assert_nil Receipt.create!(customer: "Cog").number
  end
end
