package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/mcp/gateway"
	"lathe/server"
)

// gatewayEntry is the name under which an agent finds the gateway.
const gatewayEntry = "lathe-gateway"

// adoption is what `adopt` did to a file, so that it can be undone.
type adoption struct {
	File    string   `json:"file"`
	Backup  string   `json:"backup"`
	After   string   `json:"after"` // content hash of the file as adopt left it
	Servers []string `json:"servers"`
}

func (a *app) gatewayAdoptCmd(f *gatewayFlags) *cobra.Command {
	var yes, undo bool
	c := &cobra.Command{
		Use:   "adopt FILE",
		Short: "Take over the MCP servers of an agent's settings file",
		Long: `Moves the MCP servers of FILE into the gateway's own configuration and leaves one
entry, ` + gatewayEntry + `, in their place. FILE is JSON with "mcpServers" (Claude Code, Cursor,
Gemini CLI and others) or "servers" (VS Code's mcp.json), or Codex's config.toml.
What will change is shown first; a copy of the file is kept beside it, and
--undo brings it back. Nothing else in the file is touched.`,
		Example: "  lathe gateway adopt ~/.cursor/mcp.json\n  lathe gateway adopt --undo ~/.cursor/mcp.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if undo {
				return a.unadopt(f, file)
			}
			return a.adopt(f, file, yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&undo, "undo", false, "bring the file back as it was, and take its servers from the gateway")
	return c
}

func (a *app) adopt(f *gatewayFlags, file string, yes bool) error {
	text, err := readBounded(file)
	if err != nil {
		return err
	}
	self, err := a.entry(f)
	if err != nil {
		return err
	}
	taken, after, err := takeServers(file, text, self)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(taken) == 0 {
		return fmt.Errorf("%s has no MCP servers to take over (Lathe's own stay)", file)
	}
	own, doc, err := f.document()
	if err != nil {
		return err
	}
	for name := range taken {
		if _, there := doc.Servers[name]; there {
			return fmt.Errorf("the gateway has a server %s already (%s): rename or remove one of them", name, own)
		}
	}
	names := slices.Sorted(maps.Keys(taken))
	fmt.Fprintf(a.errs, "%s: %s will be behind the gateway, with one entry %s in their place\n", file, strings.Join(names, ", "), gatewayEntry)
	if !yes {
		if !isTerminal(a.in) {
			return usagef("give --yes to change %s without being asked", file)
		}
		fmt.Fprint(a.errs, "change it? [y/N] ")
		if line, _ := bufio.NewReader(io.LimitReader(a.in, 100)).ReadString('\n'); !strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y") {
			return errors.New("nothing was changed")
		}
	}
	backup := file + ".before-lathe"
	if _, err := os.Stat(backup); err == nil {
		return fmt.Errorf("%s is there from before: undo that adoption first (--undo), or move it away", backup)
	}
	for name, raw := range taken {
		doc.Servers[name] = raw
	}
	doc.Adopted = append(doc.Adopted, adoption{File: file, Backup: backup, After: learn.ContentHash(after), Servers: names})
	if err := doc.check(); err != nil {
		return err
	}
	// The copy first, then the gateway's own file, the agent's last: whatever
	// stops in between leaves the agent with what it had.
	if err := writeLike(file, backup, text); err != nil {
		return err
	}
	if err := f.save(own, doc); err != nil {
		return errors.Join(err, os.Remove(backup))
	}
	return writeLike(file, file, after)
}

func (a *app) unadopt(f *gatewayFlags, file string) error {
	own, doc, err := f.document()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(doc.Adopted, func(d adoption) bool { return d.File == file })
	if i < 0 {
		return fmt.Errorf("the gateway did not take over %s", file)
	}
	d := doc.Adopted[i]
	now, err := readBounded(file)
	if err != nil {
		return err
	}
	if learn.ContentHash(now) != d.After {
		return fmt.Errorf("%s was changed since: put back by hand what you want of %s", file, d.Backup)
	}
	before, err := readBounded(d.Backup)
	if err != nil {
		return err
	}
	if err := writeLike(file, file, before); err != nil {
		return err
	}
	for _, name := range d.Servers {
		delete(doc.Servers, name)
	}
	doc.Adopted = slices.Delete(doc.Adopted, i, i+1)
	if err := f.save(own, doc); err != nil {
		return err
	}
	fmt.Fprintf(a.errs, "%s is as it was\n", file)
	return os.Remove(d.Backup)
}

// gatewayDocument is the gateway's configuration file, with what the gateway
// itself does not read.
type gatewayDocument struct {
	Servers map[string]json.RawMessage
	Adopted []adoption
	rest    map[string]json.RawMessage
}

func (f *gatewayFlags) document() (path string, d gatewayDocument, err error) {
	path, _, err = f.load()
	d.Servers = map[string]json.RawMessage{}
	if errors.Is(err, fs.ErrNotExist) {
		return path, d, nil
	}
	if err != nil {
		return path, d, err
	}
	raw, err := readBounded(path)
	if err != nil {
		return path, d, err
	}
	err = errors.Join(json.Unmarshal(raw, &d.rest), json.Unmarshal(d.rest["mcpServers"], &d.Servers))
	if list, ok := d.rest["adopted"]; ok && err == nil {
		err = json.Unmarshal(list, &d.Adopted)
	}
	if err != nil {
		return path, d, fmt.Errorf("gateway configuration %s: %w", path, err)
	}
	return path, d, nil
}

