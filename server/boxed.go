package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lathe/learn"
	"lathe/toolforge"
	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

// guestWorkspace is where a tool sees the workspace.
const guestWorkspace = "/workspace"

// callerDir is where the program lies that calls a tool.
const callerDir = "/opt/lathe/call"

// run calls a deployed tool on a workspace, in the interpreter that waits for
// calls of this tool, project and permissions, or else in a new sandbox.
func (f *forge) run(ctx context.Context, name, workspace string, arguments json.RawMessage) (*deployed, *sandbox.Result, error) {
	t, dir, err := f.lookup(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	base, err := f.images.ToolBase(t.manifest.Digest)
	if err != nil {
		return nil, nil, err
	}
	root, err := f.images.RootFS(ctx, base)
	if err != nil {
		return nil, nil, err
	}
	if err := toolforge.CheckArguments(t.manifest, arguments); err != nil {
		return nil, nil, fmt.Errorf("%s was not called: %w", name, err)
	}
	spec, program, err := callSpec(t.manifest, root, dir, workspace)
	if err != nil {
		return nil, nil, err
	}
	key, err := callKey(t.manifest.Digest, spec)
	if err != nil {
		return nil, nil, err
	}
	res, _, err := f.pool.Call(ctx, key, spec, program, arguments)
	if err != nil {
		return t, res, err
	}
	HideSecrets(t.manifest.Permissions.Secrets, res)
	if res.ExitCode == 0 && res.Limit == "" {
		if err := f.applyWrites(spec, res); err != nil {
			res.ExitCode = 1
			res.Stdout, _ = json.Marshal(map[string]any{"error": map[string]string{"type": "PermissionError", "message": err.Error()}}) // strings always can be
		}
	}
	return t, res, nil
}

// callSpec is the sandbox of a tool's calls, what its permissions allow and
// nothing else, and the program that makes them.
func callSpec(m learn.ToolManifest, root, dir, workspace string) (*sandbox.Spec, sandbox.Program, error) {
	p := m.Permissions
	program := sandbox.Program{Path: callerDir + "/" + toolforge.CallerName, Args: []string{image.ToolPath, m.Name}}
	spec := &sandbox.Spec{RootFS: root, Dir: "/tmp", FilesDir: callerDir,
		Binds:   []sandbox.Bind{{Host: dir, Guest: image.ToolPath}},
		Network: p.Network,
		Limits:  sandbox.Limits{WallTime: time.Duration(p.Seconds * float64(time.Second)), MemoryBytes: int64(p.MemoryMB) << 20}}
	spec.Files, program.Import = toolforge.CallerFiles(m.Language)
	if spec.Files[toolforge.RehearsalName] != nil { // bash reads its script itself
		program.Rehearsal = callerDir + "/" + toolforge.RehearsalName
		program.Read = []string{image.ToolPath + "/" + toolforge.SourceName(m.Language), callerDir + "/" + toolforge.RehearsedName}
	}
	err := showWorkspace(spec, p, workspace)
	return spec, program, err
}

// showWorkspace puts into a sandbox what the permissions say.
func showWorkspace(spec *sandbox.Spec, p learn.Permissions, workspace string) error {
	var err error
	if spec.Env, err = variables(p); err != nil || p.Filesystem == "none" {
		return err
	}
	if workspace == "" {
		return errors.New("the tool reads the workspace, but this connection has none: connect through `lathe mcp` in a project's folder")
	}
	spec.Dir = guestWorkspace
	// git refuses a folder that belongs to somebody else, as it does in
	// the sandbox's user namespace.
	spec.Env = append(spec.Env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	spec.Binds, err = workspaceBinds(spec.Binds, p, workspace)
	return err
}

// callKey names the calls that one interpreter may answer: those of the same
// tool on the same folders, with the same limits and environment.
func callKey(digest string, spec *sandbox.Spec) (string, error) {
	raw, err := json.Marshal([]any{digest, spec.RootFS, spec.Dir, spec.Binds, spec.Limits, spec.Env, spec.Network})
	return learn.ContentHash(raw), err
}

// close ends the interpreters that wait.
func (f *forge) close() {
	if f.pool != nil {
		f.pool.Close()
	}
}

// waiting is how many interpreters wait for calls.
func (f *forge) waiting() int {
	if f.pool == nil {
		return 0
	}
	return f.pool.Stats().Interpreters
}
