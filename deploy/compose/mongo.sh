#!/bin/sh
# Starts the official image of MongoDB with a key file: mongod wants one that only its own user can read.
set -eu
umask 077
printf '%s\n' "$LOTSMAN_MONGO_KEY" > /tmp/mongo.key
unset LOTSMAN_MONGO_KEY
exec docker-entrypoint.sh "$@" --keyFile /tmp/mongo.key
