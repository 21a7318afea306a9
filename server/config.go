package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"

	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

// Config is what a person can set.
type Config struct {
	DataDir      string        // everything that the daemon keeps
	HTTP         string        // address of the port, or "off"
	TLSCert      string        // PEM files of the port's certificate and key,
	TLSKey       string        // which an address beyond this machine needs
	LogURL       string        // NATS server; "" runs one in the daemon
	ImagesDir    string        // a store of base images to read through to: the default data directory's; "" is none
	Sandbox      string        // backend that tools run on: launcher or runc
	IdleExit     time.Duration // leave after this long without work; 0 is never
	SessionIdle  time.Duration // an MCP session without traffic is forgotten after this long; half an hour when 0
	ControlShare float64       // share of tasks from which advice is withheld
	AcceptDamage bool
	// HTTPOptional: a port in use is a warning, not an error. So it is for a
	// daemon that a command started, whose caller needs only the socket.
	HTTPOptional bool
	Project      string // name of the workspace's project; "" derives it from the folder
	// Conformance adds the MCP conformance suite's fixed tools, and serves /mcp
	// without a token. Tests only.
	Conformance bool
	Model       ModelConfig
	CodeGraph   CodeGraphConfig
	Autonomy    AutonomyConfig
	Hooks       HooksConfig
	Telemetry   TelemetryConfig
	TrustedKeys []image.PublicKey // of other installations, whose tools may come here
	// Packages is the simple API of a package index, or a folder of wheels, from
	// which the dependencies of tools come; "" has none.
	Packages string
}

// Setting is one effective value with where it came from.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// setting is one value of Config: its name in files, and how it is read.
type setting struct {
	name string
	// restrictOnly: a workspace's file, which a checkout brings along, may not
	// set it.
	restrictOnly bool
	get          func(*Config) string
	set          func(*Config, string) error
}

func text(p func(*Config) *string) (func(*Config) string, func(*Config, string) error) {
	return func(c *Config) string { return *p(c) }, func(c *Config, v string) error { *p(c) = v; return nil }
}

func settings() []setting {
	mk := func(name string, restrict bool, p func(*Config) *string) setting {
		get, set := text(p)
		return setting{name, restrict, get, set}
	}
	return slices.Concat(modelSettings(), codeGraphSettings(), autonomySettings(), hookSettings(), toolSettings(), telemetrySettings(), []setting{
		mk("data_dir", true, func(c *Config) *string { return &c.DataDir }),
		mk("http", true, func(c *Config) *string { return &c.HTTP }),
		mk("tls_cert", true, func(c *Config) *string { return &c.TLSCert }),
		mk("tls_key", true, func(c *Config) *string { return &c.TLSKey }),
		mk("eventlog_url", true, func(c *Config) *string { return &c.LogURL }),
		mk("images_dir", true, func(c *Config) *string { return &c.ImagesDir }),
		{"sandbox", true, func(c *Config) string { return c.Sandbox }, func(c *Config, v string) error {
			if v != sandbox.BuiltIn && v != sandbox.Runc {
				return fmt.Errorf("it is %s or %s", sandbox.BuiltIn, sandbox.Runc)
			}
			c.Sandbox = v
			return nil
		}},
		mk("project", true, func(c *Config) *string { return &c.Project }),
		{"idle_exit", true, func(c *Config) string { return c.IdleExit.String() }, func(c *Config, v string) (err error) {
			c.IdleExit, err = time.ParseDuration(v)
			return err
		}},
		{"session_idle", true, func(c *Config) string { return c.SessionIdle.String() }, func(c *Config, v string) (err error) {
			c.SessionIdle, err = time.ParseDuration(v)
			if err == nil && (c.SessionIdle < time.Second || c.SessionIdle > 24*time.Hour) {
				err = errors.New("it must lie between 1s and 24h")
			}
			return err
		}},
		{"control_share", true, func(c *Config) string { return strconv.FormatFloat(c.ControlShare, 'g', -1, 64) }, func(c *Config, v string) (err error) {
			c.ControlShare, err = strconv.ParseFloat(v, 64)
			if err == nil && (c.ControlShare < 0 || c.ControlShare > 0.5) {
				err = errors.New("it must lie between 0 and 0.5")
			}
			return err
		}},
	})
}

