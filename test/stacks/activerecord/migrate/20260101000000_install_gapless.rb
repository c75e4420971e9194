class InstallGapless < ActiveRecord::Migration[6.1]
  def up
    execute File.read(GAPLESS_SQL)
  end

  def down
    raise ActiveRecord::IrreversibleMigration
  end
end
