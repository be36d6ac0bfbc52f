#!/bin/sh
# Installs the generators of `make clients-java` or `make clients-rust` into .tools, unless this version is there. Those for Go
# and Python come with `make deps-polyglot`, because the tests need them.
set -eu
cd "$(dirname "$0")/../.."

# needs <program> <how to get it>
needs() {
  command -v "$1" >/dev/null && return
  echo "clients: $1 is not installed: $2" >&2
  exit 1
}

case $1 in
  java)
    needs mvn 'install Maven and a JDK, for example maven and openjdk-17-jdk-headless'
    case "$(uname -s)-$(uname -m)" in
      Linux-x86_64) platform=linux-x86_64 ;;
      Linux-aarch64) platform=linux-aarch_64 ;;
      *) echo "clients: no generators for Java are known for $(uname -s) on $(uname -m)" >&2; exit 1 ;;
    esac
    cmp -s scripts/deps/java-generators.xml .tools/java-generators/pom.xml && exit
    rm -rf .tools/java-generators
    # Maven prints escape codes even if it has nothing to report.
    log=$(mvn -q -B -f scripts/deps/java-generators.xml dependency:copy-dependencies -Dplatform=$platform \
      -Dmdep.stripVersion -Dmdep.stripClassifier -DoutputDirectory="$PWD/.tools/java-generators" 2>&1) ||
      { echo "$log" >&2; exit 1; }
    for generator in protoc protoc-gen-grpc-java; do
      mv ".tools/java-generators/$generator.exe" ".tools/java-generators/$generator"
      chmod +x ".tools/java-generators/$generator"
    done
    cp scripts/deps/java-generators.xml .tools/java-generators/pom.xml
    ;;
  rust)
    needs cargo 'install Rust 1.88 or later, for example with rustup'
    for generator in protoc-gen-prost protoc-gen-tonic; do
      # Does nothing if this version is installed.
      cargo install -q --locked --root .tools/rust "$generator@0.5.0"
    done
    ;;
esac
