#!/bin/sh
# Installs the system packages of the parts that the arguments name (see deps.sh): PostgreSQL, PgBouncer, RabbitMQ, kcat,
# Knot, iproute2, h2load and nghttp, nginx and HAProxy, Chromium, and Java, Maven and Python for the other tools.
set -eu

# wants <part>...: checks whether one of these parts is requested.
parts=" $* "
wants() {
  for part in "$@"; do
    case $parts in *" $part "*) return 0 ;; esac
  done
  return 1
}

missing=
if wants postgres; then
  [ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
  [ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null || missing="$missing pgbouncer"
fi
if wants rabbitmq; then
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null || missing="$missing rabbitmq-server"
fi
if wants kafka; then
  command -v kcat >/dev/null || missing="$missing kcat"
fi
if wants discovery; then
  [ -x /usr/sbin/knotd ] || command -v knotd >/dev/null || missing="$missing knot"
  command -v ip >/dev/null || missing="$missing iproute2"
fi
if wants kafka discovery peers; then
  java --list-modules 2>/dev/null | grep -q jdk.compiler || missing="$missing openjdk-17-jdk-headless"
  command -v mvn >/dev/null || missing="$missing maven"
fi
if wants peers; then
  command -v h2load >/dev/null && command -v nghttp >/dev/null || missing="$missing nghttp2-client"
fi
if wants polyglot; then
  [ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null || missing="$missing haproxy"
fi
if wants edge; then
  command -v chromium >/dev/null || missing="$missing chromium"
fi
if wants compose; then
  command -v dockerd >/dev/null || missing="$missing docker.io iptables"
  command -v debootstrap >/dev/null || missing="$missing debootstrap"
fi
if wants peers polyglot; then
  [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || missing="$missing nginx-light"
fi
if wants peers polyglot edge kubernetes rust; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fi
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "deps: apt-get not found: install manually:$missing" >&2
    exit 1
  fi
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if wants postgres; then
  ls -d /usr/lib/postgresql/*/bin | sed 's/^/deps: PostgreSQL in /'
  PATH="$PATH:/usr/sbin" pgbouncer --version | sed -n 's/^PgBouncer/deps: &/p'
fi
if wants rabbitmq; then
  ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-* 2>/dev/null | sed 's/.*-/deps: RabbitMQ /'
fi
if wants kafka; then
  kcat -V | sed -n 's/^Version \([^ ]*\).*/deps: kcat \1/p'
fi
if wants discovery; then
  PATH="$PATH:/usr/sbin" knotd -V | sed 's/^/deps: /;s/, version//'
fi
if wants peers; then
  h2load --version | sed 's/^/deps: /'
  nghttp --version | sed 's/^/deps: /'
fi
if wants polyglot; then
  PATH="$PATH:/usr/sbin" haproxy -v | sed -n 's/^HAProxy version \([^ ]*\).*/deps: HAProxy \1/p'
fi
if wants peers polyglot; then
  PATH="$PATH:/usr/sbin" nginx -v 2>&1 | sed 's/^nginx version: /deps: /'
fi
if wants edge; then
  chromium --version 2>/dev/null | sed -n 's/^\(Chromium [0-9.]*\).*/deps: \1/p'
fi
