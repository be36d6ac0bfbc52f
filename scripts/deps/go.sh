#!/bin/sh
# Built by Go into .tools/bin: grpcurl, ghz, grpc-go's client and server for interoperability, h2spec, a client on grpc-go
# for restarts, and the peer on grpc-go of the benchmarks. Go checks what it gets against its checksum database. .tools/go notes for each tool what it
# was built from.
set -eu
cd "$(dirname "$0")/../.."

# built <tool> <source>: whether it is there, of this version.
built() {
  [ -x ".tools/bin/$1" ] && [ "$(cat ".tools/go/$1" 2>/dev/null)" = "$2" ]
}

# keep <tool> <source> <file>: takes what Go made as this tool.
keep() {
  mv ".tools/go/bin/$3" ".tools/bin/$1"
  echo "$2" >".tools/go/$1"
}

# install <tool> <package>@<version>
install() {
  if ! built "$1" "$2"; then
    GOBIN="$PWD/.tools/go/bin" GOFLAGS=-mod=mod go install "$2"
    name="${2%@*}"
    keep "$1" "$2" "${name##*/}"
  fi
  echo "deps: $1 ${2##*@}"
}

if ! command -v go >/dev/null; then
  echo 'deps: no Go here: install Go, or the tools that scripts/deps/go.sh names into .tools/bin' >&2
  exit 1
fi
mkdir -p .tools/bin .tools/go/bin
install grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
install ghz github.com/bojand/ghz/cmd/ghz@v0.121.0
install grpc-go-interop-client google.golang.org/grpc/interop/client@v1.85.0
install grpc-go-interop-server google.golang.org/grpc/interop/server@v1.85.0

# The versions of h2spec and of what it is built from are in a module of its own.
h2spec=$(sed -n 's|.*\(github.com/summerwind/h2spec\) \(v[^ ]*\).*|\1@\2|p' scripts/deps/h2spec/go.mod)
if ! built h2spec "$h2spec"; then
  bin="$PWD/.tools/go/bin"
  (cd scripts/deps/h2spec && GOBIN="$bin" GOFLAGS=-mod=readonly go install tool)
  keep h2spec "$h2spec" h2spec
fi
echo "deps: h2spec ${h2spec##*@}"

# A client that outlives restarts of its server, for the conformance tests.
restart=$(cat test/conformance/restart/grpc-go-restart/* | cksum)
if ! built grpc-go-restart "$restart"; then
  bin="$PWD/.tools/go/bin"
  (cd test/conformance/restart/grpc-go-restart && GOFLAGS=-mod=readonly go build -o "$bin/grpc-go-restart" .)
  keep grpc-go-restart "$restart" grpc-go-restart
fi
echo 'deps: grpc-go-restart'

# A peer of the benchmarks, on the contract of our users.
users=$(cat bench/peers/grpc-go/* proto/user/v1/user.proto | cksum)
if ! built grpc-go-users "$users"; then
  sh bench/peers/grpc-go/build.sh
  keep grpc-go-users "$users" grpc-go-users
fi
echo 'deps: grpc-go-users'
