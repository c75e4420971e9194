# make alone lists the targets. Tools that users of the library never need are pinned in tools/go.mod.
TOOL := go tool -modfile=tools/go.mod
WITHPG := go run ./internal/pgtest/withpg
TIMES ?= 1
# Small disks, a jumping clock and a pooler, where root and Debian's packages faketime and pgbouncer are.
HOST ?= $(shell torture/left-out -host)
FUZZ ?= 20s

.PHONY: help test race matrix torture isolation fuzz vulncheck lint generate verify release migration check-sql examples demo bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## run the tests against a real PostgreSQL, which they find or start
	go test -timeout 30m ./...

race: ## the same with the race detector
	go test -race -timeout 60m ./...

matrix: ## the tests on PostgreSQL 14 to 18, as far as each can be found or fetched (npm)
	tools/matrix

torture: ## faults, crashes and histories, for some minutes; make torture TIMES=100 for hours
	@torture/left-out
	go test -count=1 -timeout 0 ./torture/histories -duration $$((30 * $(TIMES)))s
	go test -count=1 -timeout 0 ./torture/faults $(HOST) -rounds $(TIMES)
	go test -count=1 -timeout 0 -run 'ManyNames|Gigabyte' ./torture/faults -names 1000000
	go test -count=1 -timeout 0 -run 'AcknowledgedSurvives|FlusherThatEnds|CutConnection' -crashes $$((50 * $(TIMES))) .
	go test -count=$(TIMES) -timeout 0 -run 'FailOver|LostAnswer|Restore|PgUpgrade|RecoveryTo|DetachedConcurrently' . ./stdlib

isolation: ## who waits and who fails, for each pair of operations, by PostgreSQL's isolation tester; or make isolation SPECS=^made-
	tester=$$(torture/isolation/install) && GAPLESS_ISOLATIONTESTER=$$tester go test -count=1 -timeout 30m -parallel 6 $(if $(SPECS),-run 'TestEachSpec/$(SPECS)') ./torture/isolation

fuzz: ## what parses, each for 20 s; make fuzz FUZZ=10m for longer
	for target in FuzzNamesOfSequences FuzzNumbersInTexts FuzzExpressions FuzzIdentifiers; do \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) . || exit; done
	for target in FuzzCells FuzzThousands; do \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) ./cmd/gapless || exit; done
	go test -run '^$$' -fuzz '^FuzzMessages$$' -fuzztime $(FUZZ) ./internal/pgproxy

vulncheck: ## known vulnerabilities in what is used, by vuln.go.dev; or make vulncheck VULNDB=file:///a/copy
	$(TOOL) govulncheck $(if $(VULNDB),-db $(VULNDB)) ./...

lint: ## golangci-lint (.golangci.yml), and shellcheck if it is installed
	$(TOOL) golangci-lint run ./...
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run .ci/image/* tools/verify tools/snapshot examples/run examples/install tools/matrix tools/postgres torture/left-out torture/isolation/install; fi

generate: ## write what is generated: sqlc's Go, the single-file install
	$(TOOL) sqlc generate
	{ echo '\set ON_ERROR_STOP on' && go run ./cmd/gapless migrate print; } >sql/gapless.sql.new
	mv sql/gapless.sql.new sql/gapless.sql

verify: ## fail if something generated is not what it is generated from
	tools/verify

release: generate ## freeze the functions' snapshot; RELEASING.md has the steps around it
	tools/snapshot freeze
	tools/verify

migration: ## begin the next migration of the functions: the first change after a release
	tools/snapshot begin

check-sql: ## plpgsql_check over every function (Debian: postgresql-15-plpgsql-check)
	$(WITHPG) sh -c 'psql --no-psqlrc -q -f tools/plpgsql_check.sql "$$GAPLESS_DATABASE_URL"'

examples: ## run the examples of other stacks (examples/install installs their drivers)
	$(WITHPG) examples/run

demo: ## see gapless numbering at work
	go run ./cmd/gapless demo

bench: ## measure against the peers and the aims, in about 25 minutes: bench/RESULTS.md
	go run ./bench
