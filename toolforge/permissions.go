package toolforge

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
	"lathe/toolforge/egress"
)

// Protected says whether a tool may never write an entry of that name, nor what
// is in it, wherever it lies: what runs by itself when somebody enters the
// folder or opens it in an editor or an agent, and what holds versions.
func Protected(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, ".git") || slices.Contains([]string{
		".hg", ".svn", ".jj", ".bzr", ".husky",
		".lathe", ".ocode", ".opencode", ".claude", ".codex", ".cursor", ".gemini", ".goose", ".aider.conf.yml", ".mcp.json",
		".vscode", ".idea", ".zed", ".fleet", ".devcontainer", ".exrc", ".nvimrc", ".nvim.lua", ".vimrc", ".dir-locals.el", ".editorconfig",
		".envrc", ".env", ".direnv", "mise.toml", ".mise.toml",
	}, name)
}

// ProtectedPath is the first part of a slash-separated path that may not be
// written, or "".
func ProtectedPath(name string) string {
	for part := range strings.SplitSeq(name, "/") {
		if Protected(part) {
			return part
		}
	}
	return ""
}

var variable = lazyregexp.New(`^[A-Z][A-Z0-9_]{0,63}$`)

// steers says whether a variable changes what programs do rather than what they
// are told: how they are found and loaded, and what the sandbox sets itself.
func steers(name string) bool {
	for _, prefix := range []string{"LD_", "PYTHON", "GIT_", "LATHE_", "LC_", "BASH", "SSL_", "XDG_", "NODE_", "PERL", "RUBY"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasSuffix(name, "_PROXY") ||
		slices.Contains([]string{"PATH", "HOME", "LANG", "LANGUAGE", "TMPDIR", "TMP", "TEMP", "ENV", "IFS", "PWD", "SHELL", "SHELLOPTS", "USER", "CDPATH", "PS4"}, name)
}

// Bounds of what permissions name.
const (
	maxPaths = 24 // to read or to write
	maxNamed = 32 // hosts, variables
)

func checkPermissions(p learn.Permissions) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: permissions: %s", ErrFolder, fmt.Sprintf(format, args...))
	}
	switch {
	case !slices.Contains([]string{"none", "read", "write"}, p.Filesystem):
		return bad("filesystem %q: none, read or write", clip(p.Filesystem, 40))
	case !(p.Seconds > 0 && p.Seconds <= maxSeconds):
		return bad("seconds %v: above 0, at most %d", p.Seconds, maxSeconds)
	case p.MemoryMB <= 0 || p.MemoryMB > maxMemoryMB:
		return bad("memory_mb %d: above 0, at most %d", p.MemoryMB, maxMemoryMB)
	case p.Filesystem == "none" && len(p.Paths) > 0:
		return bad("paths are named, but filesystem is none")
	case p.Filesystem == "write" && len(p.Paths) == 0:
		return bad("filesystem is write, but no path is named")
	case len(p.Paths) > maxPaths:
		return bad("%d paths, at most %d", len(p.Paths), maxPaths)
	case len(p.Network) > maxNamed || len(p.Environment)+len(p.Secrets) > maxNamed:
		return bad("at most %d hosts and %d variables", maxNamed, maxNamed)
	}
	for _, name := range p.Paths {
		clean := path.Clean(name)
		if name == "" || path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(name, "\x00\\\n") {
			return bad("path %q leads out of the workspace", clip(name, 80))
		}
		if p.Filesystem == "write" && ProtectedPath(clean) != "" {
			return bad("path %q may not be written", clip(name, 80))
		}
		if p.Filesystem == "write" && clean == "." {
			return bad("the whole workspace may not be written: name folders")
		}
	}
	for _, h := range p.Network {
		if _, err := egress.ParseRule(h); err != nil {
			return bad("host %q is no host name, host:port or address", clip(h, 80))
		}
	}
	seen := map[string]bool{}
	for _, name := range slices.Concat(p.Environment, p.Secrets) {
		if !variable.MatchString(name) || steers(name) || seen[name] {
			return bad("variable %q: capitals, digits and _, each once, and none that steers programs", clip(name, 80))
		}
		seen[name] = true
	}
	return nil
}

// hostsInWords points out what is reached behind the walls of a network.
func hostsInWords(hosts []string) []string {
	var out []string
	for _, h := range hosts {
		if r, err := egress.ParseRule(h); err == nil && r.Inside() {
			h += " (THIS MACHINE OR A PRIVATE NETWORK)"
		}
		out = append(out, h)
	}
	return out
}

// PermissionsInWords says what a tool may do, in plain words.
func PermissionsInWords(p learn.Permissions) string {
	var files string
	switch p.Filesystem {
	case "read":
		files = "reads the workspace"
		if len(p.Paths) > 0 && !slices.Equal(p.Paths, []string{"."}) {
			files = "reads in the workspace only: " + strings.Join(p.Paths, ", ")
		}
		files += "; writes nothing"
	case "write":
		files = "reads the workspace; writes in it only: " + strings.Join(p.Paths, ", ") +
			" (never .git, .lathe, .ocode, .vscode, .envrc and the like, and nothing unless the call succeeds)"
	default:
		files = "reads and writes no files"
	}
	network := "no network"
	if len(p.Network) > 0 {
		network = "network only to " + strings.Join(hostsInWords(p.Network), ", ")
	}
	for _, v := range []struct {
		what  string
		names []string
	}{{"is given the variables", p.Environment}, {"is given the SECRETS", p.Secrets}} {
		if len(v.names) > 0 {
			network += "; " + v.what + " " + strings.Join(v.names, ", ")
		}
	}
	return fmt.Sprintf("%s; %s; at most %g seconds and %d MB of memory.", files, network, p.Seconds, p.MemoryMB)
}
