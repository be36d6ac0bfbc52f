export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# npm writes here what it installed. If it is older than the lockfile, install again.
INSTALLED := node_modules/.package-lock.json

# Tests that make or serve calls. Those of mesh/engines, conformance and attacks cover both engines in one run.
# What runs on an engine; of it, what runs on grpc-js with each `make test`: the calls of each service and the ends of a server.
ON_AN_ENGINE := mesh/app mesh/client mesh/server services/ test/*.test.ts test/authorization test/crashes test/docs test/faults test/process
CALLS_ON_AN_ENGINE := mesh/app/*.test.ts mesh/client mesh/server services/*/*.test.ts test/authorization test/place-order.test.ts test/process/drain.test.ts

.DEFAULT_GOAL := help
.PHONY: help start start-split restart-split certs token demo import postgres kafka rabbitmq status order call replay dead-letters actions damaged compact audit rebuild verify-participant test test-grpc-js verify-polyglot verify-registries verify-faults verify-power-cut verify-rolling verify-upgrade verify-rotation verify-edge verify-compose conformance check gen gen-check docs docs-check protos clients clients-typescript clients-go clients-python clients-csharp clients-java clients-rust proto-lint proto-breaking version packages verify-packages sbom audit-packages bench load deps deps-grpcurl deps-postgres deps-kafka deps-rabbitmq deps-discovery deps-peers deps-polyglot deps-edge deps-kubernetes deps-rust kubernetes-check clean

## help: list these commands
help:
	@sed -n 's/^### \(.*\)/\n\1/p; s/^## \([a-z<>-]*\): /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

### Use

## start: run all services in one process on localhost:50051 (Ctrl-C stops it); TLS=1 and AUTH=1 with certificates and tokens, also in start-split
start: $(INSTALLED)
	@exec node $(if $(filter-out 0,$(TLS) $(AUTH)),scripts/start.ts,services/main.ts)

## start-split: run REPLICAS=2 processes of each service on PostgreSQL, Kafka and RabbitMQ; installs and starts those that no URL names (Ctrl-C stops all)
start-split: $(INSTALLED)
	@missing=$$(node scripts/split.ts missing-servers) && { [ -z "$$missing" ] || sh scripts/deps.sh $$missing; }
	@exec node scripts/split.ts

## restart-split: replace the processes of a running start-split one after another: NAME=order, NAME='order payment-1' or all (default)
restart-split: $(INSTALLED)
	@exec node scripts/split.ts restart $(NAME)

## certs: make a local CA and a certificate for each service in data/certs, or replace the certificates: HOSTS=<names> for other machines; CA=add, CA=use, CA=drop change the CA
certs: $(INSTALLED)
	@exec node scripts/certs.ts

## token: print a token that start and start-split with AUTH=1 believe: SUBJECT=ada ROLES=operator,admin HOURS=1 (default: you, without roles)
token: $(INSTALLED)
	@exec node scripts/token.ts

## demo: place an order on the running mesh and show its timeline; KILL=1 kills the mesh once the order is accepted, and shows that it completes when you start it again
demo: $(INSTALLED)
	@exec node examples/demo.ts

## import: create USERS users (default 100,000) on the running mesh, with progress
import: $(INSTALLED)
	@exec node examples/import-users.ts $(USERS)

### Servers

## postgres: run a PostgreSQL server on localhost:5432, for DATABASE_URL='postgres://ordermesh@localhost:5432/<service>' (Ctrl-C stops it)
postgres: $(INSTALLED)
	@exec node scripts/postgres.ts

## kafka: run a Kafka broker on localhost:9092, for EVENTS_URL=kafka://localhost:9092 (Ctrl-C stops it)
kafka: $(INSTALLED)
	@exec node scripts/kafka.ts

## rabbitmq: run a RabbitMQ broker on localhost:5672, for TASKS_URL=amqp://localhost:5672 (Ctrl-C stops it)
rabbitmq: $(INSTALLED)
	@exec node scripts/rabbitmq.ts

### Operate

