#!/usr/bin/env bash
# Re-records what the real tools print, one file a command:
#   $ <command line>
#   exit <code>
#   <output, stdout and stderr as they came>
# Usage: [ONLY='make-*'] testdata/record.sh [NODE_PREFIX]
# Needs (Debian): python3-pytest python3-django mypy flake8 pylint gcc make, go,
# cargo; NODE_PREFIX is a folder in which "npm install jest vitest mocha eslint
# typescript" was run. What is missing is left as it was. ruff could not be
# had where these were recorded.
set -u
here=$(cd "$(dirname "$0")" && pwd)
node_prefix=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
app=$work/app
export HOME=$work/home PATH=/usr/bin:/bin:$PATH GOFLAGS=-mod=mod GOCACHE=$work/gocache LC_ALL=C.UTF-8 NO_COLOR= PYTHONDONTWRITEBYTECODE=1
unset NO_COLOR
cargo_home=${CARGO_HOME:-$(dirname "$(dirname "$(command -v cargo || echo /x/x/x)")")}
export TMPDIR=$work RUST_BACKTRACE=0
export CARGO_HOME=$cargo_home RUSTUP_HOME=${RUSTUP_HOME:-$(dirname "$cargo_home")/.rustup}
mkdir -p "$app" "$HOME"

# rec NAME DIR COMMAND: runs COMMAND with bash in $app/DIR and stores it.
rec() {
  local name=$1 dir=$2 command=$3 out=$work/out code
  [[ $name == ${ONLY:-*} ]] || return 0
  (cd "$app/$dir" && bash -c "$command") >"$out" 2>&1 </dev/null
  code=$?
  {
    printf '$ %s\nexit %d\n' "$command" "$code"
    sed -e "s#$app#/home/dev/app#g" -e "s#$work/home#/home/dev#g" -e "s#${node_prefix:-/nonexistent/prefix}#/home/dev/app#g" \
        -e "s#\(\.\./\)*$(basename "${node_prefix:-none}")/node_modules#../node_modules#g" -e "s#$work#/home/dev#g" -e "s#$CARGO_HOME#/home/dev/.cargo#g" -e 's#(/usr[^ )]*/rustlib#(/home/dev/rustlib#g' "$out"
  } >"$here/$name.txt"
  echo "$name: exit $code"
}
have() { command -v "$1" >/dev/null; }
for part in "$here"/record.d/*.sh; do . "$part"; done
