package connect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Lathe is what is put into settings: the programs, by absolute path, and the
// data directory when it is not the default one.
type Lathe struct {
	Program string // lathe
	Hook    string // lathe-hook; "" when it is not installed: then `lathe hook` stands in, and is slower
	DataDir string // "" is the default one
}

// Where is the machine that settings lie on.
type Where struct {
	Home string
	// Getenv reads a variable; nil knows none.
	Getenv func(string) string
	GOOS   string // "" is this one
}

func (w Where) env(name string) string {
	if w.Getenv == nil {
		return ""
	}
	return w.Getenv(name)
}

// under is a path below a folder that a variable names, or else below home.
func (w Where) under(variable, fallback string, path ...string) string {
	dir := w.env(variable)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(w.Home, fallback)
	}
	return filepath.Join(append([]string{dir}, path...)...)
}

func (w Where) config(path ...string) string { return w.under("XDG_CONFIG_HOME", ".config", path...) }

// Client is an agent or an editor.
type Client struct {
	Name, Title string
	Agent       bool   // an agent, or else an editor
	Hooks       string // the format of `lathe hook`; "" when it has none
	Note        string // what a person has to do, or know, afterwards
	files       func(Lathe, Where) []settingsFile
}

// settingsFile is one file of a client's settings and what stands in it.
type settingsFile struct {
	path string
	what string // for people
	lang string // of a snippet
	edit edit
}

// pair is a member of a JSON object, whose order is kept.
type pair struct {
	key   string
	value any
}

// object is a JSON object with its members in this order.
func object(pairs ...pair) json.RawMessage {
	var b strings.Builder
	for i, p := range pairs {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		b.WriteString(string(value(p.key)) + ":" + string(value(p.value)))
	}
	return json.RawMessage(b.String() + "}")
}

// value is v as JSON, with <, > and & as they are.
func value(v any) json.RawMessage {
	if raw, ok := v.(json.RawMessage); ok {
		return raw
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return json.RawMessage("null") // not reached: the table holds texts, numbers and lists
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

func (l Lathe) data() []string {
	if l.DataDir == "" {
		return nil
	}
	return []string{"--data", l.DataDir}
}

// mcp are the arguments of the MCP server for an agent.
func (l Lathe) mcp(agent string) []string {
	return append([]string{"mcp", "--agent", agent}, l.data()...)
}

// hook is the command line for a client's hooks; before is for calls to come.
func (l Lathe) hook(format string, before bool) string {
	words := []string{l.Hook}
	if l.Hook == "" {
		return commandLine(append([]string{l.Program, "hook", format}, l.data()...))
	}
	words = append(append(words, l.data()...), format)
	if before {
		words = append(words, "before")
	}
	return commandLine(words)
}

// commandLine is words for a shell.
func commandLine(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@:+=-") != "" || w == "" {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// Clients are the agents and editors that are known, agents first, each by
// name.
func Clients() []Client {
	all := slices.Concat(agents(), editors())
	slices.SortStableFunc(all, func(a, b Client) int {
		if a.Agent != b.Agent {
			return map[bool]int{true: -1, false: 1}[a.Agent]
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return all
}

// Find is the client of a name.
func Find(name string) (Client, error) {
	var names []string
	for _, c := range Clients() {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Client{}, fmt.Errorf("there is no agent or editor %.40q; there are %s", name, strings.Join(names, ", "))
}

func (w Where) os() string { return cmp.Or(w.GOOS, runtime.GOOS) }

// Paths are the files that a client's settings lie in.
func (c Client) Paths(l Lathe, w Where) (out []string) {
	for _, f := range c.files(l, w) {
		out = append(out, f.path)
	}
	return out
}
