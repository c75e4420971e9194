# make alone lists the targets. Tools that users of the library never need are pinned in tools/go.mod.
TOOL := go tool -modfile=tools/go.mod
WITHPG := go run ./internal/pgtest/withpg
SNAPSHOT := $(shell ls -d sql/schema/snapshots/* | tail -n 1)

.PHONY: help test race lint generate verify check-sql examples demo bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## run the tests against a real PostgreSQL, which they find or start
	go test ./...

race: ## the same with the race detector
	go test -race ./...

lint: ## golangci-lint (.golangci.yml), and shellcheck if it is installed
	$(TOOL) golangci-lint run ./...
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run .ci/image/* tools/verify examples/run examples/install; fi

generate: ## write what is generated: the functions' snapshot, sqlc's Go, the single-file install, the dumped schema
	rm -rf $(SNAPSHOT) && cp -R sql/functions $(SNAPSHOT)
	$(TOOL) sqlc generate
	{ echo '\set ON_ERROR_STOP on' && go run ./cmd/gapless migrate print; } >sql/gapless.sql.new
	mv sql/gapless.sql.new sql/gapless.sql
	tools/verify --write

verify: ## fail if something generated is not what it is generated from
	tools/verify

check-sql: ## plpgsql_check over every function (Debian: postgresql-15-plpgsql-check)
	$(WITHPG) sh -c 'psql --no-psqlrc -q -f tools/plpgsql_check.sql "$$GAPLESS_DATABASE_URL"'

examples: ## run the examples of other stacks (examples/install installs their drivers)
	$(WITHPG) examples/run

demo: ## see gapless numbering at work
	go run ./cmd/gapless demo

bench: ## measure against the peers and the aims, in about 25 minutes: bench/RESULTS.md
	go run ./bench