## status: show health, backlogs, sagas, dead letters, projections, the last audit, disk and versions of the running mesh
status: $(INSTALLED)
	@exec node scripts/ordermesh.ts status $(ARGS)

## order: show an order, its saga steps, events and mails: ID=<order id>
order: $(INSTALLED)
	@exec node scripts/ordermesh.ts order $(ID) $(ARGS)

## call: call any method without .proto files: METHOD=user.v1.UserService/ListUsers DATA='{"role": "admin"}'; lists the services without METHOD
call: $(INSTALLED)
	@exec node scripts/ordermesh.ts call "$$METHOD" "$$DATA" $(ARGS)

## replay: list the consumer groups; GROUP=<group> lets one read events again, FROM=<time> or FROM=0=17,1=4 (offsets) says from where
replay: $(INSTALLED)
	@exec node scripts/ordermesh.ts replay $(GROUP) $(if $(FROM),--from $(FROM)) $(ARGS)

## dead-letters: list dead letters; show, redrive or discard them with ARGS="show <id>" (ARGS=help explains; see docs/operating.md)
dead-letters: $(INSTALLED)
	@exec node scripts/ordermesh.ts dead-letters $(ARGS)

## actions: list what operators and admins changed, where calls are authenticated; ARGS='--by <user>' those of one
actions: $(INSTALLED)
	@exec node scripts/ordermesh.ts actions $(ARGS)

## damaged: list damaged events and tasks of a stopped mesh; skip one with ARGS='skip <place> --note=why' (see docs/operating.md)
damaged: $(INSTALLED)
	@exec node scripts/ordermesh.ts damaged $(ARGS)

## compact: give the free pages of a stopped mesh's SQLite files back to the disk (see docs/operating.md)
compact: $(INSTALLED)
	@exec node scripts/ordermesh.ts compact $(ARGS)

## audit: check that all data is consistent; ARGS="orders/charges" selects checks
audit: $(INSTALLED)
	@exec node scripts/ordermesh.ts audit $(ARGS)

## rebuild: list the projections; PROJECTION=payment/account-balances rebuilds one, DRY_RUN=1 only compares
rebuild: $(INSTALLED)
	@exec node scripts/ordermesh.ts rebuild $(PROJECTION) $(if $(filter-out 0,$(DRY_RUN)),--dry-run)

### Extend

## verify-participant: check that a server does what sagas rely on: PARTICIPANT=<host:port> CONTRACT=inventory, payment or shipping
verify-participant: $(INSTALLED)
	@exec node scripts/ordermesh.ts verify-participant $(PARTICIPANT) $(if $(CONTRACT),--contract $(CONTRACT)) $(ARGS)

## new-service: write a service that works, from contract to test, and enter it wherever services are listed: NAME=catalog RESOURCE=Product (what it stores; default: NAME) PLURAL=products
.PHONY: new-service
new-service: $(INSTALLED)
	@exec node scripts/new-service.ts

### Verify

## test: run all tests, those of calls on grpc-js too; lists missing servers at the end (REQUIRE_SERVERS=1: fails)
test: $(INSTALLED)
	vitest run
	GRPC_ENGINE=grpc-js vitest run $(CALLS_ON_AN_ENGINE)

## test-grpc-js: run all tests that use an engine on grpc-js (10 minutes)
test-grpc-js: $(INSTALLED)
	GRPC_ENGINE=grpc-js vitest run $(ON_AN_ENGINE)

## verify-faults: kill a process of a split mesh, with two of each service, every 2 s for a minute at half its capacity, with PostgreSQL, Kafka and RabbitMQ restarted meanwhile; every order must end, once
verify-faults: $(INSTALLED)
	FAULTS_SECONDS=60 FAULTS_REPLICAS=2 REQUIRE_SERVERS=1 vitest run test/split/faults.test.ts

## verify-power-cut: record what a mesh tells the kernel, start it on what a disk may hold after a power cut, 60 at random moments and one wherever a process could be killed, and look for what was lost (6 minutes); needs cc
verify-power-cut: $(INSTALLED)
	VERIFY_POWER_CUT=1 REQUIRE_SERVERS=1 vitest run test/power-cut

