#!/bin/sh
# As the official image: runs the server with what is mounted to /etc/rabbitmq and /var/lib/rabbitmq.
set -eu
chown -R rabbitmq:rabbitmq /var/lib/rabbitmq
export RABBITMQ_LOGS=- RABBITMQ_CONFIG_FILES=/etc/rabbitmq/conf.d HOME=/var/lib/rabbitmq
exec gosu rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
