package recovery

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// harmful reports whether a command does what cannot be taken back, reaches
// beyond the checkout, or makes later commands run somebody else's code. What
// was observed of it counts, and nobody is told to do it: whether a session was
// right to is for a person to say, and two invented sessions would be enough to
// have it said to all.
func harmful(words []string) bool {
	for _, c := range simpleCommands(words) {
		for from, i := 0, 0; i <= len(c); i++ {
			if i == len(c) || c[i] == "|" {
				if harms(c[from:i]) {
					return true
				}
				from = i + 1
			}
		}
	}
	return slices.ContainsFunc(words, func(w string) bool { return isAssignment(w) && injects(w) })
}

// harms is harmful for one simple command, without assignments and wrappers.
func harms(words []string) bool {
	for len(words) > 0 && (isAssignment(words[0]) || isWrapper(words[0]) || words[0] == "doas" || words[0] == "xargs" || isFlag(words[0])) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	name, rest := path.Base(words[0]), words[1:]
	has := func(any ...string) bool {
		return slices.ContainsFunc(rest, func(w string) bool { return slices.Contains(any, w) })
	}
	switch name {
	case "rm", "rmdir", "unlink":
		named := slices.DeleteFunc(slices.Clone(rest), func(w string) bool { return isFlag(w) || isOperator(w) })
		return len(named) == 0 || slices.ContainsFunc(named, func(w string) bool { return !remade(w, deep(rest)) }) // none: they come from a pipe
	case "dd", "shred", "mkfs", "wipefs", "fdisk", "parted", "truncate", "chown", "chgrp", "crontab", "reboot", "shutdown", "poweroff", "halt",
		"killall", "userdel", "passwd", "visudo", "iptables", "ufw", "ssh-keygen", "ssh-add", "gpg", "nc", "ncat", "socat", "scp", "rsync", "at":
		return true
	case "chmod":
		return deep(rest) || has("777", "0777", "a+rwx", "a+w", "o+w", "u+s", "+s", "666")
	case "kill", "pkill":
		return has("-1")
	case "find":
		return has("-delete", "-exec", "-execdir", "-ok")
	case "git":
		return gitHarms(rest)
	case "docker", "podman":
		return has("prune", "rmi", "push", "login", "--privileged") || has("volume", "image", "network") && has("rm", "remove") || has("-v", "--volumes") && has("down", "rm")
	case "kubectl", "helm", "terraform", "tofu", "aws", "gcloud", "az", "heroku", "fly", "vercel", "netlify", "ansible-playbook":
		return has("delete", "destroy", "uninstall", "apply", "rm", "rb", "remove", "drain", "deploy", "taint", "terminate-instances", "create", "replace")
	case "gh", "glab":
		return has("delete", "merge", "close", "create", "edit", "upload", "set")
	case "psql", "mysql", "sqlite3", "mongo", "mongosh", "redis-cli", "dropdb":
		return name == "dropdb" || drops(strings.Join(rest, " "))
	}
	return has("publish", "login", "adduser", "unpublish")
}

func gitHarms(rest []string) bool {
	has := func(any ...string) bool {
		return slices.ContainsFunc(rest, func(w string) bool { return slices.Contains(any, w) })
	}
	sub := ""
	for _, w := range rest {
		if !isFlag(w) {
			sub = w
			break
		}
	}
	switch sub {
	case "push", "clean", "gc", "prune", "filter-branch", "filter-repo", "reflog", "update-ref":
		return true
	case "reset":
		return has("--hard", "--merge", "--keep")
	case "checkout", "restore", "switch":
		return has("-f", "--force", ".", "--", "--discard-changes")
	case "branch", "tag":
		return has("-D", "-d", "--delete", "-f", "--force", "-M")
	case "stash":
		return has("drop", "clear")
	case "rm":
		return !has("--cached")
	case "worktree", "remote", "submodule":
		return has("remove", "rm", "deinit", "set-url", "add")
	case "config":
		// What a configuration runs, trusts, or sends elsewhere.
		return slices.ContainsFunc(rest, func(w string) bool {
			w = strings.ToLower(w)
			return w != "safe.directory" && (strings.Contains(w, "ssl") || strings.HasPrefix(w, "url.") || strings.HasPrefix(w, "alias.") ||
				strings.Contains(w, "command") || strings.Contains(w, "proxy") || strings.Contains(w, "hookspath") || strings.Contains(w, "credential") ||
				strings.Contains(w, "fsmonitor") || strings.Contains(w, "editor") || strings.Contains(w, "pager"))
		})
	}
	return false
}

