package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// recording is what a scenario's command printed.
type recording struct {
	ID      string   `json:"id"`
	Pattern string   `json:"pattern,omitempty"` // that the scenario provokes
	Near    []string `json:"near,omitempty"`    // patterns that it only resembles
	Command string   `json:"command"`
	Exit    *int     `json:"exit_code,omitempty"`
	Timeout bool     `json:"timeout,omitempty"`
	Output  string   `json:"output"`         // both streams as they came
	Code    string   `json:"code,omitempty"` // of an MCP error
	Message string   `json:"message,omitempty"`
}

// needed is every program that a scenario calls, with its Debian package or
// other source.
var needed = []struct{ program, source string }{
	{"bash", "bash"}, {"git", "git"}, {"python3", "python3"}, {"pytest", "python3-pytest"}, {"pip", "python3-pip"},
	{"mypy", "mypy"}, {"flake8", "flake8"}, {"pylint", "pylint"}, {"black", "black"}, {"isort", "isort"},
	{"go", "golang"}, {"node", "nodejs"}, {"npm", "npm"}, {"cargo", "cargo"}, {"javac", "default-jdk"}, {"mvn", "maven"},
	{"gcc", "gcc"}, {"g++", "g++"}, {"clang", "clang"}, {"cmake", "cmake"}, {"make", "make"}, {"ninja", "ninja-build"},
	{"sqlite3", "sqlite3"}, {"psql", "postgresql"}, {"mariadb", "mariadb-server"}, {"redis-cli", "redis-tools"}, {"redis-server", "redis-server"},
	{"jq", "jq"}, {"curl", "curl"}, {"wget", "wget"}, {"patch", "patch"}, {"ssh", "openssh-client"}, {"rg", "ripgrep"}, {"gawk", "gawk"},
	{"shellcheck", "shellcheck"}, {"ruby", "ruby"}, {"rspec", "rspec"}, {"php", "php-cli"}, {"unzip", "unzip"}, {"docker", "docker.io"}, {"setfacl", "acl"},
}

func missingPrograms() []string {
	var out []string
	for _, n := range needed {
		if _, err := exec.LookPath(n.program); err != nil {
			out = append(out, n.source)
		}
	}
	return out
}

// house is the folder that an area's scenarios run in.
type house struct {
	root string // stands for /home/dev
	npm  string
	host string
}

const nobody = 65534

func recordArea(a area, out string, match *regexp.Regexp, npm string) error {
	var todo []scenario
	for _, s := range a.Scenarios {
		if match.MatchString(s.Pattern) || match.MatchString(s.ID) {
			todo = append(todo, s)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	root, err := os.MkdirTemp("", "lathe-signatures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o777); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	h := &house{root: root, npm: npm, host: host}
	if a.Name == "mcp" { // its scenarios ask our own server too
		if text, err := exec.Command("go", "build", "-o", filepath.Join(root, "bin", "lathe"), "lathe/server/cmd/lathe").CombinedOutput(); err != nil {
			return fmt.Errorf("build lathe: %w: %s", err, text)
		}
	}
	if err := h.script(a.Begin); err != nil {
		return fmt.Errorf("area %s, begin: %w", a.Name, err)
	}
	got := map[string]recording{}
	var failed error
	for _, s := range todo {
		began := time.Now()
		r, err := h.record(s)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.ID, err))
			continue
		}
		got[s.ID] = r
		fmt.Fprintf(os.Stderr, "%s  %.1f s\n", s.ID, time.Since(began).Seconds())
	}
	if err := h.script(a.End); err != nil {
		failed = errors.Join(failed, fmt.Errorf("area %s, end: %w", a.Name, err))
	}
	return errors.Join(failed, storeArea(a, filepath.Join(out, a.Name+".jsonl"), got))
}

// script runs the begin or end of an area as this user.
func (h *house) script(text string) error {
	if text == "" {
		return nil
	}
	out, code, timeout, err := h.bash(text, h.root, true, 2*time.Minute)
	if err != nil || timeout || code != 0 {
		return errors.Join(err, fmt.Errorf("exit status %d, timeout %v: %s", code, timeout, out))
	}
	return nil
}

// record runs one scenario in an empty project folder.
func (h *house) record(s scenario) (recording, error) {
	r := recording{ID: s.ID, Pattern: s.Pattern, Near: s.Near, Command: h.clean(s.Command)}
	dir := filepath.Join(h.root, "project")
	if err := os.RemoveAll(dir); err != nil {
		return r, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return r, err
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return r, err
	}
	if !s.Root && os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return r, err
		}
	}
	if s.NPM {
		if err := os.Symlink(filepath.Join(h.npm, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
			return r, err
		}
	}
	setup, server := s.Setup, ""
	if s.MCP {
		i := strings.LastIndexByte(setup, '\n')
		setup, server = setup[:max(i, 0)], setup[i+1:]
	}
	if setup != "" {
		if text, code, timeout, err := h.bash(setup, dir, s.Root, defaultLimit); err != nil || timeout || code != 0 {
			return r, errors.Join(err, fmt.Errorf("set-up: exit status %d, timeout %v: %s", code, timeout, text))
		}
	}
	if s.MCP {
		return h.ask(r, s, server, dir)
	}
	if s.Agent {
		return h.drive(r, s, dir)
	}
	text, code, timeout, err := h.bash(s.Command, dir, s.Root, s.Limit)
	if err != nil {
		return r, err
	}
	r.Output, r.Timeout = h.clean(text), timeout
	if !timeout {
		r.Exit = &code
		if code == 0 {
			fmt.Fprintf(os.Stderr, "%s: succeeded: %s\n", s.ID, text)
		}
	}
	return r, nil
}

