#!/bin/sh
# Installs the servers and tools that the tests use, if they are missing or have another version. Reports what cannot be
# installed; the tests then report what they did not cover.
set -eu
cd "$(dirname "$0")/.."

sh scripts/deps/system.sh
sh scripts/deps/go.sh
sh scripts/deps/maven.sh
sh scripts/deps/python.sh
