#!/bin/sh
# Builds bench/peers/grpc-go into .tools/go/bin/grpc-go-users, from a copy with the Go stubs generated from the contract.
set -eu
cd "$(dirname "$0")/../../.."

work=.tools/go/work
rm -rf "$work"
mkdir -p "$work"
cp bench/peers/grpc-go/main.go bench/peers/grpc-go/go.mod bench/peers/grpc-go/go.sum "$work"
node scripts/protos/third-party-protos.ts
buf generate --template bench/peers/grpc-go/buf.gen.yaml --path proto/user/v1/user.proto
(cd "$work" && GOFLAGS=-mod=readonly go build -o ../bin/grpc-go-users .)
rm -rf "$work"