// LoadConfig gathers the configuration: defaults, the person's file, the
// workspace's file, LATHE_* variables, then flags, each over the one before.
// The flags are given by setting name.
func LoadConfig(workspace string, flags map[string]string) (Config, []Setting, error) {
	c, err := defaults()
	if err != nil {
		return c, nil, err
	}
	source := map[string]string{}
	all := settings()
	for _, s := range all {
		source[s.name] = "default"
	}
	personal, err := personalFile()
	if err != nil {
		return c, nil, err
	}
	if err := readFile(&c, all, source, personal, false); err != nil {
		return c, nil, err
	}
	if workspace != "" {
		if err := readFile(&c, all, source, filepath.Join(workspace, ".lathe", "config.toml"), true); err != nil {
			return c, nil, err
		}
	}
	for _, s := range all {
		name := "LATHE_" + strings.ToUpper(strings.ReplaceAll(s.name, ".", "_"))
		if v, ok := os.LookupEnv(name); ok {
			if fileOnly(s.name) {
				return c, nil, fmt.Errorf("%s: %s is taken from %s alone, so that no program can switch it on for the programs that it starts", name, s.name, personal)
			}
			if err := apply(&c, s, source, v, name); err != nil {
				return c, nil, err
			}
		}
		if v, ok := flags[s.name]; ok && !fileOnly(s.name) {
			if err := apply(&c, s, source, v, flagName(s.name)); err != nil {
				return c, nil, err
			}
		}
	}
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return c, nil, fmt.Errorf("data directory: %w", err)
	}
	var out []Setting
	for _, s := range all {
		out = append(out, Setting{s.name, s.get(&c), source[s.name]})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return c, out, nil
}

func apply(c *Config, s setting, source map[string]string, value, from string) error {
	if err := s.set(c, value); errors.Is(err, errSecret) {
		return fmt.Errorf("%s: %s: %w", from, s.name, err)
	} else if err != nil {
		return fmt.Errorf("%s: %q is not usable for %s: %w", from, value, s.name, err)
	}
	source[s.name] = from
	return nil
}

// flagName is the flag that gives a setting.
func flagName(setting string) string {
	if setting == "data_dir" {
		return "--data"
	}
	return "--" + strings.ReplaceAll(setting, "_", "-")
}

// maxConfig bounds a configuration file.
const maxConfig = 64 << 10

// readTOML reads a configuration file; one that is not there is empty. A
// checkout brings such files along, so nothing but a small regular file is
// opened: a pipe or a device would hold the program up for good.
func readTOML(path string) (map[string]any, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return nil, fmt.Errorf("configuration %s is not a regular file of at most %d bytes", path, maxConfig)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	var values map[string]any
	if err := toml.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return values, nil
}

func readFile(c *Config, all []setting, source map[string]string, path string, workspace bool) error {
	values, err := readTOML(path)
	if err != nil {
		return err
	}
	known := map[string]setting{}
	for _, s := range all {
		known[s.name] = s
	}
	for name, value := range flat(values) {
		if name == "projects" && !workspace {
			continue // see WorkspaceProject
		}
		s, ok := known[name]
		switch {
		case !ok && name == "model.api_key":
			return fmt.Errorf("configuration %s: a key does not belong into a file: put it into an environment variable and name that in model.api_key_env", path)
		case !ok:
			return fmt.Errorf("configuration %s: there is no setting %q", path, name)
		case workspace && s.restrictOnly:
			return fmt.Errorf("configuration %s: %q cannot be set by a workspace; put it into your own configuration", path, name)
		}
		if err := apply(c, s, source, fmt.Sprint(value), path); err != nil {
			return err
		}
	}
	return nil
}

// flat names what stands in the tables [model], [code_graph], [autonomy],
// [hooks], [tools] and [telemetry] like "model." and its name.
func flat(values map[string]any) map[string]any {
	for _, name := range []string{"model", "code_graph", "autonomy", "hooks", "tools", "telemetry"} {
		table, ok := values[name].(map[string]any)
		if !ok {
			continue
		}
		delete(values, name)
		for key, value := range table {
			values[name+"."+key] = value
		}
	}
	return values
}

func defaults() (Config, error) {
	dir := os.Getenv("XDG_DATA_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return Config{}, fmt.Errorf("no home directory for the data; set LATHE_DATA_DIR: %w", err)
		}
		dir = filepath.Join(home, ".local", "share")
	}
	own := filepath.Join(dir, "lathe")
	return Config{DataDir: own, ImagesDir: ImagesDir(own), HTTP: "127.0.0.1:4747", SessionIdle: 30 * time.Minute, ControlShare: 0.1, Autonomy: defaultAutonomy(), Hooks: defaultHooks(), Sandbox: sandbox.BuiltIn, Model: defaultModel()}, nil
}

func personalFile() (string, error) {
	dir, err := os.UserConfigDir() // $XDG_CONFIG_HOME on Linux
	if err != nil {
		return "", fmt.Errorf("no configuration directory; set HOME: %w", err)
	}
	return filepath.Join(dir, "lathe", "config.toml"), nil
}
