#!/bin/sh
# Starts the official image of Apache Kafka as kafka.properties says. The first time it makes the data directory with
# the administrator in it, under another name until it is whole.
set -eu
umask 077
data=/var/lib/kafka/data
settings=/compose/kafka.properties
export LOG_DIR=/tmp/logs

# The words are in a file, so that no list of processes shows the password.
format() {
    sed "s|^log\.dirs=.*|log.dirs=$data/new|" "$settings" > /tmp/format.properties
    printf '%s\n' format --cluster-id "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" --config /tmp/format.properties \
        --add-scram "SCRAM-SHA-512=[name=admin,password=$LOTSMAN_KAFKA_ADMIN_PASSWORD]" > /tmp/format.words
    rm -rf "$data/new"
    /opt/kafka/bin/kafka-storage.sh @/tmp/format.words
    rm /tmp/format.words /tmp/format.properties
    mv "$data/new" "$data/log"
}

[ -d "$data/log" ] || format
export KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/compose/log4j2.properties EXTRA_ARGS='-name kafkaServer'
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
