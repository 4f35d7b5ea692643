# Sourced by check and test after lib.sh: the checks that only read the source.

failed=()
[ -t 1 ] || export NO_COLOR=1

# step NAME COMMAND...: runs it, remembers a failure and goes on.
step() {
  local name=$1
  shift
  say "$name"
  "$@" || {
    failed+=("$name")
    printf 'FAILED: %s\n' "$name"
  }
}

lint_imports() { "$py" -c 'from importlinter.cli import lint_imports_command as run; run()' --no-logo; }

static_steps() {
  step "ruff check" "$py" -m ruff check --quiet .
  step "ruff format" "$py" -m ruff format --check --quiet .
  step "mypy" "$py" -m mypy
  step "import contracts" lint_imports
  step "web types" npm_in_web run --silent typecheck
}
