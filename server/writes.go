package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

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

// HideSecrets takes the values of these variables out of what a call printed
// and asked of the network: it goes to the agent and into the log.
func HideSecrets(names []string, res *sandbox.Result) {
	for _, name := range names {
		value := os.Getenv(name)
		if len(value) < shortestSecret {
			continue
		}
		quoted, _ := json.Marshal(value) // strings always can be
		for _, form := range []string{value, string(quoted[1 : len(quoted)-1]), base64.StdEncoding.EncodeToString([]byte(value))} {
			res.Stdout = bytes.ReplaceAll(res.Stdout, []byte(form), []byte("["+name+"]"))
			res.Stderr = bytes.ReplaceAll(res.Stderr, []byte(form), []byte("["+name+"]"))
			for i := range res.Network {
				r := &res.Network[i]
				r.Host, r.Reason = strings.ReplaceAll(r.Host, form, "["+name+"]"), strings.ReplaceAll(r.Reason, form, "["+name+"]")
			}
		}
	}
}

// workspaceBinds adds what a tool may see of the workspace: all of it or the
// named parts, read-only, or with the folders that it may write laid over it.
// What it writes is applied when its call has succeeded, and not before. Of the
// named parts those that are there are shown: not every workspace has all.
func workspaceBinds(binds []sandbox.Bind, p learn.Permissions, workspace string) ([]sandbox.Bind, error) {
	write := p.Filesystem == "write"
	var paths []string
	for _, name := range p.Paths {
		paths = append(paths, path.Clean(name))
	}
	slices.Sort(paths) // a folder before what is in it
	if write || len(paths) == 0 || slices.Contains(paths, ".") {
		binds = append(binds, sandbox.Bind{Host: workspace, Guest: guestWorkspace})
		if !write {
			return binds, nil
		}
	}
	var taken []string
	for _, name := range paths {
		if slices.ContainsFunc(taken, func(around string) bool { return name == around || strings.HasPrefix(name, around+"/") }) {
			continue
		}
		host, err := plainPath(workspace, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		taken = append(taken, name)
		binds = append(binds, sandbox.Bind{Host: host, Guest: path.Join(guestWorkspace, name), Staged: write})
	}
	if write && taken == nil {
		return nil, fmt.Errorf("the tool writes into %s, which is no folder of the workspace: make it first", strings.Join(p.Paths, ", "))
	}
	return binds, nil
}

// plainPath is a part of the workspace that is reached without links.
func plainPath(workspace, name string) (string, error) {
	at := workspace
	for part := range strings.SplitSeq(name, "/") {
		at = filepath.Join(at, part)
		fi, err := os.Lstat(at)
		if err != nil {
			return "", err
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			return "", fmt.Errorf("the tool may use %s of the workspace, which is or leads through a link: it is not followed", name)
		}
	}
	return at, nil
}

// errUnwritten says that a call's changes were not made.
var errUnwritten = errors.New("nothing was written")

// applyWrites makes the changes of a call that succeeded, all or none of them
// as far as they can be judged before.
func (f *forge) applyWrites(spec *sandbox.Spec, res *sandbox.Result) error {
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
	f.applying.Lock() // one call's changes after the other's
	defer f.applying.Unlock()
	for i, b := range spec.Binds {
		if changes := byFolder[i]; len(changes) > 0 {
			if err := sandbox.Apply(b.Host, changes); err != nil {
				return fmt.Errorf("only a part was written: %w", err)
			}
		}
	}
	return nil
}
