package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lathe/learn"
	"lathe/server/intake"
)

// ErrNoDaemon means that none runs and none could be, or was to be, started.
var ErrNoDaemon = errors.New("no daemon runs")

func httpAddrFile(dataDir string) string { return filepath.Join(dataDir, "http.addr") }

// Client speaks to the daemon over its Unix socket.
type Client struct {
	cfg  Config
	http *http.Client
}

// NewClient makes a client; it does not connect yet.
func NewClient(cfg Config) *Client {
	path := SocketPath(cfg.DataDir)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{cfg: cfg, http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16}}}
}

// HTTP is the client's transport, for MCP and other streams.
func (c *Client) HTTP() *http.Client { return c.http }

// Dial opens a raw connection to the daemon.
func (c *Client) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", SocketPath(c.cfg.DataDir))
}

// Alive reports whether the daemon answers.
func (c *Client) Alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var s Status
	return c.Call(ctx, http.MethodGet, "/v1/status", nil, &s) == nil
}

// IdleExitOfStarted is how long a daemon that a command started stays without
// work.
const IdleExitOfStarted = 30 * time.Minute

// startTries bounds how often Ensure starts a daemon while another one is on
// its way down.
const startTries = 20

// Ensure starts the daemon if none runs, and waits until it answers.
func (c *Client) Ensure(ctx context.Context) error {
	for try := 1; ; try++ {
		if c.Alive(ctx) {
			return nil
		}
		err := c.start(ctx)
		if err == nil || try == startTries || !strings.Contains(err.Error(), ErrRunning.Error()) {
			return err
		}
		select { // that one has the directory but does not answer: it starts or leaves
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// start starts a daemon and waits until one answers.
func (c *Client) start(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("%w, and this program cannot be found to start one: %w", ErrNoDaemon, err)
	}
	if err := os.MkdirAll(c.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w; choose another with --data", err)
	}
	logPath := filepath.Join(c.cfg.DataDir, "daemon.log")
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the daemon's log: %w; is the data directory writable? choose another with --data", err)
	}
	defer logFile.Close()
	start, err := logFile.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("the daemon's log: %w", err)
	}
	cmd := exec.Command(exe, "serve", "--data", c.cfg.DataDir, "--http", c.cfg.HTTP, "--idle-exit", IdleExitOfStarted.String(), "--http-optional")
	cmd.Env = append(os.Environ(), "LATHE_IMAGES_DIR="+c.cfg.ImagesDir, "LATHE_EVENTLOG_URL="+c.cfg.LogURL)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.Dir = c.cfg.DataDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: start %s: %w", ErrNoDaemon, exe, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }() // ends with the daemon, or with this program
	for {
		select {
		case <-time.After(20 * time.Millisecond):
			if c.Alive(ctx) {
				return nil
			}
		case <-exited:
			if c.Alive(ctx) { // another one was faster
				return nil
			}
			return fmt.Errorf("%w: the one just started ended: %s", ErrNoDaemon, lastLine(logPath, start))
		case <-ctx.Done():
			return fmt.Errorf("%w: the one just started does not answer; see %s", ErrNoDaemon, logPath)
		}
	}
}

func lastLine(path string, from int64) string {
	raw, err := os.ReadFile(path)
	if err != nil || from > int64(len(raw)) {
		return "see " + path
	}
	lines := strings.Split(strings.TrimSpace(string(raw[from:])), "\n")
	return lines[len(lines)-1]
}

// Call makes one JSON call.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(out)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return unavailable{fmt.Errorf("the daemon ended in the midst of its answer to %s: %w", path, err)}
	}
	if err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

// Copy makes a call and copies its answer to w as it comes.
func (c *Client) Copy(ctx context.Context, method, path string, in any, w io.Writer) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

// unavailable marks failures after which the same call may be made again.
type unavailable struct{ error }

func (u unavailable) Unwrap() error { return u.error }

func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://lathe"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unavailable{fmt.Errorf("%w: %w", ErrNoDaemon, err)}
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f struct{ Error string }
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(raw, &f) != nil || f.Error == "" {
		f.Error = fmt.Sprintf("%s: %s", resp.Status, bytes.TrimSpace(raw))
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return nil, unavailable{errors.New(f.Error)}
	}
	if resp.StatusCode == http.StatusBadRequest {
		return nil, wrongUse{errors.New(f.Error)}
	}
	return nil, errors.New(f.Error)
}

// Hook hands over one hook event and copies the answer, advice or nothing, to w.
//
// project names the project; "" is that of the folder that the event is from.
func (c *Client) Hook(ctx context.Context, project, format string, event []byte, w io.Writer) error {
	path := "/v1/hooks/" + url.PathEscape(format)
	if project != "" {
		path += "?project=" + url.QueryEscape(project)
	}
	return c.Copy(ctx, http.MethodPost, path, json.RawMessage(event), w)
}

// WrongUse reports whether the daemon refused what was asked as it was asked:
// a filter that does not exist, a body that it cannot read.
func WrongUse(err error) bool {
	var w wrongUse
	return errors.As(err, &w)
}

// Accept stores records; it makes Client the sink of an import. When the
// daemon goes away in between it is started again and the batch repeated:
// records carry their identity, so nothing is doubled.
func (c *Client) Accept(ctx context.Context, recs []learn.Record) (intake.Receipt, error) {
	var out intake.Receipt
	err := c.again(ctx, func() error {
		out = intake.Receipt{}
		return c.Call(ctx, http.MethodPost, "/v1/records", RecordsCall{recs}, &out)
	})
	return out, err
}

// Settle waits until everything that the log holds now is learned and
// searchable.
func (c *Client) Settle(ctx context.Context) error {
	return c.again(ctx, func() error { return c.Call(ctx, http.MethodPost, "/v1/settle", struct{}{}, &struct{}{}) })
}

// again makes a repeatable call, and makes it again, a few times, when the
// daemon goes away under it.
func (c *Client) again(ctx context.Context, call func() error) error {
	for try := 0; ; try++ {
		err := call()
		var gone unavailable
		if err == nil || !errors.As(err, &gone) || try == 5 || ctx.Err() != nil {
			return err
		}
		// One that was just started can go away too, before it answers.
		if err := c.Ensure(ctx); err != nil && (try == 4 || !errors.Is(err, ErrNoDaemon)) {
			return err
		}
	}
}

// Forge makes a tool, telling progress, and returns what became of it.
func (c *Client) Forge(ctx context.Context, call ForgeCall, progress func(learn.Check)) (Forged, error) {
	resp, err := c.send(ctx, http.MethodPost, "/v1/forge", call)
	if err != nil {
		return Forged{}, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxBody)
	for lines.Scan() {
		var l ForgeLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return Forged{}, fmt.Errorf("forge: %w", err)
		}
		switch {
		case l.Check != nil:
			progress(*l.Check)
		case l.Done != nil:
			return *l.Done, nil
		default:
			return Forged{}, errors.New(l.Error)
		}
	}
	return Forged{}, errors.Join(errors.New("forge: the daemon ended in between"), lines.Err())
}
