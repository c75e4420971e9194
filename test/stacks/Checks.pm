package Checks;    # what the checks in Perl share
use v5.32;
use warnings;
use Exporter 'import';
use File::Basename 'dirname';
use JSON::PP;

our @EXPORT = qw(connection url gapless_sql library tried equal refused);
our $failed = 0;

STDOUT->autoflush;
alarm 300;

sub url { $ENV{GAPLESS_DATABASE_URL} }

# The arguments of DBI's connect. libpq takes a URL in place of the list of names and values.
sub connection { ('dbi:Pg:' . url(), undef, undef, {AutoCommit => 1, RaiseError => 1, PrintError => 0, @_}) }

# sql/gapless.sql: one statement.
sub gapless_sql {
    open my $file, '<:encoding(UTF-8)', $ENV{GAPLESS_SQL} // dirname(__FILE__) . '/../../sql/gapless.sql' or die $!;
    local $/;
    return <$file>;
}

sub library {
    my ($name, $version) = @_;
    say join "\t", 'library', $name, $version;
}

# Prints ok, or with what its block died.
sub tried {
    my ($what, $block) = @_;
    if (eval { $block->(); 1 }) {
        say "ok\t$what";
        return;
    }
    my $error = $@;
    $failed = 1;
    say "FAIL\t$what\t", substr join(' ', split ' ', $error), 0, 1000;
}

sub equal {
    my ($seen, $wanted) = map { JSON::PP->new->allow_nonref->canonical->encode($_) } @_;
    s/"(\d+)"/$1/g for $seen, $wanted;    # a driver's numbers can be strings
    die "$seen, not $wanted\n" if $seen ne $wanted;
}

# What a block dies with.
sub refused {
    my ($block) = @_;
    return $@ unless eval { $block->(); 1 };
    die "not refused\n";
}

END { $? ||= $failed }

1;
