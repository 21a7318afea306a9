# versions.txt: which versions the recordings were made with. A line is kept
# when its tool is not there.
version() { # TOOL COMMAND...
  local tool=$1 v
  shift
  v=$("$@" 2>&1 </dev/null | sed 's/\x1b\[[0-9;]*m//g' | grep -oE '[0-9]+(\.[0-9]+)+' | head -1)
  [ -n "$v" ] || return 0
  grep -v "^$tool	" "$here/versions.txt" 2>/dev/null >"$work/versions"
  printf '%s\t%s\n' "$tool" "$v" >>"$work/versions"
  LC_ALL=C sort "$work/versions" >"$here/versions.txt"
}
in_node() { [ -n "$node_prefix" ] && (cd "$node_prefix" && npx "$@"); }
version pytest /usr/bin/python3 -m pytest --version
version pytest-xdist dpkg-query -W -f '${Version}' python3-pytest-xdist
version unittest /usr/bin/python3 --version
version django /usr/bin/python3 -m django --version
version nose nosetests3 --version
version nose2 dpkg-query -W -f '${Version}' python3-nose2
version tox tox --version
[ -n "${SYMPY:-}" ] && version "SymPy's runner" env PYTHONPATH="$SYMPY" /usr/bin/python3 -c "import sympy; print(sympy.__version__)"
version mypy mypy --version
version flake8 flake8 --version
version pylint pylint --version
version ruff ruff --version
version "go test, go build, go vet" go version
version gotestsum sh -c "gotestsum --version | grep '[0-9]' || dpkg-query -W -f '\${Version}' gotestsum"
version golangci-lint golangci-lint --version
for t in jest vitest mocha eslint tsc pyright yarn pnpm; do version $t in_node $t --version; done
version "node:test" node --version
version npm npm --version
[ -n "${YARN1:-}" ] && version "yarn (classic)" "$YARN1" --version
version "cargo test, cargo build" cargo --version
version clippy cargo clippy --version
version gcc gcc --version
version clang clang --version
version make make --version
version "cmake, ctest" cmake --version
version ninja ninja --version
version googletest dpkg-query -W -f '${Version}' libgtest-dev
version javac javac --version
version maven mvn --version
version surefire printf 2.22.3
version gradle sh -c "gradle --version 2>/dev/null | grep '^Gradle'"
version junit5 dpkg-query -W -f '${Version}' junit5
version junit4 dpkg-query -W -f '${Version}' junit4
version rspec rspec --version
version minitest dpkg-query -W -f '${Version}' ruby-minitest
version phpunit phpunit --version
version prove prove --version
version bats bats --version
if [ -n "${DOCKER_HOST:-}" ]; then
  version "docker (client)" docker --version
  version "docker buildx" sh -c "go version -m '${DOCKER_CONFIG:-}/cli-plugins/docker-buildx' | grep -P '^\tmod\t'"
  version "docker (daemon)" docker version -f '{{.Server.Version}}'
fi