## verify-polyglot: run all tests of clients and services in other languages, also those that compile for minutes: Java, Rust (needs Cargo), and of tasks on SQS (ElasticMQ, CDK); first installs what they use
verify-polyglot: $(INSTALLED)
	@sh scripts/deps/generators.sh rust
	@sh scripts/deps.sh grpcurl kafka polyglot
	@sh scripts/deps/maven.sh grpc-java
	@sh scripts/deps/maven.sh elasticmq
	@sh scripts/deps/generators.sh java
	REQUIRE_SERVERS=1 VERIFY_POLYGLOT=1 vitest run scripts/clients test/polyglot mesh/tasks/sqs
	cd deploy/aws && npm ci && npm test

## verify-rolling: replace all processes of a mesh of its own under load, and print what failed: SERVICES="order payment" replaces only those
verify-rolling: $(INSTALLED)
	@exec node scripts/rolling.ts $(SERVICES)

## verify-upgrade: run the program of an earlier commit and this one on the same data while orders are placed, next to each other and back, and print what was lost: PREVIOUS=<commit>, by default the last tag
verify-upgrade: $(INSTALLED)
	@node scripts/upgrade.ts check-previous
	@sh scripts/deps.sh postgres kafka rabbitmq
	@exec node scripts/upgrade.ts

## verify-rotation: replace all certificates of a mesh of its own every 2 s under load, then its CA, and print what failed; then let one expire: SECONDS=60
verify-rotation: $(INSTALLED)
	@exec node scripts/rotation.ts

## verify-registries: build Consul, CoreDNS, etcd and the API server of Kubernetes, 45 minutes once, and run the scenarios of discovery on each, on Knot and on Eureka, and apply the manifests to Kubernetes; first installs Knot and Eureka; REGISTRY=knot, eureka, consul, kubernetes or coredns runs one
verify-registries: $(INSTALLED)
	@sh scripts/deps.sh discovery
	@sh scripts/registries/build.sh $(REGISTRY)
	@node scripts/registries/verify.ts $(REGISTRY)
	@node scripts/docs.ts

## verify-edge: compare the edge with Envoy's transcoder, run connectconformance against it, call it from pages in Chromium, and let schemathesis call it for 3 minutes; first installs them: VERIFY=envoy, connect, chromium or openapi runs one
verify-edge: $(INSTALLED)
	@sh scripts/deps.sh edge
	@exec node scripts/edge/verify.ts $(VERIFY)

## verify-compose: run deploy/Dockerfile and docker-compose.yml on a Docker engine of its own, with every service in a container: start it before its servers, upgrade it from the release before (PREVIOUS=<commit>) under load, kill, scale; prints sizes, memory and failed calls; needs root
verify-compose: $(INSTALLED)
	@sh scripts/deps.sh kafka compose
	@exec node scripts/compose/verify.ts

## conformance: run h2spec, connectconformance and the gRPC interop suites against each engine
conformance: $(INSTALLED)
	RESTARTS=10 WHOLE_SUITES=1 vitest run test/conformance

### Develop

## check: check types, lint, format, packages, contracts, generated code and manifests
check: $(INSTALLED)
	tsc --noEmit
	biome check --error-on-warnings .
	node scripts/supply-chain.ts check
	$(MAKE) --no-print-directory proto-lint gen-check proto-breaking docs-check
	@node scripts/kubernetes-check.ts --if-installed

## gen: generate gen/ from the contracts
gen: $(INSTALLED)
	node scripts/gen.ts

## gen-check: fail if gen/ does not match the contracts
gen-check: $(INSTALLED)
	node scripts/gen.ts --check

## docs: generate the parts of docs/ that are made from the code
docs: $(INSTALLED)
	node scripts/docs.ts

## docs-check: fail if those parts do not match the code
docs-check: $(INSTALLED)
	node scripts/docs.ts --check

