package action

import "lathe/learn"

// The tables below are vocabulary, not configuration: they are read only.

// shells run the string after -c.
var shells = set("sh", "bash", "zsh", "dash", "ksh", "ash", "fish")

// shellTools are the names (see baseName) of tools that run a command line.
var shellTools = set("bash", "shell", "sh", "execute_bash", "execute_command", "run_command",
	"run_shell_command", "run_terminal_cmd", "run_in_terminal", "terminal", "exec", "exec_command",
	"local_shell", "local_shell_call", "shell_command", "cmd", "command", "execute", "run_bash", "bash_tool",
	"developer_shell", "container_exec", "run_terminal_command")

// wrapper describes a program that runs the program named after its own
// arguments.
type wrapper struct {
	valued     map[string]bool // flags that take the next word
	positional int             // words of its own before the program
	assigns    bool            // NAME=value words may come first
	sub        map[string]bool // only after this subcommand ("uv run")
}

var wrappers = map[string]wrapper{
	"sudo":     {valued: set("-u", "-g", "-h", "-p", "-C"), assigns: true},
	"doas":     {valued: set("-u", "-C")},
	"env":      {valued: set("-u", "-C", "-S"), assigns: true},
	"timeout":  {valued: set("-s", "-k", "--signal", "--kill-after"), positional: 1},
	"gtimeout": {valued: set("-s", "-k"), positional: 1},
	"nice":     {valued: set("-n")}, "ionice": {valued: set("-c", "-n", "-p")},
	"nohup": {}, "time": {valued: set("-o", "-f")}, "command": {}, "exec": {valued: set("-a")}, "builtin": {},
	"setsid": {}, "stdbuf": {valued: set("-i", "-o", "-e")}, "xvfb-run": {}, "unbuffer": {},
	"strace": {valued: set("-e", "-o", "-p", "-s")}, "ltrace": {valued: set("-e", "-o")},
	"watch": {valued: set("-n", "--interval")}, "chronic": {}, "eatmydata": {}, "chroot": {positional: 1},
	"xargs":    {valued: set("-I", "-n", "-P", "-d", "-L", "-a", "-s", "-E", "--max-args", "--max-procs")},
	"parallel": {valued: set("-j", "--jobs")},
	"uv":       {sub: set("run"), valued: set("--with", "--python", "-p", "--extra", "--group", "--project")},
	"poetry":   {sub: set("run")}, "pipenv": {sub: set("run")}, "pdm": {sub: set("run")}, "rye": {sub: set("run")},
	"hatch": {sub: set("run")}, "pixi": {sub: set("run")}, "conda": {sub: set("run"), valued: set("-n", "-p", "--name", "--prefix")},
	"mamba":  {sub: set("run"), valued: set("-n", "-p")},
	"bundle": {sub: set("exec")}, "npx": {valued: set("-p", "--package")}, "bunx": {}, "uvx": {valued: set("--from", "--with")},
	"pnpm": {sub: set("exec", "dlx")}, "yarn": {sub: set("exec", "dlx")}, "dotenv": {}, "pipx": {sub: set("run")},
	"coverage": {sub: set("run"), valued: set("--source", "--rcfile", "--omit")},
}

// quiet programs only prepare or report; they never say what a line is for.
var quiet = set("cd", "export", "set", "unset", "source", ".", "pushd", "popd", "echo", "printf", "true", "false",
	"sleep", "wait", "local", "declare", "readonly", "alias", "shopt", "ulimit", "umask", "trap", "exit", "return",
	":", "[", "test", "read", "break", "continue", "shift", "let", "eval", "hash", "date", "pwd", "mktemp", "tput", "clear")

// filters say what a pipeline is for only when they begin it.
var filters = set("head", "tail", "wc", "sort", "uniq", "cut", "tr", "less", "more", "cat", "nl", "column", "tac",
	"rev", "paste", "fold", "fmt", "expand", "xxd", "od", "hexdump", "jq", "yq", "awk", "gawk", "mawk", "sed", "base64")

