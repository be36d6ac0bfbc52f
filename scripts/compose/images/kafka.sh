#!/bin/sh
# As the official image: KAFKA_NODE_ID becomes node.id and so on; formats its folder once, then runs the broker.
set -eu
settings=/tmp/server.properties
env | sed -n 's/^KAFKA_//p' | while IFS='=' read -r name value; do
  case $name in HEAP_OPTS) continue ;; esac
  echo "$(echo "$name" | tr 'A-Z_' 'a-z.')=$value"
done >$settings
options="$KAFKA_HEAP_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties"
# shellcheck disable=SC2086
java -Xmx64m -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --ignore-formatted \
  -t AAAAAAAAAAAAAAAAAAAAAQ -c $settings
# shellcheck disable=SC2086
exec java $options -cp '/opt/kafka/libs/*' kafka.Kafka $settings
