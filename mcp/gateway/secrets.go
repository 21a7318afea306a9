package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn/lazyregexp"
)

const (
	// secretTime bounds a keyring's command, maxSecret what it prints, in bytes.
	secretTime = 30 * time.Second
	maxSecret  = 64 << 10
	// minHidden is the length from which a value is taken out of records: shorter
	// ones are words.
	minHidden = 8
)

// secrets knows what ${NAME} stands for, and keeps it from records and messages.
type secrets struct {
	ctx      context.Context
	commands map[string][]string
	env      map[string]string
	owners   map[string]map[string]bool // secret variables of the environment, and the servers that name them

	mu     sync.Mutex
	found  map[string]string
	hidden map[string]string // value to name
	hider  *strings.Replacer
}

// secretRE are names of variables that are told to no server but those that
// name them.
var secretRE = lazyregexp.New(`(?i)(token|secret|passw|api_?key|access_?key|private_?key|credential|authorization|(^|_)pat($|_)|(^|_)auth($|_))`)

var variableRE = lazyregexp.New(`\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}|\$\{workspaceFolder\}`)

func newSecrets(ctx context.Context, c Config, env []string, dir string) *secrets {
	s := &secrets{ctx: ctx, commands: c.Secrets, env: map[string]string{}, owners: map[string]map[string]bool{}, found: map[string]string{},
		hidden: map[string]string{}, hider: strings.NewReplacer()}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		s.env[name] = value
	}
	s.env["workspaceFolder"] = dir
	for i := range c.Servers {
		for _, name := range named(&c.Servers[i]) {
			if s.secret(name) {
				if s.owners[name] == nil {
					s.owners[name] = map[string]bool{}
				}
				s.owners[name][c.Servers[i].Name] = true
				s.keep(s.env[name], name)
			}
		}
	}
	return s
}

func (s *secrets) secret(name string) bool {
	return s.commands[name] != nil || secretRE.MatchString(name)
}

// named are the variables that a server's entry names.
func named(c *ServerConfig) (out []string) {
	for _, text := range texts(c) {
		for _, m := range variableRE.FindAllStringSubmatch(*text, -1) {
			out = append(out, m[1])
		}
	}
	return out
}

// texts are the places of a server's entry where variables stand, but for the
// maps' values.
func texts(c *ServerConfig) (out []*string) {
	out = append(out, &c.Command, &c.URL, &c.Dir)
	for i := range c.Args {
		out = append(out, &c.Args[i])
	}
	for _, m := range []map[string]string{c.Env, c.Headers} {
		for _, v := range m {
			out = append(out, &v)
		}
	}
	return out
}

// environ is the environment of one server: the gateway's without the secrets
// that only other servers name.
func (s *secrets) environ(env []string, c ServerConfig) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return s.owners[name] != nil && !s.owners[name][c.Name]
	})
}

// expand replaces the variables of a server's entry. The error names what is
// missing, never a value.
func (s *secrets) expand(c ServerConfig) (ServerConfig, error) {
	c.Args = slices.Clone(c.Args)
	var failed error
	one := func(text string, always bool) string {
		return variableRE.ReplaceAllStringFunc(text, func(v string) string {
			m := variableRE.FindStringSubmatch(v)
			if m[1] == "" {
				return s.env["workspaceFolder"]
			}
			value, err := s.value(m[1])
			if err != nil && m[2] != "" {
				value, err = m[2][2:], nil
			}
			if err != nil {
				failed = err
			}
			if s.secret(m[1]) || always {
				s.keep(value, m[1])
			}
			return value
		})
	}
	for _, text := range []*string{&c.Command, &c.URL, &c.Dir} {
		*text = one(*text, false)
	}
	for i := range c.Args {
		c.Args[i] = one(c.Args[i], false)
	}
	for _, m := range []struct {
		to   *map[string]string
		http bool
	}{{&c.Env, false}, {&c.Headers, true}} {
		out := map[string]string{}
		for name, value := range *m.to {
			out[name] = one(value, m.http)
			if secretRE.MatchString(name) {
				s.keep(out[name], name)
				_, bare, _ := strings.Cut(out[name], " ") // "Bearer ..."
				s.keep(bare, name)
			}
		}
		*m.to = out
	}
	return c, failed
}

// value is what a variable stands for. A keyring's command runs once.
func (s *secrets) value(name string) (string, error) {
	command := s.commands[name]
	if len(command) == 0 {
		if v, ok := s.env[name]; ok {
			return v, nil
		}
		return "", fmt.Errorf("${%s} is not set: export it where the gateway starts, or name a command for it under \"secrets\"", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.found[name]; ok {
		return v, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, secretTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	for k, v := range s.env {
		if k != "workspaceFolder" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &limited{&out, maxSecret}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("the command for the secret %s (%s) failed: %w", name, command[0], err)
	}
	v := strings.TrimRight(out.String(), "\r\n")
	if v == "" {
		return "", fmt.Errorf("the command for the secret %s (%s) printed nothing", name, command[0])
	}
	s.found[name] = v
	return v, nil
}

// limited takes what is too much without keeping it.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	_, err := l.w.Write(p[:n])
	return len(p), err
}

// keep notes a value that nobody is to see.
func (s *secrets) keep(value, name string) {
	if len(value) < minHidden {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.hidden[value]; ok {
		return
	}
	s.hidden[value] = name
	values := make([]string, 0, len(s.hidden))
	for v := range s.hidden {
		values = append(values, v)
	}
	// The longest first: one may be part of another.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, v := range values {
		mark := "[secret " + s.hidden[v] + "]"
		pairs = append(pairs, v, mark)
		if q := string(bytes.Trim(quote(v), `"`)); q != v {
			pairs = append(pairs, q, mark)
		}
	}
	s.hider = strings.NewReplacer(pairs...)
}

// hide takes the secrets out of a text.
func (s *secrets) hide(text string) string {
	s.mu.Lock()
	hider := s.hider
	s.mu.Unlock()
	return hider.Replace(text)
}

// hideJSON takes the secrets out of a JSON text, which stays one.
func (s *secrets) hideJSON(raw []byte) json.RawMessage {
	out := json.RawMessage(s.hide(string(raw)))
	if !json.Valid(out) {
		return json.RawMessage(`{"cut_bytes":` + fmt.Sprint(len(raw)) + `}`)
	}
	return out
}
