Sequel.migration do
  up { run File.read(GAPLESS_SQL) }
  down { raise Sequel::Error, "there is no way back" }
end
