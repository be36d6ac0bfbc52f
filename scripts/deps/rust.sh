#!/bin/sh
# Builds the peers of `make bench` that are written in Rust into .tools/bin. It needs the protoc of grpcio-tools.
# .tools/rust-peers records what each was built from.
set -eu
cd "$(dirname "$0")/../.."

if ! command -v cargo >/dev/null; then
  echo 'deps: cargo not found: install Rust 1.88 or later, for example with rustup' >&2
  exit 1
fi
sh scripts/deps/python.sh >/dev/null
peers=.tools/rust-peers
mkdir -p .tools/bin "$peers"
printf '#!/bin/sh\nexec "%s/.tools/python/bin/python" -m grpc_tools.protoc "$@"\n' "$PWD" >"$peers/protoc"
chmod +x "$peers/protoc"
for peer in tonic pajamax; do
  source=$(cat bench/peers/users.proto bench/peers/$peer/Cargo.* bench/peers/$peer/build.rs bench/peers/$peer/src/* | cksum)
  if [ ! -x ".tools/bin/$peer-users" ] || [ "$(cat "$peers/$peer" 2>/dev/null)" != "$source" ]; then
    PROTOC="$PWD/$peers/protoc" cargo build -q --release --locked --target-dir "$peers/target" \
      --manifest-path bench/peers/$peer/Cargo.toml
    cp "$peers/target/release/$peer-users" ".tools/bin/$peer-users"
    echo "$source" >"$peers/$peer"
  fi
  echo "deps: $peer-users"
done
