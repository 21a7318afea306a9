package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// maxAdvice is how many bytes of an answer reach the agent.
const maxAdvice = 256 << 10

// place is where the daemon and its spool are.
type place struct {
	socket string
	// given: the person named the socket, so it may belong to another user,
	// as when the daemon runs as one.
	given bool
	spool string
}

// locate finds the data directory's socket and spool from the environment.
func locate(getenv func(string) string) (place, error) {
	data := getenv("LATHE_DATA_DIR")
	if data == "" {
		base := getenv("XDG_DATA_HOME")
		if !filepath.IsAbs(base) { // the XDG specification: ignore relative ones
			home := getenv("HOME")
			if home == "" {
				return place{}, errors.New("neither HOME, XDG_DATA_HOME nor LATHE_DATA_DIR is set: set one to where Lathe's data lies")
			}
			base = filepath.Join(home, ".local", "share")
		}
		data = filepath.Join(base, "lathe")
	}
	p := place{socket: socketPath(data), spool: filepath.Join(data, "spool")}
	if s := getenv("LATHE_SOCKET"); s != "" {
		p.socket, p.given = s, true
	}
	return p, nil
}

// maxSocketPath is what a Unix socket's address holds on Linux and macOS.
const maxSocketPath = 100

// socketPath is where the daemon of a data directory listens; for a long path
// the daemon chooses the same place below the temporary folder (package server).
func socketPath(data string) string {
	path := filepath.Join(data, "lathe.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	sum := sha256.Sum256([]byte(data))
	return filepath.Join(os.TempDir(), fmt.Sprintf("lathe-%d", os.Getuid()), hex.EncodeToString(sum[:8])+".sock")
}

// refusal is the daemon's word that it does not want this event.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the daemon refused the event (%d): %s", r.status, r.text)
}

// post sends the event and returns the daemon's answer. The error is a
// *refusal when the daemon understood and declined.
func post(ctx context.Context, at place, format string, event []byte) ([]byte, error) {
	if err := trusted(at); err != nil {
		return nil, err
	}
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", at.socket)
	}}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lathe/v1/hooks/"+format, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAdvice+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the daemon's answer: %w", err)
	case resp.StatusCode >= 200 && resp.StatusCode < 300 && len(body) <= maxAdvice:
		return body, nil
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil, nil // half an advice is worse than none; the event is recorded
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusRequestEntityTooLarge:
		return nil, &refusal{resp.StatusCode, string(bytes.TrimSpace(body[:min(len(body), 500)]))}
	}
	return nil, fmt.Errorf("the daemon answered %s", resp.Status)
}

// trusted refuses a socket that somebody else put where ours belongs: the
// event holds what this user's tools printed.
func trusted(at place) error {
	fi, err := os.Stat(at.socket)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !at.given && (!ok || int(st.Uid) != os.Geteuid()) {
		return fmt.Errorf("%s belongs to another user: set LATHE_SOCKET to use it", at.socket)
	}
	return nil
}
