package recovery

import "strings"

// public reports whether every constant of the actions is public vocabulary:
// programs, subcommands, flags and small numbers that anyone would know, or
// parameters bound to what the error names. Only then may a remedy leave its
// project.
func public(actions []pattern) bool {
	for _, a := range actions {
		if !publicName(a.Tool) {
			return false
		}
		for _, w := range a.Words {
			if !publicWord(w) {
				return false
			}
		}
		for k, v := range a.Params {
			if !publicName(k) || !publicWord(v) {
				return false
			}
		}
	}
	return true
}

// publicName bounds the names of tools and parameters, which belong to agents
// rather than to projects.
func publicName(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func publicWord(w string) bool {
	if w == anyToken {
		return false // it stands for words that are not public
	}
	for _, p := range parameters(w) {
		w = strings.ReplaceAll(w, "{"+p+"}", "")
	}
	w = strings.TrimPrefix(w, "/")
	switch {
	case w == "" || isOperator(w) || wellKnown(w):
		return true
	case strings.HasPrefix(w, "--"):
		return len(w) <= 24 && strings.Trim(w[2:], "abcdefghijklmnopqrstuvwxyz-=") == ""
	case w[0] == '-':
		return len(w) <= 4
	}
	return len(w) <= 3 && strings.Trim(w, "0123456789") == ""
}

// wellKnown lists programs, subcommands and packages of tools that everybody
// has heard of.
func wellKnown(w string) bool {
	return strings.Contains(vocabulary, " "+w+" ") && !strings.Contains(w, " ")
}

const vocabulary = " " +
	"python python2 python3 pip pip3 pipx uv poetry conda pytest unittest nose tox nox mypy pyright " +
	"flake8 ruff black isort pylint django venv virtualenv ensurepip wheel setuptools node npm npx " +
	"pnpm yarn bun deno jest vitest mocha eslint prettier tsc typescript webpack vite go gofmt " +
	"golangci-lint govulncheck cargo rustc rustup clippy rustfmt java javac mvn gradle kotlin dotnet " +
	"ruby gem bundle rake rspec php composer phpunit perl gcc g++ clang cmake make ninja ctest meson " +
	"git docker podman kubectl helm terraform apt apt-get apk dnf yum brew dpkg snap systemctl " +
	"service install uninstall update upgrade add remove init build test run check fmt vet lint mod " +
	"tidy get download vendor generate sync list show freeze clean ci exec create start stop restart " +
	"up down pull push fetch checkout stash pop commit reset restore rebase merge clone config status " +
	"log diff branch switch tag submodule worktree apply mkdir rmdir touch rm cp mv ln chmod chown " +
	"kill pkill sleep cd true export source sh bash zsh sudo env time which curl wget tar unzip gzip " +
	"sed awk grep rg find xargs cat head tail tee ls jq sqlite3 psql mysql redis-cli compose migrate " +
	"makemigrations build_ext develop . .. {} 2>&1 >/dev/null /dev/null ./... " +
	"__init__.py __main__.py setup.py setup.cfg pyproject.toml requirements.txt requirements-dev.txt conftest.py manage.py " +
	"tox.ini package.json package-lock.json node_modules tsconfig.json go.mod go.sum Cargo.toml Cargo.lock pom.xml build.gradle " +
	"Makefile CMakeLists.txt Gemfile composer.json .venv venv .git .gitignore .env "
