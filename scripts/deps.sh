#!/bin/sh
# Installs the servers and tools that the tests run against, where they are missing or not the version named here. What
# cannot be installed is named; the tests then say what they did not cover.
set -eu
cd "$(dirname "$0")/.."

sh scripts/deps/system.sh
sh scripts/deps/go.sh
sh scripts/deps/maven.sh
sh scripts/deps/python.sh