// programIntent is the intent of programs whose name says it all.
var programIntent = intents(map[learn.Intent][]string{
	learn.IntentTest: {"pytest", "py.test", "unittest", "nosetests", "nose2", "tox", "nox", "jest", "vitest", "mocha",
		"ava", "tap", "karma", "cypress", "playwright", "rspec", "minitest", "phpunit", "ctest", "bats", "runtests.py",
		"runtests", "gotestsum", "doctest", "trial", "behave", "testem", "qunit", "nextest", "cargo-nextest", "stestr", "runtest.py", "run_tests.py", "run-tests.py"},
	learn.IntentBuild: {"make", "gmake", "cmake", "ninja", "meson", "bazel", "gcc", "g++", "cc", "c++", "clang", "clang++",
		"ld", "ar", "rustc", "javac", "mvn", "mvnw", "gradle", "gradlew", "ant", "sbt", "webpack", "rollup", "vite", "esbuild",
		"parcel", "turbo", "swiftc", "kotlinc", "ghc", "scons", "autoconf", "automake", "autoreconf", "configure",
		"cython", "protoc", "build", "compileall", "py_compile", "msbuild", "dotnet", "tectonic", "pdflatex", "sphinx-build", "sphinx"},
	learn.IntentLint: {"flake8", "ruff", "pylint", "eslint", "golangci-lint", "staticcheck", "shellcheck", "pycodestyle",
		"pyflakes", "pydocstyle", "rubocop", "stylelint", "hadolint", "yamllint", "markdownlint", "tslint", "bandit",
		"clippy", "clang-tidy", "cppcheck", "pre-commit", "revive", "oxlint", "biome", "vulture", "isort-check"},
	learn.IntentFormat: {"black", "isort", "prettier", "gofmt", "goimports", "gofumpt", "rustfmt", "clang-format",
		"autopep8", "yapf", "shfmt", "autoflake", "pyupgrade", "dos2unix"},
	learn.IntentTypecheck: {"mypy", "pyright", "basedpyright", "tsc", "pytype", "pyre", "vue-tsc", "flow", "gopls"},
	learn.IntentInstall: {"pip", "pip3", "pipx", "apt", "apt-get", "aptitude", "dpkg", "yum", "dnf", "apk", "brew",
		"pacman", "zypper", "gem", "composer", "conda", "mamba", "npm", "yarn", "pnpm", "bun", "uv", "poetry", "pipenv", "pdm",
		"rustup", "nvm", "pyenv", "easy_install", "venv", "virtualenv", "ensurepip", "corepack", "snap", "rpm"},
	learn.IntentRead: {"cat", "head", "tail", "less", "more", "nl", "bat", "od", "xxd", "hexdump", "strings", "wc", "sed",
		"awk", "gawk", "mawk", "diff", "cmp", "file", "jq", "yq", "cut", "sort", "uniq", "tac", "column", "md5sum", "sha256sum",
		"man", "help", "info", "env", "printenv", "uname", "whoami", "id", "hostname", "nproc", "free", "df", "ps", "top",
		"zcat", "pydoc", "objdump", "nm", "readelf", "ldd", "tr", "paste", "comm", "join", "base64", "lsof", "ss", "netstat", "inspect"},
	learn.IntentSearch: {"grep", "egrep", "fgrep", "rg", "ag", "ack", "zgrep", "which", "whereis", "type", "locate", "fd",
		"fdfind", "ctags", "ast-grep", "pgrep", "apropos"},
	learn.IntentList:   {"ls", "tree", "find", "du", "stat", "dir", "exa", "eza", "realpath", "readlink", "basename", "dirname"},
	learn.IntentEdit:   {"patch", "apply_patch", "applypatch", "ed", "ex", "vim", "vi", "nano", "emacs", "chmod", "chown", "mv", "rename", "truncate", "codemod", "2to3"},
	learn.IntentCreate: {"mkdir", "touch", "cp", "ln", "tee", "install", "dd", "tar", "unzip", "zip", "gunzip", "gzip", "unxz", "rsync", "split"},
	learn.IntentDelete: {"rm", "rmdir", "unlink", "shred"},
	learn.IntentVCS:    {"git", "hg", "svn", "gh", "jj", "glab", "bzr"},
	learn.IntentNetwork: {"curl", "wget", "ssh", "scp", "ping", "nc", "ncat", "telnet", "dig", "nslookup", "host", "http",
		"httpie", "sftp", "ftp", "aria2c", "traceroute"},
	learn.IntentRun: {"python", "python2", "python3", "node", "deno", "ruby", "perl", "php", "java", "lua", "Rscript",
		"julia", "go", "cargo", "docker", "podman", "kubectl", "helm", "terraform", "ansible", "psql", "mysql", "sqlite3",
		"redis-cli", "mongosh", "docker-compose", "systemctl", "service", "kill", "pkill", "killall", "ts-node", "tsx", "ipython",
		"gdb", "pdb", "flask", "django-admin", "manage.py", "uvicorn", "gunicorn", "sh", "bash", "zsh", "dash", "su", "aws",
		"gcloud", "az", "setup.py", "asv", "jupyter", "timeit", "cProfile", "crontab", "screen", "tmux", "http.server"},
	learn.IntentSubmit: {"submit"},
})

