#!/bin/sh
# Writes the .env file of docker-compose.yml: one password per role on the bus, one for Redis, the key of the webhook secrets,
# and the ids of the services. Run it once, in any folder, as the owner of the repositories: sh deploy/docker/env.sh
set -eu
cd "$(dirname "$0")/../.."
if [ -e .env ]; then
  echo ".env already exists; remove it to make new credentials (stored webhook secrets become unreadable)" >&2
  exit 1
fi
random() { od -An -vtx1 -N "$1" /dev/urandom | tr -d ' \n'; }
umask 077
{
  for role in MIGRATOR GATEWAY LANE_REGISTRY SESSION_RUNNER APPROVALS WEBHOOK_DISPATCHER OBSERVER; do
    # nats-server parses what it substitutes: it would read a value that starts with a digit as a number.
    echo "NATS_PASSWORD_$role=p$(random 24)"
  done
  echo "REDIS_PASSWORD=p$(random 24)"
  echo "BRIDGE_WEBHOOK_KEY=$(head -c 32 /dev/urandom | base64)"
  # Codex must not run as root: for root, the image keeps its default user.
  if [ "$(id -u)" != 0 ]; then
    echo "BRIDGE_UID=$(id -u)"
    echo "BRIDGE_GID=$(id -g)"
  fi
} > .env.new
mv .env.new .env
echo "Wrote .env. Next: docker compose up --build --detach"
