#!/bin/sh
# Installs the npm packages that test/edge/clients/typescript generates and checks a client with. They need an earlier
# TypeScript than the project, so they are a project of their own.
set -eu
cd "$(dirname "$0")/../../test/edge/clients/typescript"

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --loglevel=error --no-audit --no-fund >/dev/null
fi
sed -n 's/^ *"openapi-typescript": "\(.*\)",*$/deps: openapi-typescript \1/p' package.json
