#!/bin/sh
# Installs servers and tools that the tests use, if they are missing or have another version: all, or the parts that the
# arguments name. Reports what cannot be installed; the tests then report what they did not cover.
#
#   grpcurl    grpcurl, for the commands in README and docs (needs Go)
#   postgres   PostgreSQL and PgBouncer
#   kafka      Kafka, with Java, and kcat
#   rabbitmq   RabbitMQ
#   discovery  Knot, a DNS server, Eureka, with Java, and iproute2, for network namespaces
#   peers      clients and servers of others for conformance and benchmarks: gRPC in Go, Java and Python, h2spec, Restate, DBOS, ...
#   polyglot   what `make clients` needs for Go and Python, and the proxies nginx and HAProxy
#   edge       Envoy, Chromium, schemathesis, connectconformance, and generators of clients from OpenAPI
#   kubernetes kustomize and kubeconform, with the schemas of Kubernetes, for `make check`
#   rust       tonic and pajamax, for benchmarks: minutes of compiling, so only if it is named
#   compose    a Docker engine, Compose and debootstrap, for `make verify-compose`: only if it is named
set -eu
cd "$(dirname "$0")/.."

all='grpcurl postgres kafka rabbitmq discovery peers polyglot edge kubernetes'
[ $# -gt 0 ] || set -- $all
for part in "$@"; do
  case " $all rust compose " in
    *" $part "*) ;;
    *) echo "deps: unknown part $part: use $all rust compose" >&2; exit 2 ;;
  esac
done

sh scripts/deps/system.sh "$@"
for part in "$@"; do
  case $part in
    grpcurl) sh scripts/deps/go.sh grpcurl ;;
    kafka) sh scripts/deps/maven.sh kafka ;;
    discovery) sh scripts/deps/maven.sh eureka ;;
    peers)
      sh scripts/deps/go.sh peers
      sh scripts/deps/maven.sh grpc-java
      sh scripts/deps/python.sh
      sh scripts/deps/durable.sh
      ;;
    polyglot)
      sh scripts/deps/go.sh polyglot
      sh scripts/deps/python.sh
      ;;
    kubernetes) sh scripts/deps/kubernetes.sh ;;
    compose) sh scripts/deps/go.sh compose ;;
    rust) sh scripts/deps/rust.sh ;;
    edge)
      sh scripts/deps/go.sh connectconformance
      sh scripts/deps/python.sh edge
      sh scripts/deps/openapi.sh
      ;;
  esac
done
