module example.com/bob

go 1.26.0

require (
	github.com/aarondl/opt v0.0.0-20250607033636-982744e1bd65
	github.com/jackc/pgx/v5 v5.12.0
	github.com/pggapless/gapless v0.0.0
	github.com/stephenafamo/bob v0.41.1
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/qdm12/reprint v0.0.0-20200326205758-722754a53494 // indirect
	github.com/stephenafamo/scan v0.7.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/pggapless/gapless => ../../..
