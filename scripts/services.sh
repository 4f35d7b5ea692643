# Sourced by scripts/test after lib.sh: the browser and the database servers that tests ask for.
# Each service listens on a free loopback port, keeps its data in a temporary folder and is
# stopped by its process id. An address given in the environment is used instead.

services_dir=""
service_pids=()

stop_services() {
  local pid
  for pid in ${service_pids[@]+"${service_pids[@]}"}; do
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  [ -z "$services_dir" ] || rm -rf "$services_dir"
}

asked_for() { [ -z "${!1:-}" ] && grep -rqs --include='*.py' "$1" tests; }
free_port() { "$py" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# The folder of PostgreSQL's server programs; Debian keeps them off PATH.
postgres_bin() {
  local found
  found=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)
  dirname "${found:-$(command -v initdb)}" 2>/dev/null
}
find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

# install_services: installs all that is missing in one go, or names all of it.
install_services() {
  local missing=()
  find_chromium >/dev/null || missing+=(chromium)
  ! asked_for LIVESERVER_TEST_POSTGRES || [ -x "$(postgres_bin)/initdb" ] || missing+=(postgresql)
  ! asked_for LIVESERVER_TEST_REDIS || command -v redis-server >/dev/null || missing+=(redis-server)
  # The relay test is skipped without it, so it is nobody's duty to install it by hand.
  command -v turnserver >/dev/null || ! can_apt || missing+=(coturn)
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# wait_until COMMAND...: up to 20 s.
wait_until() {
  local n
  for n in $(seq 100); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  return 1
}

# PostgreSQL refuses to run as root: then it runs as its own user.
start_postgres() {
  local bin data port as=()
  bin=$(postgres_bin)
  data=$services_dir/postgres
  port=$(free_port)
  mkdir "$data"
  if [ "$(id -u)" = 0 ]; then
    chmod 755 "$services_dir"
    chown postgres "$data"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  fi
  (cd "$data" && ${as[@]+"${as[@]}"} "$bin/initdb" -D db -U liveserver -A trust -E UTF8 --locale=C --no-sync >log 2>&1) ||
    die "PostgreSQL could not be set up: $(tail -n 3 "$data/log")"
  (
    cd "$data"
    exec ${as[@]+"${as[@]}"} "$bin/postgres" -D db -p "$port" -k "$data" -c listen_addresses=127.0.0.1 -F >>log 2>&1 </dev/null
  ) &
  service_pids+=($!)
  wait_until "$bin/pg_isready" -h 127.0.0.1 -p "$port" ||
    die "PostgreSQL does not start: $(tail -n 3 "$data/log")"
  export LIVESERVER_TEST_POSTGRES="postgresql://liveserver@127.0.0.1:$port/postgres"
}

start_redis() {
  local port
  port=$(free_port)
  redis-server --port "$port" --bind 127.0.0.1 --dir "$services_dir" --save '' >"$services_dir/redis.log" 2>&1 </dev/null &
  service_pids+=($!)
  wait_until redis-cli -p "$port" ping ||
    die "Redis does not start: $(tail -n 3 "$services_dir/redis.log")"
  export LIVESERVER_TEST_REDIS="redis://127.0.0.1:$port/0"
}

# start_services: what a test names in its source, and no more. After install_services.
start_services() {
  LIVESERVER_TEST_CHROMIUM=${LIVESERVER_TEST_CHROMIUM:-$(find_chromium)}
  export LIVESERVER_TEST_CHROMIUM
  trap stop_services EXIT
  services_dir=$(mktemp -d)
  ! asked_for LIVESERVER_TEST_POSTGRES || start_postgres
  ! asked_for LIVESERVER_TEST_REDIS || start_redis
}
