#!/bin/sh
# Makes the .env file of docker-compose.yml: one password per role on the bus, one for Redis, the key of the webhook secrets, and
# the ids the services run under. Run it once, from anywhere, as the owner of the repositories: sh deploy/docker/env.sh
set -eu
cd "$(dirname "$0")/../.."
if [ -e .env ]; then
  echo ".env is there already; remove it to make new credentials (webhook secrets stored with the old key are lost then)" >&2
  exit 1
fi
random() { od -An -vtx1 -N "$1" /dev/urandom | tr -d ' \n'; }
umask 077
{
  for role in MIGRATOR GATEWAY LANE_REGISTRY SESSION_RUNNER APPROVALS WEBHOOK_DISPATCHER OBSERVER; do
    # nats-server parses what it substitutes: a value that began like a number would be read as one.
    echo "NATS_PASSWORD_$role=p$(random 24)"
  done
  echo "REDIS_PASSWORD=p$(random 24)"
  echo "BRIDGE_WEBHOOK_KEY=$(head -c 32 /dev/urandom | base64)"
  # Codex as root would undo what the containers refuse; the image then keeps a user of its own.
  if [ "$(id -u)" != 0 ]; then
    echo "BRIDGE_UID=$(id -u)"
    echo "BRIDGE_GID=$(id -g)"
  fi
} > .env.new
mv .env.new .env
echo "Made .env; next: docker compose up --build --detach"