// remade reports whether what a path names is made again by the next build, or
// holds a place and nothing else. Of a path that the error names only a single
// file may go.
func remade(w string, deep bool) bool {
	w = strings.Trim(w, `'"`)
	if strings.HasPrefix(w, "/") || strings.HasPrefix(w, "~") || strings.HasPrefix(w, "$") || strings.Contains(w, "..") {
		return false
	}
	base := path.Base(w)
	switch base {
	case "node_modules", "build", "dist", "target", "out", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".venv", "venv",
		".eggs", ".next", ".nuxt", ".cache", ".parcel-cache", ".turbo", "coverage", ".coverage", "htmlcov", "CMakeCache.txt", "CMakeFiles", "package-lock.json", "yarn.lock",
		"pnpm-lock.yaml", ".gradle", ".angular":
		return true
	}
	switch path.Ext(base) {
	case ".lock", ".pid", ".pyc", ".o", ".sock", ".tsbuildinfo":
		return !deep && !strings.ContainsAny(w, "*?[") || base == "*.pyc" || base == "*.o"
	case ".egg-info":
		return true
	}
	return !deep && strings.HasPrefix(w, "{path") && strings.HasSuffix(w, "}")
}

// deep reports whether the flags of rm or chmod have it go into folders.
func deep(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return w == "--recursive" || isFlag(w) && !strings.HasPrefix(w, "--") && strings.ContainsAny(w, "rR")
	})
}

// drops reports whether a statement removes data.
func drops(statement string) bool {
	s := strings.ToLower(statement)
	return slices.ContainsFunc([]string{"drop ", "delete ", "truncate ", "flushall", "flushdb", "dropdatabase"}, func(w string) bool { return strings.Contains(s, w) })
}

// injects reports whether an assignment has other programs run or load code.
func injects(w string) bool {
	name, value, _ := strings.Cut(w, "=")
	switch name {
	case "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "PROMPT_COMMAND", "IFS",
		"GIT_SSH_COMMAND", "GIT_SSH", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "EDITOR", "VISUAL", "PYTHONSTARTUP", "PERL5OPT", "RUBYOPT",
		"GIT_SSL_NO_VERIFY", "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY":
		return true
	case "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "PYTHONPATH", "NODE_PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "GOFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER", "PATH":
		return strings.Contains(value, "require") || strings.Contains(value, "import") || strings.Contains(value, "agent") || strings.Contains(value, "toolexec") ||
			name == "RUSTC_WRAPPER" || strings.Contains(value, "/tmp") || strings.HasPrefix(value, "~")
	}
	return false
}

// guessed reports whether an action installs a package whose name was put
// together: {module} and something that the sessions put beside it. That the
// whole name is a package is known of none but theirs.
func guessed(a *pattern) bool {
	if a.Intent != learn.IntentInstall {
		return false
	}
	for _, w := range a.Words {
		open := parameters(w)
		if len(open) == 0 || isFlag(w) {
			continue
		}
		before, after, _ := strings.Cut(strings.Trim(w, `'"`), "{"+open[0]+"}")
		if strings.HasPrefix(before, "./") || strings.HasPrefix(before, "../") {
			continue // of the checkout
		}
		if len(open) > 1 || !slices.Contains([]string{"", "python3-", "python-", "types-", "@types/", "lib"}, before) {
			return true
		}
		if after != "" && after != "-dev" && !strings.ContainsAny(after[:1], "=<>!~@[:") || before != "lib" && after == "-dev" {
			return true
		}
	}
	return false
}
