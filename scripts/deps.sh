#!/bin/sh
# Installs the servers and tools that the tests run against, where they are missing: PostgreSQL and h2load from the
# system's packages, grpcurl through Go. What cannot be installed is named; the tests then say what they did not cover.
set -eu
cd "$(dirname "$0")/.."

missing=
[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
command -v h2load >/dev/null || missing="$missing nghttp2-client"
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

ls -d /usr/lib/postgresql/*/bin | sed 's/^/deps: PostgreSQL in /'
h2load --version | sed 's/^/deps: /'
.tools/bin/grpcurl -version 2>&1 | sed 's/^/deps: /'
