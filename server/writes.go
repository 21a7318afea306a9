package server

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"lathe/learn"
	"lathe/toolforge"
	"lathe/toolforge/sandbox"
)

// shortestSecret is the length, in bytes, from which the value of a secret is
// looked for in what a call printed: shorter ones stand in any text.
const shortestSecret = 6

// variables gives a call the variables that its manifest names, with the values
// that Lathe's own environment has.
func variables(p learn.Permissions) ([]string, error) {
	var env []string
	for _, name := range slices.Concat(p.Environment, p.Secrets) {
		value, there := os.LookupEnv(name)
		if !there {
			return nil, fmt.Errorf("the tool needs the variable %s, which is not in the daemon's environment: set it there, and start the daemon again (lathe stop)", name)
		}
		env = append(env, name+"="+value)
	}
	return env, nil
}

// hideSecrets takes the values of secrets out of what a call printed: it goes
// to the agent and into the log.
func hideSecrets(p learn.Permissions, res *sandbox.Result) {
	for _, name := range p.Secrets {
		if value := os.Getenv(name); len(value) >= shortestSecret {
			res.Stdout = bytes.ReplaceAll(res.Stdout, []byte(value), []byte("["+name+"]"))
			res.Stderr = bytes.ReplaceAll(res.Stderr, []byte(value), []byte("["+name+"]"))
		}
	}
}

// staged shows the folders that a tool may write: what it writes is applied
// when its call has succeeded, and not before.
func staged(p learn.Permissions, workspace string) ([]sandbox.Bind, error) {
	if p.Filesystem != "write" {
		return nil, nil
	}
	var binds []sandbox.Bind
	for _, name := range p.Paths {
		host := filepath.Join(workspace, filepath.FromSlash(path.Clean(name)))
		if fi, err := os.Lstat(host); err != nil || !fi.IsDir() {
			return nil, fmt.Errorf("the tool writes into %s, which is no folder of the workspace: make it first", name)
		}
		binds = append(binds, sandbox.Bind{Host: host, Guest: path.Join(guestWorkspace, path.Clean(name)), Staged: true})
	}
	return binds, nil
}

// errUnwritten says that a call's changes were not made.
var errUnwritten = errors.New("nothing was written")

// applyWrites makes the changes of a call that succeeded, all or none of them
// as far as they can be judged before.
func applyWrites(spec *sandbox.Spec, res *sandbox.Result) error {
	if len(res.Unstaged) > 0 {
		return fmt.Errorf("%w: the tool did what cannot be taken over: %.300s", errUnwritten, res.Unstaged[0])
	}
	byFolder := map[int][]sandbox.Change{}
	for _, c := range res.Changes {
		if part := toolforge.ProtectedPath(c.Path); part != "" {
			return fmt.Errorf("%w: the tool wrote %.200q, and %s is never written by a tool", errUnwritten, c.Path, part)
		}
		byFolder[c.Bind] = append(byFolder[c.Bind], c)
	}
	for i, b := range spec.Binds {
		if changes := byFolder[i]; len(changes) > 0 {
			if err := sandbox.Apply(b.Host, changes); err != nil {
				return fmt.Errorf("only a part was written: %w", err)
			}
		}
	}
	return nil
}