// subIntent is the intent of program + subcommand. "" is the program alone.
var subIntent = map[string]map[string]learn.Intent{
	"go": {"test": learn.IntentTest, "build": learn.IntentBuild, "vet": learn.IntentLint, "fmt": learn.IntentFormat,
		"get": learn.IntentInstall, "install": learn.IntentInstall, "mod": learn.IntentInstall, "run": learn.IntentRun,
		"generate": learn.IntentBuild, "list": learn.IntentList, "env": learn.IntentRead, "doc": learn.IntentRead,
		"version": learn.IntentRead, "work": learn.IntentInstall, "fix": learn.IntentEdit, "clean": learn.IntentDelete},
	"cargo": {"test": learn.IntentTest, "nextest": learn.IntentTest, "build": learn.IntentBuild, "check": learn.IntentTypecheck,
		"clippy": learn.IntentLint, "fmt": learn.IntentFormat, "run": learn.IntentRun, "add": learn.IntentInstall,
		"install": learn.IntentInstall, "bench": learn.IntentTest, "doc": learn.IntentBuild, "update": learn.IntentInstall,
		"fetch": learn.IntentInstall, "tree": learn.IntentList, "new": learn.IntentCreate, "init": learn.IntentCreate, "clean": learn.IntentDelete},
	"git": {"clone": learn.IntentNetwork, "fetch": learn.IntentNetwork, "pull": learn.IntentNetwork, "push": learn.IntentNetwork,
		"apply": learn.IntentEdit, "am": learn.IntentEdit, "grep": learn.IntentSearch, "ls-files": learn.IntentList,
		"rm": learn.IntentDelete, "mv": learn.IntentEdit},
	"ruff":   {"format": learn.IntentFormat},
	"biome":  {"format": learn.IntentFormat},
	"docker": {"build": learn.IntentBuild, "pull": learn.IntentNetwork, "push": learn.IntentNetwork, "ps": learn.IntentList, "images": learn.IntentList, "logs": learn.IntentRead, "inspect": learn.IntentRead, "rm": learn.IntentDelete, "rmi": learn.IntentDelete},
	"podman": {"build": learn.IntentBuild, "pull": learn.IntentNetwork, "ps": learn.IntentList, "images": learn.IntentList, "logs": learn.IntentRead, "inspect": learn.IntentRead},
	"kubectl": {"get": learn.IntentList, "describe": learn.IntentRead, "logs": learn.IntentRead, "apply": learn.IntentEdit,
		"delete": learn.IntentDelete, "create": learn.IntentCreate},
	"mvn":       {"test": learn.IntentTest, "verify": learn.IntentTest},
	"mvnw":      {"test": learn.IntentTest, "verify": learn.IntentTest},
	"gradle":    {"test": learn.IntentTest, "check": learn.IntentTest},
	"gradlew":   {"test": learn.IntentTest, "check": learn.IntentTest},
	"dotnet":    {"test": learn.IntentTest, "run": learn.IntentRun, "restore": learn.IntentInstall, "format": learn.IntentFormat, "add": learn.IntentInstall},
	"bazel":     {"test": learn.IntentTest, "run": learn.IntentRun, "query": learn.IntentSearch},
	"sbt":       {"test": learn.IntentTest, "run": learn.IntentRun},
	"manage.py": {"test": learn.IntentTest, "check": learn.IntentLint},
	"setup.py": {"test": learn.IntentTest, "build": learn.IntentBuild, "build_ext": learn.IntentBuild, "install": learn.IntentInstall,
		"develop": learn.IntentInstall, "sdist": learn.IntentBuild, "bdist_wheel": learn.IntentBuild},
	"django-admin": {"test": learn.IntentTest},
	"php":          {"artisan": learn.IntentRun},
	"swift":        {"test": learn.IntentTest, "build": learn.IntentBuild},
	"asv":          {"run": learn.IntentTest},
	"terraform":    {"validate": learn.IntentLint, "fmt": learn.IntentFormat, "init": learn.IntentInstall},
	"deno":         {"test": learn.IntentTest, "lint": learn.IntentLint, "fmt": learn.IntentFormat, "check": learn.IntentTypecheck},
}

