#!/bin/sh
# Installs the engines of durable workflows that `make bench` compares orders with. They are a project of their own, because
# nothing else needs their 240 MB.
set -eu
cd "$(dirname "$0")/../../bench/peers/durable"

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --loglevel=error --no-audit --no-fund >/dev/null
fi
sed -n 's/^ *"@\(restatedev\/restate-server\|dbos-inc\/dbos-sdk\)": "\(.*\)",*$/deps: \1 \2/p' package.json