func (d gatewayDocument) text() ([]byte, error) {
	out := map[string]any{}
	for name, v := range d.rest {
		out[name] = v
	}
	delete(out, "adopted")
	out["mcpServers"] = d.Servers
	if len(d.Adopted) > 0 {
		out["adopted"] = d.Adopted
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	return append(raw, '\n'), err
}

// check reads the document as the gateway will.
func (d gatewayDocument) check() error {
	raw, err := d.text()
	if err != nil {
		return err
	}
	c, err := gateway.ParseConfig(raw)
	if err != nil {
		return err
	}
	for _, s := range c.Skipped {
		return fmt.Errorf("server %s cannot be behind the gateway: %s", s.Name, s.Reason)
	}
	return nil
}

func (f *gatewayFlags) save(path string, d gatewayDocument) error {
	raw, err := d.text()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeWhole(path, raw, 0o600) // it holds what servers are told in secret
}

// entry is how an agent starts the gateway.
type entry struct {
	Args    []string `json:"args"`
	Command string   `json:"command"`
	Type    string   `json:"type,omitempty"`
}

// entry starts this very program, since an agent that a desktop started may
// have another PATH, with the files that were named.
func (a *app) entry(f *gatewayFlags) (entry, error) {
	exe, err := os.Executable()
	if err != nil {
		return entry{}, fmt.Errorf("find this program: %w", err)
	}
	e := entry{Command: exe, Args: []string{"gateway"}}
	if f.config != "" {
		path, err := filepath.Abs(f.config)
		if err != nil {
			return entry{}, err
		}
		e.Args = append(e.Args, "--config", path)
	}
	cfg, _, err := a.config()
	if err == nil && !server.DefaultDataDir(cfg.DataDir) {
		e.Args = append(e.Args, "--data", cfg.DataDir)
	}
	return e, err
}

// takeServers takes the MCP servers out of an agent's settings, all but
// Lathe's own, and returns the settings with the gateway in their place.
func takeServers(file string, text []byte, own entry) (taken map[string]json.RawMessage, after []byte, err error) {
	if filepath.Ext(file) == ".toml" {
		return takeTOML(text, own)
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, nil, fmt.Errorf("not plain JSON (comments cannot be kept): %w", err)
	}
	for _, key := range []string{"mcpServers", "servers"} {
		old, there := doc[key]
		if !there {
			continue
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(old, &all); err != nil {
			return nil, nil, fmt.Errorf("%q: %w", key, err)
		}
		taken, left := map[string]json.RawMessage{}, map[string]json.RawMessage{}
		for name, raw := range all {
			if isLathes(raw) {
				left[name] = raw
			} else {
				taken[name] = raw
			}
		}
		if key == "servers" {
			own.Type = "stdio"
		}
		left[gatewayEntry], _ = json.Marshal(own) // strings always can be
		at := bytes.Index(text, old)
		if at < 0 || bytes.Count(text, old) > 1 {
			return nil, nil, fmt.Errorf("its %q stands there twice", key)
		}
		fresh, err := json.MarshalIndent(left, "  ", "  ")
		return taken, slices.Concat(text[:at], fresh, text[at+len(old):]), err
	}
	return nil, nil, errors.New(`there is neither "mcpServers" nor "servers" in it`)
}

func isLathes(raw json.RawMessage) bool {
	var e struct {
		Command string `json:"command"`
	}
	return json.Unmarshal(raw, &e) == nil && filepath.Base(e.Command) == "lathe"
}

// takeTOML does the same for Codex's [mcp_servers.NAME] tables, line by line,
// so that everything else stays as it is written.
func takeTOML(text []byte, own entry) (map[string]json.RawMessage, []byte, error) {
	var doc struct {
		Servers map[string]map[string]any `toml:"mcp_servers"`
	}
	if _, err := toml.Decode(string(text), &doc); err != nil {
		return nil, nil, err
	}
	taken := map[string]json.RawMessage{}
	for name, s := range doc.Servers {
		raw, err := json.Marshal(s)
		if err != nil {
			return nil, nil, err
		}
		if !isLathes(raw) {
			taken[name] = raw
		}
	}
	var out []string
	drop := false
	for line := range strings.Lines(string(text)) {
		if head := strings.TrimSpace(line); strings.HasPrefix(head, "[") {
			name, ours := strings.CutPrefix(strings.Trim(head, "[]"), "mcp_servers.")
			name, _, _ = strings.Cut(name, ".")
			_, drop = taken[strings.Trim(name, `"'`)]
			drop = drop && ours
		}
		if !drop {
			out = append(out, line)
		}
	}
	command, _ := json.Marshal(own.Command) // JSON's strings are TOML's too
	args, _ := json.Marshal(own.Args)
	after := fmt.Sprintf("%s\n\n[mcp_servers.%s]\ncommand = %s\nargs = %s\n", strings.TrimRight(strings.Join(out, ""), "\n"), gatewayEntry, command, args)
	var check struct {
		Servers map[string]any `toml:"mcp_servers"`
	}
	if _, err := toml.Decode(after, &check); err != nil || len(check.Servers) != len(doc.Servers)-len(taken)+1 {
		return nil, nil, errors.New("its [mcp_servers] are not tables of their own: write each as [mcp_servers.NAME]")
	}
	return taken, []byte(after), nil
}

// writeLike writes a file with the mode of another, at once.
func writeLike(like, path string, content []byte) error {
	mode := fs.FileMode(0o600)
	if fi, err := os.Stat(like); err == nil {
		mode = fi.Mode().Perm()
	}
	return writeWhole(path, content, mode)
}

// writeWhole replaces a file: it is the old one or the new one, never a part.
func writeWhole(path string, content []byte, mode fs.FileMode) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // settings are often links into a folder of their own
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".lathe-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
