#!/bin/sh
# Installs kustomize and kubeconform, and the JSON schemas of the objects of Kubernetes into .tools/kubernetes-schemas: kubeconform
# would fetch them from GitHub, one by one. They come from a package of PyPI, which makes them from the OpenAPI document of each
# release. The copied requirements record which.
set -eu
cd "$(dirname "$0")/../.."

sh scripts/deps/go.sh kubernetes
folder=.tools/kubernetes-schemas
requirements=scripts/deps/requirements-kubernetes.txt
release=$(sed -n 's/^kubernetes-validate==//p' "$requirements")
if ! cmp -s "$requirements" "$folder/${requirements##*/}"; then
  rm -rf "$folder"
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install -q --disable-pip-version-check --no-deps --no-compile --only-binary=:all: -r "$requirements"
  python3 scripts/deps/kubernetes-schemas.py "$folder"/venv/lib/python3*/site-packages/kubernetes_validate/kubernetes-json-schema/"v$release-local-strict" "$folder"
  rm -rf "$folder/venv"
  cp "$requirements" "$folder/"
fi
echo "deps: schemas of Kubernetes $release"
