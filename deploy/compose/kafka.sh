#!/bin/sh
# Starts the official image of Apache Kafka as kafka.properties says. The first time it makes the data directory with
# the administrator in it, under another name until it is whole.
set -eu
umask 077
data=/var/lib/kafka/data
settings=/compose/kafka.properties
export LOG_DIR=/tmp/logs

if [ ! -d "$data/log" ]; then
    rm -rf "$data/new"
    sed "s|^log\.dirs=.*|log.dirs=$data/new|" "$settings" > /tmp/format.properties
    cluster=$(/opt/kafka/bin/kafka-storage.sh random-uuid)
    # The words are in a file, so that no list of processes shows the password; what is printed has keys made of it.
    printf '%s\n' format --cluster-id "$cluster" --config /tmp/format.properties \
        --add-scram "SCRAM-SHA-512=[name=admin,password=$LOTSMAN_KAFKA_ADMIN_PASSWORD]" > /tmp/format.words
    /opt/kafka/bin/kafka-storage.sh @/tmp/format.words > /dev/null
    rm /tmp/format.words /tmp/format.properties
    mv "$data/new" "$data/log"
fi

export KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/compose/log4j2.properties EXTRA_ARGS='-name kafkaServer'
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
