class CreateInvoices < ActiveRecord::Migration[6.1]
  def up
    create_table :invoices do |t|
      t.string :customer, null: false, index: { unique: true }
      t.string :city
      t.bigint :number, null: false, index: { unique: true }
    end
    execute "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)"

    create_table :receipts do |t|
      t.string :customer
      t.bigint :number, index: { unique: true, where: "number IS NOT NULL" }
      t.integer :lock_version, null: false, default: 0
    end
    execute "SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true)"

    create_table :payments do |t|
      t.references :invoice, null: false, foreign_key: true
      t.integer :amount, null: false
    end
  end

  def down
    execute "SELECT gapless.detach_gapless('receipts', 'number'), gapless.detach_gapless('invoices', 'number')"
    drop_table :payments
    drop_table :receipts
    drop_table :invoices
  end
end
