#!/bin/sh
# Installs the servers and tools that the tests run against, where they are missing: PostgreSQL, RabbitMQ, kcat and
# h2load from the system's packages, grpcurl through Go, Kafka through Maven. What cannot be installed is named; the tests then
# say what they did not cover.
set -eu
cd "$(dirname "$0")/.."

missing=
[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null || missing="$missing rabbitmq-server"
command -v kcat >/dev/null || missing="$missing kcat"
command -v h2load >/dev/null || missing="$missing nghttp2-client"
command -v java >/dev/null || missing="$missing openjdk-17-jre-headless"
command -v mvn >/dev/null || missing="$missing maven"
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "deps: no apt-get here: install by hand:$missing" >&2
    exit 1
  fi
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if [ ! -x .tools/bin/grpcurl ]; then
  if ! command -v go >/dev/null; then
    echo 'deps: no Go here: install Go, or grpcurl into .tools/bin' >&2
    exit 1
  fi
  GOBIN="$PWD/.tools/bin" GOFLAGS=-mod=mod go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
fi

# Maven checks what it gets against its checksums. The copy of the pom says which jars are there.
if ! cmp -s scripts/kafka/pom.xml .tools/kafka/pom.xml; then
  rm -rf .tools/kafka
  mvn -q -B -f scripts/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/.tools/kafka/libs"
  cp scripts/kafka/pom.xml .tools/kafka/pom.xml
fi

ls -d /usr/lib/postgresql/*/bin | sed 's/^/deps: PostgreSQL in /'
ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-* 2>/dev/null | sed 's/.*-/deps: RabbitMQ /'
kcat -V | sed -n 's/^Version \([^ ]*\).*/deps: kcat \1/p'
h2load --version | sed 's/^/deps: /'
.tools/bin/grpcurl -version 2>&1 | sed 's/^/deps: /'
ls .tools/kafka/libs | sed -n 's/^kafka_.*-\([0-9.]*\)\.jar$/deps: Kafka \1/p'
