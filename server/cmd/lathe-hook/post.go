package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"
)

// maxAdvice is how many bytes of an answer reach the agent.
const maxAdvice = 256 << 10

// refusal is the daemon's word that it does not want this event.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string {
	return "the daemon refused the event (" + strconv.Itoa(r.status) + "): " + r.text
}

// post sends the event, of a format and with a query, and returns the daemon's answer. The error is a
// *refusal when the daemon understood and declined.
func post(at place, format string, event []byte, until time.Time) ([]byte, error) {
	if err := trusted(at); err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer syscall.Close(fd)
	s := &socket{fd: fd, until: until}
	if err := s.wait(syscall.SO_SNDTIMEO, &s.sending); err != nil {
		return nil, err
	}
	if err := again(func() error { return syscall.Connect(fd, &syscall.SockaddrUnix{Name: at.socket}) }); err != nil {
		return nil, os.NewSyscallError("connect to "+at.socket, err)
	}
	// HTTP 1.0: the answer comes in one piece, and its end is the connection's.
	head := "POST /v1/hooks/" + format + " HTTP/1.0\r\nHost: lathe\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(event)) + "\r\n\r\n"
	if err := s.write(append([]byte(head), event...)); err != nil {
		return nil, err
	}
	answer, err := s.readAll(maxAdvice + 16<<10)
	if err != nil {
		return nil, err
	}
	return read(answer)
}

// read takes the body out of an answer, or says why there is none.
func read(answer []byte) ([]byte, error) {
	head, body, ok := bytes.Cut(answer, []byte("\r\n\r\n"))
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	words := bytes.SplitN(line, []byte(" "), 3)
	if !ok || len(words) < 2 || !bytes.HasPrefix(words[0], []byte("HTTP/1.")) {
		return nil, errors.New("the daemon's answer ends early")
	}
	status, err := strconv.Atoi(string(words[1]))
	switch {
	case err != nil:
		return nil, errors.New("the daemon's answer has no status")
	case status >= 200 && status < 300 && len(body) <= maxAdvice:
		return body, nil
	case status >= 200 && status < 300:
		return nil, nil // half an advice is worse than none; the event is recorded
	case status == 400, status == 404, status == 413:
		return nil, &refusal{status, string(bytes.TrimSpace(body[:min(len(body), 500)]))}
	}
	return nil, errors.New("the daemon answered " + strconv.Itoa(status))
}

// socket is a connection whose every step ends by a point in time, or within
// slack of it.
type socket struct {
	fd    int
	until time.Time
	// What was left when sending and receiving were bounded last; 0 for never.
	sending, receiving time.Duration
}

// slack is how much later a step may end: it saves system calls.
const slack = 50 * time.Millisecond

var errLate = errors.New("the daemon did not answer in time")

// wait bounds the next step of one direction by the time that is left.
func (s *socket) wait(direction int, bound *time.Duration) error {
	left := time.Until(s.until)
	if left <= 0 {
		return errLate
	}
	if *bound > 0 && *bound-left < slack {
		return nil
	}
	*bound = left
	tv := syscall.NsecToTimeval(left.Nanoseconds())
	if tv.Sec == 0 && tv.Usec == 0 {
		tv.Usec = 1 // zero would be for ever
	}
	return os.NewSyscallError("setsockopt", syscall.SetsockoptTimeval(s.fd, syscall.SOL_SOCKET, direction, &tv))
}

// again repeats a system call that a signal broke off.
func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

func (s *socket) write(p []byte) error {
	for len(p) > 0 {
		if err := s.wait(syscall.SO_SNDTIMEO, &s.sending); err != nil {
			return err
		}
		n := 0
		err := again(func() (err error) { n, err = syscall.Write(s.fd, p); return err })
		if err != nil {
			return late("write", err)
		}
		p = p[n:]
	}
	return nil
}

// readAll reads until the other side ends the connection, at most limit bytes.
func (s *socket) readAll(limit int) ([]byte, error) {
	var all []byte
	part := make([]byte, 8<<10)
	for len(all) <= limit {
		if err := s.wait(syscall.SO_RCVTIMEO, &s.receiving); err != nil {
			return nil, err
		}
		n := 0
		err := again(func() (err error) { n, err = syscall.Read(s.fd, part); return err })
		if err != nil {
			return nil, late("read", err)
		}
		if n <= 0 {
			return all, nil
		}
		all = append(all, part[:n]...)
	}
	return all, nil
}

func late(step string, err error) error {
	if err == syscall.EAGAIN || err == syscall.EWOULDBLOCK {
		return errLate
	}
	return os.NewSyscallError(step, err)
}

// trusted refuses a socket that somebody else put where ours belongs: the
// event holds what this user's tools printed.
func trusted(at place) error {
	var st syscall.Stat_t
	if err := again(func() error { return syscall.Stat(at.socket, &st) }); err != nil {
		return &os.PathError{Op: "stat", Path: at.socket, Err: err}
	}
	if !at.given && int(st.Uid) != os.Geteuid() {
		return errors.New(at.socket + " belongs to another user: set LATHE_SOCKET to use it")
	}
	return nil
}
