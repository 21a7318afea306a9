package codegraph

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// log reads at most n commits of a path, back from a commit. The path is none
// of git's patterns. A submodule that is or was there is not entered: git would
// start itself in it, without what is switched off here.
func (g *Graph) log(ctx context.Context, commit, name string, n int, args ...string) ([]byte, error) {
	args = append([]string{"log", "--no-show-signature", "--no-notes", "--encoding=UTF-8", "--no-color", "--no-renames", "--no-ext-diff",
		"--no-textconv", "--no-diff-merges", "--submodule=short", "--ignore-submodules=all", "-n", strconv.Itoa(n),
		"--format=" + recordSeparator + "%H" + fieldSeparator + "%ct" + fieldSeparator + "%an"}, args...)
	return g.git(ctx, append(args, commit, "--", name)...)
}

// committed is a file's content in a commit as it is stored there; nothing when
// it is not a file there.
func (g *Graph) committed(ctx context.Context, commit, name string) ([]byte, error) {
	entry, err := g.git(ctx, "ls-tree", "-z", commit, "--", name)
	if err != nil {
		return nil, err
	}
	about, _, _ := strings.Cut(string(entry), "\t")
	if parts := strings.Fields(about); len(parts) == 3 && strings.HasPrefix(parts[0], "100") && parts[1] == "blob" {
		return g.git(ctx, "cat-file", "blob", parts[2])
	}
	return nil, nil
}

// switchedOff is all of a checkout's configuration that would start a program
// in what is run here, or change what it writes. Content of the working tree is
// not asked for at all: filters are named by the checkout and have no switch.
func switchedOff() []string {
	return []string{"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null",
		"-c", "protocol.allow=never", "-c", "protocol.ext.allow=never", "-c", "log.showSignature=false", "-c", "log.showRoot=true",
		"-c", "log.follow=false", "-c", "core.quotePath=false", "-c", "diff.external=", "-c", "core.alternateRefsCommand="}
}

// environment is this process's without what a hook's says of another
// repository. The one protocol that may be fetched by has a name that nobody
// can know: for an empty or a fixed one the checkout can define an alias
// "remote-NAME", and git before 2.45 does not know GIT_NO_LAZY_FETCH.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			env = append(env, v)
		}
	}
	return append(env, "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL="+rand.Text(), "GIT_LITERAL_PATHSPECS=1",
		"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

// git runs git in the workspace. A checkout brings its own configuration
// along, so whatever in it would start a program is switched off, and nothing
// is fetched.
func (g *Graph) git(ctx context.Context, args ...string) ([]byte, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, ErrNoGit
	}
	if _, err := os.Stat(g.dir); err != nil {
		return nil, fmt.Errorf("codegraph: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(switchedOff(), args...)...)
	cmd.Dir, cmd.Env = g.dir, environment()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("codegraph: git: %w", err)
	}
	var problems bytes.Buffer
	cmd.Stderr = &limited{&problems, 4096}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("codegraph: git: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(pipe, maxGitOutput))
	if len(out) >= maxGitOutput { // what is there is the newest; the rest is not needed
		cancel()
		_ = cmd.Wait()
		return out, nil
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		if text := problems.String(); strings.Contains(text, "not a git repository") || text == "" {
			return nil, ErrNoGit
		}
		return nil, fmt.Errorf("codegraph: git %s: %w: %s", args[0], err, strings.TrimSpace(problems.String()))
	}
	return out, nil
}

// limited writes as much as fits.
type limited struct {
	w    *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	l.w.Write(p[:min(len(p), max(0, l.left-l.w.Len()))])
	return len(p), nil
}
