#!/bin/sh
# Makes the passwords of docker-compose.yml, each where only its service sees it: what .env sets, else what was made
# before, else something random. There is no default password.
set -eu

password() { # password NAME FILE: prints it
  eval "given=\${$1:-}"
  case $given in *[!A-Za-z0-9]*)
    echo "$1 in .env has other characters than letters and digits: it becomes part of a URL, choose another" >&2
    exit 1
  esac
  if [ -n "$given" ]; then
    printf %s "$given"
  elif [ -s "$2" ]; then
    cat "$2"
  else
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
  fi
}

put() { # put FILE TEXT: as a whole or not at all, for whoever reads it meanwhile
  rm -f "$1.new" # of a start that was interrupted
  printf %s "$2" > "$1.new"
  chmod 444 "$1.new" # as Docker's own secrets are: each volume is mounted where one user runs
  mv -f "$1.new" "$1"
}

superuser=$(password POSTGRES_PASSWORD postgres/postgres_password)
owner=$(password TONEARM_OWNER_PASSWORD postgres/tonearm_owner_password)
worker=$(password TONEARM_WORKER_PASSWORD postgres/tonearm_worker_password)
reader=$(password TONEARM_READER_PASSWORD postgres/tonearm_reader_password)
redis=$(password REDIS_PASSWORD redis/redis_password)
flower=$(password FLOWER_PASSWORD flower/flower_password)

put postgres/postgres_password "$superuser"
put postgres/tonearm_owner_password "$owner"
put postgres/tonearm_worker_password "$worker"
put postgres/tonearm_reader_password "$reader"
put redis/redis_password "$redis"
put flower/flower_password "$flower"
put migrate/db_password "$owner"
put worker/db_password "$worker"
put worker/broker_url "redis://:$redis@redis:6379/0"
put flower/broker_url "redis://:$redis@redis:6379/0"