// bash runs a command line and gives both streams, and the exit code as a shell
// tells it.
func (h *house) bash(command, dir string, root bool, limit time.Duration) (text string, code int, timeout bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	h.furnish(cmd, dir, root)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 500 * time.Millisecond
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return "", 0, false, err
	}
	code = cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	return out.String(), code, ctx.Err() != nil, nil
}

// furnish gives a command its folder, environment and user.
func (h *house) furnish(cmd *exec.Cmd, dir string, root bool) {
	cmd.Dir = dir
	home := filepath.Join(h.root, "home")
	const pathAt = 0
	cmd.Env = []string{
		"PATH=" + h.root + "/bin:" + h.npm + "/node_modules/.bin:/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
		"HOME=" + home, "USER=dev", "LOGNAME=dev", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TZ=UTC", "TERM=dumb", "HOUSE=" + h.root,
		"SITE=http://" + siteAddr, "PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_PAGER=cat",
		"GIT_AUTHOR_NAME=Dev", "GIT_AUTHOR_EMAIL=dev@example.org", "GIT_COMMITTER_NAME=Dev", "GIT_COMMITTER_EMAIL=dev@example.org",
		"PIP_INDEX_URL=http://" + siteAddr + "/simple/", "PIP_RETRIES=0", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_CACHE_DIR=1",
		"npm_config_registry=http://" + siteAddr + "/npm/", "npm_config_audit=false", "npm_config_fund=false", "npm_config_update_notifier=false",
		"npm_config_fetch_retries=0", "npm_config_cache=" + home + "/.npm",
		"GOPROXY=http://" + siteAddr + "/go", "GOSUMDB=off", "GONOSUMDB=*", "GOTOOLCHAIN=local", "GOTELEMETRY=off", "GOFLAGS=-modcacherw",
		"GOCACHE=" + filepath.Join(os.TempDir(), "lathe-signatures-gocache"), "GOPATH=" + home + "/go",
		"CARGO_NET_OFFLINE=true", "CARGO_TERM_COLOR=never",
	}
	if own, err := os.UserHomeDir(); err == nil { // rustup lives in the recorder's own
		cmd.Env = append(cmd.Env, "RUSTUP_HOME="+filepath.Join(own, ".rustup"), "PYENV="+filepath.Join(own, ".pyenv", "versions"))
		if root { // others may not look into it
			cmd.Env[pathAt] += ":" + filepath.Join(own, ".cargo", "bin")
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := os.MkdirAll(home, 0o777); err == nil {
		os.Chmod(home, 0o777)
	}
	if !root && os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}

// maxOutput is how many bytes of an output a recording keeps.
const maxOutput = 6000

// cargoIndex is where cargo names its registry without a scheme.
var cargoIndex = regexp.MustCompile(`(location searched: )\S+`)

// registries are the hosts that tools name unasked.
var registries = regexp.MustCompile(`https?://(?:repo\d?|registry|proxy|pypi|files|deb|index|static)\.[\w.-]+(?:/[\w./-]*)?`)

// clean removes this machine from a text.
func (h *house) clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = registries.ReplaceAllString(s, "https://registry.example")
	s = cargoIndex.ReplaceAllString(s, "${1}registry.example")
	s = strings.ReplaceAll(s, h.root, "/home/dev")
	if h.npm != "" {
		s = strings.ReplaceAll(s, h.npm, "/home/dev/project")
		s = strings.ReplaceAll(s, "../../"+filepath.Base(h.npm)+"/", "")
	}
	if own, err := os.UserHomeDir(); err == nil && len(own) > 3 {
		s = strings.ReplaceAll(s, own+"/", "/home/dev/")
	}
	s = regexp.MustCompile(`@`+regexp.QuoteMeta(h.host)+`\b`).ReplaceAllString(s, "@devbox")
	if len(s) <= maxOutput {
		return s
	}
	return strings.ToValidUTF8(s[:maxOutput/2], "") + fmt.Sprintf("\n[... %d bytes cut ...]\n", len(s)-maxOutput) +
		strings.ToValidUTF8(s[len(s)-maxOutput/2:], "")
}

// storeArea writes an area's recordings in the order of its scenarios; those
// that were not recorded now are kept.
func storeArea(a area, file string, got map[string]recording) error {
	old, err := readRecordings(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, r := range old {
		if _, now := got[r.ID]; !now {
			got[r.ID] = r
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, s := range a.Scenarios {
		if r, ok := got[s.ID]; ok {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// readRecordings reads a file of recordings.
func readRecordings(file string) ([]recording, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []recording
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		var r recording
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, r)
	}
}
