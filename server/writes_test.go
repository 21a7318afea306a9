package server

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/toolforge/egress"
	"lathe/toolforge/sandbox"
)

// TestWorkspaceBinds: a tool sees what its permissions name, through no links.
func TestWorkspaceBinds(t *testing.T) {
	ws := t.TempDir()
	for _, dir := range []string{"src/inner", "docs"} {
		if err := os.MkdirAll(filepath.Join(ws, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(ws, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    learn.Permissions
		want []string // guest paths; a + marks what is staged
	}{
		{learn.Permissions{Filesystem: "read"}, []string{"/workspace"}},
		{learn.Permissions{Filesystem: "read", Paths: []string{"."}}, []string{"/workspace"}},
		{learn.Permissions{Filesystem: "read", Paths: []string{"src", "docs"}}, []string{"/workspace/docs", "/workspace/src"}},
		{learn.Permissions{Filesystem: "write", Paths: []string{"src/inner", "src/", "docs"}}, []string{"/workspace", "/workspace/docs+", "/workspace/src+"}},
		{learn.Permissions{Filesystem: "write", Paths: []string{"link"}}, nil},
		{learn.Permissions{Filesystem: "read", Paths: []string{"link/ssl"}}, nil},
		{learn.Permissions{Filesystem: "write", Paths: []string{"missing"}}, nil},
	} {
		binds, err := workspaceBinds(nil, c.p, ws)
		var got []string
		for _, b := range binds {
			if b.Staged {
				b.Guest += "+"
			}
			got = append(got, b.Guest)
		}
		if (err != nil) != (c.want == nil) || err == nil && !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v %v, want %v", c.p, got, err, c.want)
		}
	}
}

// TestWritesArePutInPlaceOrNotAtAll covers success, failure and what no tool
// may write.
func TestWritesArePutInPlaceOrNotAtAll(t *testing.T) {
	for name, c := range map[string]struct {
		res     sandbox.Result
		fails   string
		written bool
	}{
		"success": {sandbox.Result{}, "", true},
		"link":    {sandbox.Result{Unstaged: []string{"l: not a regular file"}}, "taken over", false},
		"git":     {sandbox.Result{Changes: []sandbox.Change{{Path: "sub/.git/config", Kind: sandbox.ChangeWrite}}}, ".git", false},
		"envrc":   {sandbox.Result{Changes: []sandbox.Change{{Path: ".ENVRC", Kind: sandbox.ChangeWrite}}}, "never written", false},
	} {
		ws := t.TempDir()
		c.res.Changes = append(c.res.Changes, sandbox.Change{Path: "a", Kind: sandbox.ChangeWrite, Mode: 0o644, Data: []byte("a")})
		err := new(forge).applyWrites(&sandbox.Spec{Binds: []sandbox.Bind{{Host: ws, Staged: true}}}, &c.res)
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(ws, "a")); (err == nil) != c.written {
			t.Errorf("%s: written %v", name, err == nil)
		}
	}
}

func TestSecretsAreGivenAndNotShown(t *testing.T) {
	t.Setenv("BOX_TOKEN", `va"lue-1`)
	p := learn.Permissions{Secrets: []string{"BOX_TOKEN"}}
	env, err := variables(p)
	if err != nil || !slices.Equal(env, []string{`BOX_TOKEN=va"lue-1`}) {
		t.Errorf("%q %v", env, err)
	}
	res := &sandbox.Result{Stdout: []byte(`{"x": "va\"lue-1"}`), Stderr: []byte(`va"lue-1`), Network: []egress.Request{{Host: `va"lue-1.example:443`}}}
	if HideSecrets(p.Secrets, res); string(res.Stdout) != `{"x": "[BOX_TOKEN]"}` || string(res.Stderr) != "[BOX_TOKEN]" || res.Network[0].Host != "[BOX_TOKEN].example:443" {
		t.Errorf("%s %s %+v", res.Stdout, res.Stderr, res.Network)
	}
	if _, err := variables(learn.Permissions{Environment: []string{"BOX_NOT_SET"}}); err == nil {
		t.Error("a variable that is not set was given")
	}
}