// managerIntent is the intent of the subcommands that package managers share.
var managerIntent = map[string]learn.Intent{
	"list": learn.IntentList, "ls": learn.IntentList, "show": learn.IntentRead, "info": learn.IntentRead, "view": learn.IntentRead,
	"freeze": learn.IntentList, "search": learn.IntentSearch, "config": learn.IntentRead, "outdated": learn.IntentList,
	"why": learn.IntentRead, "test": learn.IntentTest, "t": learn.IntentTest, "build": learn.IntentBuild, "lint": learn.IntentLint,
	"format": learn.IntentFormat, "start": learn.IntentRun, "policy": learn.IntentRead, "audit": learn.IntentLint,
	"check": learn.IntentLint, "publish": learn.IntentNetwork, "version": learn.IntentRead, "env": learn.IntentRead,
	"typecheck": learn.IntentTypecheck, "cache": learn.IntentOther, "init": learn.IntentCreate, "download": learn.IntentNetwork,
}

// hasSub are the programs whose first positional word is a subcommand that the
// skeleton keeps.
var hasSub = set("git", "hg", "svn", "gh", "glab", "jj", "go", "cargo", "docker", "podman", "docker-compose", "kubectl", "helm",
	"pip", "pip3", "apt", "apt-get", "aptitude", "yum", "dnf", "apk", "brew", "npm", "yarn", "pnpm", "bun", "uv",
	"poetry", "pipenv", "pdm", "conda", "mamba", "gem", "composer", "rustup", "pyenv", "nvm", "mvn", "mvnw", "gradle", "gradlew",
	"dotnet", "bazel", "sbt", "make", "gmake", "ninja", "terraform", "aws", "gcloud", "az", "systemctl", "service", "manage.py", "setup.py",
	"django-admin", "flask", "ruff", "biome", "deno", "swift", "asv", "pre-commit", "hatch", "coverage", "tox", "nox",
	"vagrant", "pipx", "snap", "meson", "corepack", "playwright", "cypress", "turbo", "nx", "lerna", "rye", "pixi")

// twoSubs have a second subcommand ("docker compose up", "go mod tidy", "npm run build").
var twoSubs = map[string]map[string]bool{
	"docker": set("compose", "container", "image", "volume", "network", "system", "buildx"),
	"podman": set("compose", "container", "image", "volume", "network"),
	"go":     set("mod", "work", "tool"), "git": set("stash", "remote", "submodule", "worktree", "bisect", "config"),
	"npm": set("run", "run-script", "config", "cache"), "pnpm": set("run"), "yarn": set("run", "workspace"), "bun": set("run"),
	"uv": set("pip", "tool", "venv"), "pip": set("cache", "config"), "gh": set("pr", "issue", "repo", "run", "api"),
	"conda": set("env"), "poetry": set("env"), "cargo": set("nextest"), "nvm": set(), "aws": set("s3", "ec2", "iam"),
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

func intents(groups map[learn.Intent][]string) map[string]learn.Intent {
	m := map[string]learn.Intent{}
	for intent, names := range groups {
		for _, n := range names {
			m[n] = intent
		}
	}
	return m
}

// known reports whether the tables know a program.
func known(program string) bool {
	_, ok := programIntent[program]
	return ok
}
