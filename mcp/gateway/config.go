package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
)

const (
	// maxConfig bounds a configuration file, in bytes.
	maxConfig = 1 << 20
	// maxServers bounds the servers of one configuration.
	maxServers = 64
)

// ServerConfig is one server behind the gateway.
type ServerConfig struct {
	Name    string
	Command string
	Args    []string
	Env     map[string]string // beside the gateway's own environment
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
}

// serverNameRE keeps room for a tool's name and for the prefixes that agents
// add of their own.
var serverNameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

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

// ParseConfig reads {"mcpServers": {NAME: {"command", "args", "env"}}}, the
// form that agents' own settings have; other fields are ignored. A server that
// cannot be used is skipped with the reason; the others stand.
func ParseConfig(raw []byte) (Config, error) {
	if len(raw) > maxConfig {
		return Config{}, fmt.Errorf("more than %d bytes: is this the right file?", maxConfig)
	}
	var doc struct {
		Servers map[string]json.RawMessage `json:"mcpServers"`
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
	var c Config
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
	var e struct {
		Command  string            `json:"command"`
		Args     []string          `json:"args"`
		Env      map[string]string `json:"env"`
		URL      string            `json:"url"`
		Disabled bool              `json:"disabled"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("its entry cannot be read: %w", err)
	}
	switch {
	case e.Disabled:
		return nil, nil
	case !serverNameRE.MatchString(name):
		return nil, errors.New("its name is not 1 to 32 of A-Z a-z 0-9 _ -: rename it")
	case e.Command == "" && e.URL != "":
		return nil, errors.New("it is reached by URL, which the gateway does not do yet: keep it in the agent's own settings")
	case e.Command == "":
		return nil, errors.New(`it has no "command"`)
	}
	return &ServerConfig{Name: name, Command: e.Command, Args: e.Args, Env: e.Env}, nil
}
