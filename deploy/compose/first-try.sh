#!/bin/sh
# Writes what docker-compose.yml needs for a first try: a `.env` with fresh secrets, and a signing key of one's own
# whose public half the services are given. Everything is in .lotsman/compose, which git and images leave out; `.env`
# is a link to it. What is there already stays.
set -eu
cd -- "$(dirname -- "$0")/../.."
umask 077
folder=.lotsman/compose

version() { sed -n 's/^VERSION: Final = "\(.*\)"$/\1/p' contracts/__init__.py; }

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

fill() {
    while IFS= read -r line; do
        case $line in
            LOTSMAN_VERSION=*) printf 'LOTSMAN_VERSION=%s\n' "$(version)" ;;
            *_PASSWORD= | *_KEY=) printf '%s%s\n' "$line" "$(secret)" ;;
            *) printf '%s\n' "$line" ;;
        esac
    done
}

token() { LOTSMAN_HOME=$folder ./lotsman token --role "$1" --hours "$2"; }

mkdir -p "$folder/identity" "$folder/metrics"
# Those inside the containers are other users: the public key and this one token are for them.
chmod 755 "$folder/identity" "$folder/metrics"
# In one piece: Prometheus may read it at any moment, and the one before is still good where no other can be made.
token ops 12 > "$folder/metrics/ops.token.new"
cp "$folder/jwks.json" "$folder/identity/jwks.json"
chmod 644 "$folder/metrics/ops.token.new" "$folder/identity/jwks.json"
mv "$folder/metrics/ops.token.new" "$folder/metrics/ops.token"

if [ ! -e "$folder/env" ]; then
    fill < deploy/compose/example.env > "$folder/env.new"
    mv "$folder/env.new" "$folder/env"
fi
# The addresses of this system for the verbs of ./lotsman, and the folder whose key signs their tokens.
port() { sed -n "s/^LOTSMAN_$1_PORT=//p" "$folder/env"; }
{
    printf "export LOTSMAN_HOME='%s'\n" "$PWD/$folder"
    for name in INTAKE EXPERTISE REGISTRY JAEGER; do
        printf 'export LOTSMAN_%s_URL=http://127.0.0.1:%s\n' "$name" "$(port "$name")"
    done
} > "$folder/at.sh"
[ -e .env ] || ln -s "$folder/env" .env
printf 'The token of Prometheus is good for 12 hours, and this renews it. A line for crontab that does so in time:\n'
printf "  17 */6 * * * sh '%s/deploy/compose/first-try.sh' > /dev/null\n" "$PWD"
printf 'The verbs of ./lotsman reach this system after:  . %s/at.sh\n' "$folder"
printf 'The variables are in .env; docker compose up -d --build --wait starts the system.\n'