## kubernetes-check: render the manifests in deploy/kubernetes and check them by the schemas of Kubernetes (first make deps-kubernetes)
kubernetes-check: $(INSTALLED)
	@node scripts/kubernetes-check.ts

## protos: write the contracts and everything they import to dist/protos, for protoc and buf; dist/protos-plain has no custom options
protos: $(INSTALLED)
	@node scripts/protos.ts

## clients: write clients to gen/<language>, in each language that has its tools here; lists the others at the end
clients: $(INSTALLED)
	@node scripts/clients/clients.ts

## clients-<language>: write one of them: clients-typescript, clients-csharp, clients-go, clients-python (first make deps-polyglot), clients-java (Maven), clients-rust (Cargo)
clients-typescript clients-csharp clients-go clients-python clients-java clients-rust: $(INSTALLED)
	@node scripts/clients/clients.ts $(@:clients-%=%)

## proto-lint: check the style of the contracts, their validation rules, file options, deadlines and request ids
proto-lint: $(INSTALLED)
	node scripts/protos/third-party-protos.ts
	buf lint
	node scripts/protos/file-options.ts
	node scripts/protos/proto-policy.ts

## proto-breaking: fail if a contract breaks its callers, compared with the commit AGAINST (default: main)
proto-breaking: $(INSTALLED)
	node scripts/proto-breaking.ts $(AGAINST)

### Release

## version: set the version in all files that show it: VERSION=0.2.0 (docs/releasing.md)
version: $(INSTALLED)
	@exec node scripts/version.ts $(VERSION)

## packages: build the npm packages @ordermesh/grpc, mesh and cli, and pack them to dist/ordermesh-<name>-<version>.tgz
packages: $(INSTALLED)
	@exec node scripts/packages.ts

## verify-packages: install the packages of make packages in empty projects, run the code of their READMEs, the gift service and a program for nice-grpc there, and print sizes and start-up times
verify-packages: $(INSTALLED)
	VERIFY_PACKAGES=1 vitest run scripts/packages

## sbom: write the packages that ship to dist/sbom.cdx.json (CycloneDX)
sbom: $(INSTALLED)
	@node scripts/supply-chain.ts sbom

## audit-packages: compare all packages with known vulnerabilities in ADVISORIES=<file or folder> (OSV); without it asks npm's registry
audit-packages: $(INSTALLED)
	@node scripts/supply-chain.ts audit

### Measure

## bench: measure ordermesh next to its peers and print ratios
bench: $(INSTALLED)
	node bench/run.ts

## load: put load on the running mesh with ghz: PROFILE=mixed DURATION=30s (see docs/load.md); lists the profiles without PROFILE
load: $(INSTALLED)
	@exec node scripts/load.ts

### Install

## deps: install what the tests need besides npm packages: PostgreSQL, Kafka, RabbitMQ, kcat, Knot, Eureka, h2load, Go tools, gRPC for Java and Python, Envoy, Chromium, kustomize
deps: $(INSTALLED)
	sh scripts/deps.sh

## deps-<part>: install one part of it: deps-grpcurl, deps-postgres, deps-kafka, deps-rabbitmq, deps-discovery (Knot, Eureka), deps-peers (conformance, benchmarks), deps-polyglot (make clients), deps-edge (make verify-edge), deps-kubernetes (make check), deps-rust (tonic and pajamax, for make bench)
deps-grpcurl deps-postgres deps-kafka deps-rabbitmq deps-discovery deps-peers deps-polyglot deps-edge deps-kubernetes deps-rust: $(INSTALLED)
	sh scripts/deps.sh $(@:deps-%=%)

## clean: remove what was installed and generated, but not the data
clean:
	rm -rf node_modules .tools .cache coverage dist gen/go gen/python gen/csharp gen/java gen/rust gen/typescript

$(INSTALLED): package.json package-lock.json
	npm ci --loglevel=error
	@# npm runs it too, unless its scripts are turned off.
	@node scripts/postinstall.js
	@# Node's headers are for addons that are compiled; there are none.
	@rm -rf node_modules/node-linux-*/include
	@touch $@
