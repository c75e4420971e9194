Sequel.migration do
  up do
    create_table(:invoices) do
      primary_key :id, type: :Bignum
      String :customer, null: false, unique: true
      Bignum :number, null: false, unique: true
    end
    run "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)"

    create_table(:receipts) do
      primary_key :id, type: :Bignum
      String :customer
      Bignum :number
      index :number, unique: true, where: Sequel.lit("number IS NOT NULL")
    end
    run "SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true)"
  end

  down do
    run "SELECT gapless.detach_gapless('receipts', 'number'), gapless.detach_gapless('invoices', 'number')"
    drop_table :receipts, :invoices
  end
end
