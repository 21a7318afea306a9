#!/usr/bin/env bash
# Re-records what the real tools print, one file a command:
#   $ <command line>
#   exit <code>
#   <output, stdout and stderr as they came>
# Usage: [ONLY='make-*'] [PARTS='go go2'] testdata/record.sh [NODE_PREFIX]
# Needs (Debian): python3-pytest python3-pytest-xdist python3-nose python3-nose2
# tox python3-django mypy flake8 pylint gcc clang make cmake ninja-build
# libgtest-dev default-jdk-headless junit4 maven maven-debian-helper
# libsurefire-java gradle ruby-rspec ruby-minitest rake phpunit bats; go with
# gotestsum and golangci-lint in the PATH; cargo with clippy; NODE_PREFIX is a
# folder in which "npm install jest vitest mocha eslint typescript pyright yarn
# pnpm @microsoft/eslint-formatter-sarif" was run; docker.sh says what it needs.
# What is missing is left as it was. versions.txt gets what was used.
set -u
here=$(cd "$(dirname "$0")" && pwd)
node_prefix=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
app=$work/app
if [ -d "${DOCKER_CONFIG:-$HOME/.docker}" ]; then export DOCKER_CONFIG=${DOCKER_CONFIG:-$HOME/.docker}; fi
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
        -e "s#\(\.\./\)*$(basename "${node_prefix:-none}")/node_modules#../node_modules#g" -e "s#$work#/home/dev#g" -e "s#$CARGO_HOME#/home/dev/.cargo#g" -e 's#(/usr[^ )]*/rustlib#(/home/dev/rustlib#g' \
        -e 's#^\([a-z]* installed: \).*#\1pytest==7.2.1#' \
        -e "s#${SYMPY:-/nonexistent/sympy}#/usr/lib/python3/dist-packages#g" -e "s#/[^ ]*/buildkit-mount#/var/lib/docker/tmp/buildkit-mount#" -e "s#\b$(hostname)\b#devbox#g" -e "s#https\?://\(registry\|repo\)\.[a-z.]*#https://registry.example#g" "$out"
  } >"$here/$name.txt"
  echo "$name: exit $code"
}
have() { command -v "$1" >/dev/null; }
# Those whose names end in 2 extend the projects of those without.
for part in ${PARTS:-python python2 lint go go2 js js2 rust rust2 unix cpp java ruby php tap plain docker}; do
  . "$here/record.d/$part.sh"
done
. "$here/record.d/versions.sh"
