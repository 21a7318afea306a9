package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"lathe/learn/lazyregexp"
)

const (
	// maxConfig bounds a configuration file, in bytes.
	maxConfig = 1 << 20
	// maxServers bounds the servers of one configuration.
	maxServers = 64
)

// ServerConfig is one server behind the gateway. In Command, Args, Env, URL and
// Headers ${NAME} and ${NAME:-default} stand for what the gateway's own
// environment or its secrets say.
type ServerConfig struct {
	Name    string
	Command string // "" when URL is set
	Args    []string
	Env     map[string]string // beside the gateway's own environment
	Dir     string            // where it runs; "" is the agent's directory
	URL     string            // of a server on Streamable HTTP
	Headers map[string]string
	// Allow and Deny are patterns (path.Match) of its tools; without Allow all
	// are told but those of Deny.
	Allow, Deny []string
	// Always are patterns of tools that stay in a list that search made short.
	Always []string
	// Rename says what tools are called instead of <server>__<tool>.
	Rename map[string]string
	// Timeout bounds a call; 0 leaves that to the agent.
	Timeout time.Duration
}

// allows reports whether the person wants a tool told.
func (s *ServerConfig) allows(tool string) bool {
	return (len(s.Allow) == 0 || matches(s.Allow, tool)) && !matches(s.Deny, tool)
}

func (s *ServerConfig) always(tool string) bool { return matches(s.Always, tool) }

func matches(patterns []string, tool string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, tool)
		return err == nil && ok || p == tool
	})
}

// toolName is what a tool is called for agents.
func (s *ServerConfig) toolName(tool string) string {
	if name := s.Rename[tool]; name != "" {
		return name
	}
	return Name(s.Name, tool)
}

// Skipped is a server of the configuration that is not started, and why.
type Skipped struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Config is a configuration in the mcpServers form, sorted by name.
type Config struct {
	Servers []ServerConfig
	Skipped []Skipped
	// SearchAbove is the number of tools above which agents are told a search
	// instead of all; 0 never.
	SearchAbove int
	// Strict holds each reply until its record is durable.
	Strict bool
	// Secrets are commands that print what ${NAME} stands for: a keyring's.
	Secrets map[string][]string
}

// defaultSearchAbove is where lists become a burden: each tool costs context.
const defaultSearchAbove = 60

// serverNameRE keeps room for a tool's name and for the prefixes that agents
// add of their own.
var serverNameRE = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// LoadConfig reads a configuration file. A file that others than its owner may
// write is refused: it says which programs start. The error is fs.ErrNotExist
// when there is none.
func LoadConfig(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("gateway configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Config{}, fmt.Errorf("gateway configuration: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return Config{}, fmt.Errorf("gateway configuration %s: others may write it (mode %04o), and it starts programs: chmod go-w it", path, info.Mode().Perm())
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return Config{}, fmt.Errorf("gateway configuration %s: %w", path, err)
	}
	c, err := ParseConfig(raw)
	if err != nil {
		return Config{}, fmt.Errorf("gateway configuration %s: %w", path, err)
	}
	return c, nil
}

// ParseConfig reads {"mcpServers": {NAME: {...}}}, the form that agents' own
// settings have, and beside it "search_above", "strict" and "secrets"; other
// fields are ignored. A server that cannot be used is skipped with the reason;
// the others stand.
func ParseConfig(raw []byte) (Config, error) {
	if len(raw) > maxConfig {
		return Config{}, fmt.Errorf("more than %d bytes: is this the right file?", maxConfig)
	}
	var doc struct {
		Servers     map[string]json.RawMessage `json:"mcpServers"`
		SearchAbove *int                       `json:"search_above"`
		Strict      bool                       `json:"strict"`
		Secrets     map[string][]string        `json:"secrets"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return Config{}, fmt.Errorf(`not JSON of the form {"mcpServers": {NAME: {"command": ..., "args": [...]}}}: %w`, err)
	}
	if doc.Servers == nil {
		return Config{}, errors.New(`there is no "mcpServers" object in it`)
	}
	if len(doc.Servers) > maxServers {
		return Config{}, fmt.Errorf("%d servers, at most %d are allowed", len(doc.Servers), maxServers)
	}
	c := Config{SearchAbove: defaultSearchAbove, Strict: doc.Strict, Secrets: doc.Secrets}
	if doc.SearchAbove != nil {
		c.SearchAbove = max(0, *doc.SearchAbove)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Servers)) {
		s, err := parseServer(name, doc.Servers[name])
		switch {
		case err != nil:
			c.Skipped = append(c.Skipped, Skipped{Name: name, Reason: err.Error()})
		case s != nil:
			c.Servers = append(c.Servers, *s)
		}
	}
	return c, nil
}

// parseServer reads one entry; nil when it is switched off.
func parseServer(name string, raw json.RawMessage) (*ServerConfig, error) {
	var e serverEntry
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("its entry cannot be read: %w", err)
	}
	url := e.URL
	for _, other := range []string{e.HTTPURL, e.ServerURL} { // as some agents write it
		if url == "" {
			url = other
		}
	}
	switch {
	case e.Disabled:
		return nil, nil
	case !serverNameRE.MatchString(name):
		return nil, errors.New("its name is not 1 to 32 of A-Z a-z 0-9 _ -: rename it")
	case e.Command != "" && url != "":
		return nil, errors.New(`it has a "command" and a "url": one of them is meant`)
	case e.Type == "sse":
		return nil, errors.New(`it speaks the old HTTP+SSE transport, which the gateway does not: use its Streamable HTTP address ("type": "http")`)
	case url != "" && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "${"):
		return nil, errors.New(`its "url" begins neither with http:// nor with https://`)
	case e.Command == "" && url == "":
		return nil, errors.New(`it has neither a "command" nor a "url"`)
	}
	for tool, as := range e.Rename {
		if len(as) > maxName || oddRE.MatchString(as) || as == "" {
			return nil, fmt.Errorf("rename of %.40q: a name is 1 to %d of A-Z a-z 0-9 _ -", tool, maxName)
		}
	}
	return &ServerConfig{Name: name, Command: e.Command, Args: e.Args, Env: e.Env, Dir: e.Dir, URL: url, Headers: e.Headers,
		Allow: append(e.Allow, e.IncludeTools...), Deny: slices.Concat(e.Deny, e.ExcludeTools, e.DisabledTools), Always: e.Always,
		Rename: e.Rename, Timeout: time.Duration(max(0, e.Timeout) * float64(time.Millisecond))}, nil
}

// serverEntry is a server as files have it.
type serverEntry struct {
	Type          string            `json:"type,omitempty"`
	Command       string            `json:"command,omitempty"`
	Args          []string          `json:"args,omitempty"`
	Env           map[string]string `json:"env,omitempty"`
	Dir           string            `json:"cwd,omitempty"`
	URL           string            `json:"url,omitempty"`
	HTTPURL       string            `json:"httpUrl,omitempty"`
	ServerURL     string            `json:"serverUrl,omitempty"`
	Headers       map[string]string `json:"headers,omitempty"`
	Disabled      bool              `json:"disabled,omitempty"`
	Allow         []string          `json:"allow,omitempty"`
	Deny          []string          `json:"deny,omitempty"`
	IncludeTools  []string          `json:"includeTools,omitempty"`
	ExcludeTools  []string          `json:"excludeTools,omitempty"`
	DisabledTools []string          `json:"disabledTools,omitempty"`
	Always        []string          `json:"always,omitempty"`
	Rename        map[string]string `json:"rename,omitempty"`
	Timeout       float64           `json:"timeout_ms,omitempty"`
}
