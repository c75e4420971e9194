# What the checks in Ruby share.
require "timeout"

URL = ENV.fetch("GAPLESS_DATABASE_URL")
GAPLESS_SQL = ENV["GAPLESS_SQL"] || File.expand_path("../../sql/gapless.sql", __dir__) # one statement

$stdout.sync = true
at_exit { exit!(1) if $failed && !$! }

def library(name, version)
  puts "library\t#{name}\t#{version}"
end

# Prints ok, or what its block raised.
def tried(what, &block)
  Timeout.timeout(120, &block)
  puts "ok\t#{what}"
rescue StandardError => error
  $failed = true
  puts "FAIL\t#{what}\t#{error.class}: #{error.message.split.join(" ")[0, 1000]}"
  warn error.message, error.backtrace.grep(/#{__dir__}/)
end

def equal(seen, wanted)
  raise "#{seen.inspect}, not #{wanted.inspect}" unless seen == wanted
end

# The error that a block raises.
def refused
  value = yield
rescue StandardError => error
  error
else
  raise "not refused, but #{value.inspect}"
end
