# make alone lists the targets. Tools that users of the library never need are pinned in tools/go.mod, and built into bin/.
WITHPG := go run ./internal/pgtest/withpg
MODULES := ./... ./metrics/... ./migrate/... ./cmd/gapless/... ./bench/... ./test/... ./examples/go/...
TIMES ?= 1
# Small disks, a jumping clock and a pooler, where root and Debian's packages faketime and pgbouncer are.
HOST ?= $(shell test/left-out -host)
FUZZ ?= 20s

.PHONY: help build check test race matrix torture isolation fuzz vulncheck lint tidy generate verify release migration check-sql check-sqlc examples stacks demo bench packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the command line as bin/gapless, without the symbols that go install leaves in
	go build -trimpath -ldflags='-s -w' -o bin/gapless ./cmd/gapless

check: bin/golangci-lint ## what a change needs, in a minute: build, lint, and the tests of the packages that it touches
	tools/check

test: ## run the tests against a real PostgreSQL, which they find or start
	go test -timeout 30m work

race: ## the same with the race detector
	go test -race -timeout 60m work

matrix: ## the tests on PostgreSQL 14 to 18, as far as each can be found or fetched (npm)
	tools/matrix

torture: ## faults, crashes and histories, for some minutes; make torture TIMES=100 for hours
	@test/left-out
	go test -count=1 -timeout 0 ./test/histories -duration $$((30 * $(TIMES)))s
	go test -count=1 -timeout 0 -run TablesChangeAndOthersWrite ./test/audit -duration $$((30 * $(TIMES)))s
	go test -count=1 -timeout 0 ./test/faults $(HOST) -rounds $(TIMES)
	go test -count=1 -timeout 0 -run 'ManyNames|Gigabyte' ./test/faults -names 1000000
	go test -count=1 -timeout 0 -run 'AcknowledgedSurvives|FlusherThatEnds|CutConnection' -crashes $$((50 * $(TIMES))) .
	go test -count=$(TIMES) -timeout 0 -run 'FailOver|LostAnswer|Restore|PgUpgrade|RecoveryTo|DetachedConcurrently' . ./stdlib

isolation: ## who waits and who fails, for each pair of operations, by PostgreSQL's isolation tester; or make isolation SPECS=^made-
	tester=$$(test/isolation/install) && GAPLESS_ISOLATIONTESTER=$$tester go test -count=1 -timeout 30m -parallel 6 $(if $(SPECS),-run 'TestEachSpec/$(SPECS)') ./test/isolation

fuzz: ## what parses, each for 20 s; make fuzz FUZZ=10m for longer
	for target in FuzzNamesOfSequences FuzzNumbersInTexts FuzzExpressions FuzzIdentifiers; do \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) ./test/security || exit; done
	for target in FuzzCells FuzzThousands FuzzPage; do \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) -fuzzminimizetime 10x ./cmd/gapless || exit; done
	go test -run '^$$' -fuzz '^FuzzMessages$$' -fuzztime $(FUZZ) ./internal/pgproxy

vulncheck: bin/govulncheck ## known vulnerabilities in what is used, by vuln.go.dev; or make vulncheck VULNDB=file:///a/copy
	bin/govulncheck $(if $(VULNDB),-db $(VULNDB)) $(MODULES)

lint: bin/golangci-lint ## golangci-lint (.golangci.yml), and shellcheck if it is installed
	bin/golangci-lint run $(MODULES)
	@if command -v shellcheck >/dev/null; then git ls-files | grep -E '^[^.]*(\.sh)?$$' | xargs grep -lsE '^#!.*\b(ba)?sh' | xargs shellcheck .ci/run; fi

tidy: ## go mod tidy, in each module of the workspace
	tools/tidy

generate: bin/sqlc ## write what is generated: sqlc's Go, the single-file install, ent's client of the example
	bin/sqlc generate
	bin/sqlc generate -f examples/go/sqlc/sqlc.yaml
	go generate ./examples/go/ent/ent
	go run ./cmd/gapless migrate print >sql/gapless.sql.new
	mv sql/gapless.sql.new sql/gapless.sql

verify: bin/sqlc bin/tern ## fail if something generated is not what it is generated from
	tools/verify

release: generate bin/tern ## freeze the functions' snapshot; RELEASING.md has the steps around it
	tools/snapshot freeze
	tools/verify

packages: bin/nfpm ## what a release publishes, into dist/: make packages VERSION=1.2.3
	packaging/build $(VERSION)

migration: ## begin the next migration of the functions: the first change after a release
	tools/snapshot begin

check-sql: ## plpgsql_check over every function (Debian: postgresql-15-plpgsql-check)
	$(WITHPG) sh -c 'psql --no-psqlrc -q -f tools/plpgsql_check.sql "$$GAPLESS_DATABASE_URL"'

check-sqlc: bin/sqlc ## what users of sqlc get by its defaults from the definitions, compiled and called
	$(WITHPG) tools/sqlc-user/check

examples: ## run the examples of other stacks (examples/install installs their drivers)
	$(WITHPG) -tcp examples/run

stacks: ## what docs/stacks says of each library, from pinned packages; or make stacks STACKS="gorm knex"
	$(WITHPG) -tcp test/stacks/run $(STACKS)

demo: ## see gapless numbering at work
	go run ./cmd/gapless demo

bench: ## measure against the peers and the aims, in about 40 minutes: bench/RESULTS.md
	go run ./bench

bin/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/sqlc: PACKAGE := github.com/sqlc-dev/sqlc/cmd/sqlc
bin/tern: PACKAGE := github.com/jackc/tern/v2
bin/govulncheck: PACKAGE := golang.org/x/vuln/cmd/govulncheck
bin/nfpm: tools/nfpm/go.mod
	GOWORK=off go build -modfile=$< -o $@ github.com/goreleaser/nfpm/v2/cmd/nfpm
bin/golangci-lint bin/sqlc bin/tern bin/govulncheck: tools/go.mod
	GOWORK=off go build -modfile=tools/go.mod -o $@ $(PACKAGE)
