export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# Where npm notes what it installed: older than the lockfile means install again.
INSTALLED := node_modules/.package-lock.json

# Tests of what calls or is called; those of mesh/engines, conformance and attacks take both engines in one run.
ON_AN_ENGINE := mesh/app mesh/client mesh/server services test/*.test.ts

.DEFAULT_GOAL := help
.PHONY: help start demo import kafka rabbitmq dead-letters damaged audit rebuild test conformance check gen gen-check proto-lint proto-breaking bench deps clean

## help: list what can be made
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

## start: run everything in one process on localhost:50051 (Ctrl-C ends it)
start: $(INSTALLED)
	@exec node services/main.ts

## demo: place an order on the started mesh and show its timeline
demo: $(INSTALLED)
	@exec node examples/demo.ts

## import: create USERS users (default 100,000) on the started mesh, with progress
import: $(INSTALLED)
	@exec node examples/import-users.ts $(USERS)

## kafka: run a Kafka broker on localhost:9092, for EVENTS_URL=kafka://localhost:9092 (Ctrl-C ends it)
kafka: $(INSTALLED)
	@exec node scripts/kafka.ts

## rabbitmq: run a RabbitMQ broker on localhost:5672, for TASKS_URL=amqp://localhost:5672 (Ctrl-C ends it)
rabbitmq: $(INSTALLED)
	@exec node scripts/rabbitmq.ts

## dead-letters: list what could not be handled; show, redrive or discard it with ARGS="show <id>" (ARGS=help says how)
dead-letters: $(INSTALLED)
	@exec node scripts/dead-letters.ts $(ARGS)

## damaged: list what is damaged in the embedded log and queue of a stopped mesh; give it up with ARGS='skip <place> --note=why'
damaged: $(INSTALLED)
	@exec node scripts/damaged.ts $(ARGS)

## audit: look whether everything is as it has to be; ARGS="orders/charges" names checks
audit: $(INSTALLED)
	@exec node scripts/audit.ts $(ARGS)

## rebuild: list the projections; PROJECTION=payment/account-balances makes one again, DRY_RUN=1 only compares
rebuild: $(INSTALLED)
	@exec node scripts/rebuild.ts $(PROJECTION) $(if $(filter-out 0,$(DRY_RUN)),--dry-run)

## test: run all tests, and on grpc-js again what stands on an engine; names at the end what is not installed (REQUIRE_SERVERS=1: fails)
test: $(INSTALLED)
	vitest run
	GRPC_ENGINE=grpc-js vitest run $(ON_AN_ENGINE)

## conformance: run h2spec and the standard gRPC cases, against clients and servers of others, on each engine
conformance: $(INSTALLED)
	vitest run test/conformance

## check: types, lint, format, contracts and generated code
check: $(INSTALLED)
	tsc --noEmit
	biome check --error-on-warnings .
	$(MAKE) --no-print-directory proto-lint gen-check proto-breaking

## gen: make gen/ from the contracts
gen: $(INSTALLED)
	node scripts/gen.ts

## gen-check: fail when gen/ is not what the contracts give
gen-check: $(INSTALLED)
	node scripts/gen.ts --check

## proto-lint: check the style of the contracts and their validation rules
proto-lint: $(INSTALLED)
	node scripts/third-party-protos.ts
	buf lint

## proto-breaking: fail when a contract breaks its callers; AGAINST names the commit to compare with (default: main)
proto-breaking: $(INSTALLED)
	node scripts/proto-breaking.ts $(AGAINST)

## bench: measure ordermesh beside its peers and print ratios
bench: $(INSTALLED)
	node bench/run.ts

## deps: install what the tests use beside npm packages: PostgreSQL, Kafka, RabbitMQ, kcat, h2load, tools of Go, gRPC of Java and Python
deps: $(INSTALLED)
	sh scripts/deps.sh

## clean: remove what was installed and made, but not the data
clean:
	rm -rf node_modules .tools .cache coverage

$(INSTALLED): package.json package-lock.json
	npm ci --loglevel=error
	@touch $@
