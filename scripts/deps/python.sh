#!/bin/sh
# Installs gRPC for Python from PyPI into .tools/python. The copied requirements record what is installed.
set -eu
cd "$(dirname "$0")/../.."

if ! cmp -s scripts/deps/requirements.txt .tools/python/requirements.txt; then
  rm -rf .tools/python
  python3 -m venv .tools/python
  .tools/python/bin/pip install -q --disable-pip-version-check --only-binary=:all: -r scripts/deps/requirements.txt
  cp scripts/deps/requirements.txt .tools/python/requirements.txt
fi
.tools/python/bin/pip list --format=freeze | sed -n 's/^grpcio==/deps: grpcio /p'
