#!/bin/sh
# Builds Go tools into .tools/bin. `go.sh grpcurl`: grpcurl. `go.sh kubernetes`: kustomize and kubeconform, for the manifests in
# deploy/kubernetes. `go.sh compose`: Docker Compose, for `make verify-compose`. `go.sh polyglot`: the generators of `make clients`, the modules that the clients need, a grpc-go client for
# the tests of the service configs, and the programs in examples/services. `go.sh peers`: ghz, grpc-go's interop client and
# server, h2spec, connectconformance with its contracts, a grpc-go client for the restart tests, and the grpc-go peer of the
# benchmarks. Go verifies its downloads against the checksum database.
# .tools/go records what each tool was built from.
set -eu
cd "$(dirname "$0")/../.."

# built <tool> <source>: checks whether this version is installed.
built() {
  [ -x ".tools/bin/$1" ] && [ "$(cat ".tools/go/$1" 2>/dev/null)" = "$2" ]
}

# keep <tool> <source> <file>: installs a built file as this tool.
keep() {
  mv ".tools/go/bin/$3" ".tools/bin/$1"
  echo "$2" >".tools/go/$1"
}

# install <tool> <package>@<version>
install() {
  if ! built "$1" "$2"; then
    GOBIN="$PWD/.tools/go/bin" GOFLAGS=-mod=mod go install "$2"
    # A program is called like its folder, unless that is the major version of its module.
    folder="${2%@*}"
    keep "$1" "$2" "$(basename "${folder%/v[0-9]}")"
  fi
  echo "deps: $1 ${2##*@}"
}

if ! command -v go >/dev/null; then
  echo 'deps: Go is not installed: install it, or put the tools listed in scripts/deps/go.sh into .tools/bin' >&2
  exit 1
fi
mkdir -p .tools/bin .tools/go/bin
if [ "$1" = grpcurl ]; then
  install grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
  exit
fi
if [ "$1" = kubernetes ]; then
  install kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
  install kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
  exit
fi
if [ "$1" = compose ]; then
  module=github.com/docker/compose/v2
  version=$(sed -n "s|.*$module \(v[^ ]*\).*|\1|p" scripts/deps/compose/go.mod)
  if ! built docker-compose "$module@$version"; then
    bin="$PWD/.tools/go/bin"
    (cd scripts/deps/compose && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath \
      -ldflags "-s -w -X $module/internal.Version=$version" -o "$bin/docker-compose" "$module/cmd")
    keep docker-compose "$module@$version" docker-compose
  fi
  echo "deps: docker-compose $version"
  exit
fi
if [ "$1" = polyglot ]; then
  install protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
  install protoc-gen-go-grpc google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
  (cd scripts/clients/go && GOFLAGS=-mod=readonly go mod download)
  # A client for the tests of the service configs.
  configs=test/polyglot/service-config/grpc-go-service-config
  source=$(cat "$configs"/* | cksum)
  if ! built grpc-go-service-config "$source"; then
    bin="$PWD/.tools/go/bin"
    (cd "$configs" && GOFLAGS=-mod=readonly go build -o "$bin/grpc-go-service-config" .)
    keep grpc-go-service-config "$source" grpc-go-service-config
  fi
  echo 'deps: grpc-go-service-config'
  # The programs in examples/services, with clients of the contracts as they are now.
  clients=$(find proto scripts/clients/go -type f -exec cksum {} + | sort)
  for program in shipping-go order-events-go; do
    source=$({ echo "$clients"; cat examples/services/$program/*.go examples/services/$program/go.*; } | cksum)
    if ! built $program "$source"; then
      node scripts/clients/clients.ts go
      (cd examples/services/$program && GOFLAGS=-mod=readonly go build -o ../../../.tools/go/bin/$program .)
      keep $program "$source" $program
    fi
    echo "deps: $program"
  done
  exit
fi
# connectconformance, and the contracts of the service that it calls, which are in the same module.
conformance=v1.0.7
install connectconformance connectrpc.com/conformance/cmd/connectconformance@$conformance
if [ "$(cat .tools/connectconformance/version 2>/dev/null)" != "$conformance" ]; then
  module=$(go mod download -json connectrpc.com/conformance@$conformance | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
  rm -rf .tools/connectconformance
  mkdir -p .tools/connectconformance
  cp -R "$module/proto" .tools/connectconformance/proto
  chmod -R u+w .tools/connectconformance
  echo "$conformance" >.tools/connectconformance/version
fi
[ "$1" != connectconformance ] || exit 0

install ghz github.com/bojand/ghz/cmd/ghz@v0.121.0
install grpc-go-interop-client google.golang.org/grpc/interop/client@v1.85.0
install grpc-go-interop-server google.golang.org/grpc/interop/server@v1.85.0

# h2spec and its dependencies are pinned in their own module.
h2spec=$(sed -n 's|.*\(github.com/summerwind/h2spec\) \(v[^ ]*\).*|\1@\2|p' scripts/deps/h2spec/go.mod)
if ! built h2spec "$h2spec"; then
  bin="$PWD/.tools/go/bin"
  (cd scripts/deps/h2spec && GOBIN="$bin" GOFLAGS=-mod=readonly go install tool)
  keep h2spec "$h2spec" h2spec
fi
echo "deps: h2spec ${h2spec##*@}"

# A client for the conformance tests that stays connected while its server restarts.
restart=$(cat test/conformance/restart/grpc-go-restart/* | cksum)
if ! built grpc-go-restart "$restart"; then
  bin="$PWD/.tools/go/bin"
  (cd test/conformance/restart/grpc-go-restart && GOFLAGS=-mod=readonly go build -o "$bin/grpc-go-restart" .)
  keep grpc-go-restart "$restart" grpc-go-restart
fi
echo 'deps: grpc-go-restart'

# A peer for the benchmarks that serves our user contract.
users=$(cat bench/peers/grpc-go/* proto/user/v1/user.proto | cksum)
if ! built grpc-go-users "$users"; then
  sh bench/peers/grpc-go/build.sh
  keep grpc-go-users "$users" grpc-go-users
fi
echo 'deps: grpc-go-users'
