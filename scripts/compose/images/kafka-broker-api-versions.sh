#!/bin/bash
# The jars from Maven have no such tool. This stands in for it: it fails unless the broker accepts connections.
set -eu
[ "$1" = --bootstrap-server ]
exec 3<>"/dev/tcp/${2%:*}/${2##*:}"
