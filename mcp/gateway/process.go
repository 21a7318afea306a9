package gateway

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The pauses of a shutdown: end of input, then SIGTERM, then SIGKILL.
const (
	graceTime = 2 * time.Second
	termTime  = 2 * time.Second
)

// process is one run of a server's program.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	conn   *conn
	errs   *stderrLines
	exited chan struct{}
	err    error // how it ended; set when exited is closed
}

// start runs the program with its stdio connected. Its standard error goes to
// errs line by line with the server's name in front.
func start(s ServerConfig, dir string, env []string, errs io.Writer, in func(message, *exchange)) (*process, error) {
	cmd := exec.Command(s.Command, s.Args...)
	cmd.Dir = dir
	if s.Dir != "" {
		cmd.Dir = s.Dir
	}
	cmd.Env = append([]string{}, env...)
	for name, value := range s.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	// A group of its own, so that what it started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = termTime
	lines := &stderrLines{name: s.Name, out: errs}
	cmd.Stderr = lines
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("it cannot be started: %w", err)
	}
	p := &process{cmd: cmd, stdin: stdin, errs: lines, exited: make(chan struct{})}
	p.conn = newConn(stdin, in)
	go func() {
		p.conn.read(stdout)
		p.end()
	}()
	go func() { // a server that does not take its input is ended
		<-p.conn.out.done
		if p.conn.out.failed() {
			p.signal(syscall.SIGKILL)
		}
	}()
	return p, nil
}

// end waits for the program, whose output has ended, and makes it end if it
// does not.
func (p *process) end() {
	_ = p.stdin.Close()
	term := time.AfterFunc(graceTime, func() { p.signal(syscall.SIGTERM) })
	kill := time.AfterFunc(graceTime+termTime, func() { p.signal(syscall.SIGKILL) })
	p.err = p.cmd.Wait()
	term.Stop()
	kill.Stop()
	p.signal(syscall.SIGKILL) // what it left behind
	close(p.exited)
}

// stop ends the program and returns when it has ended.
func (p *process) stop() {
	_ = p.stdin.Close()
	term := time.AfterFunc(graceTime, func() { p.signal(syscall.SIGTERM) })
	kill := time.AfterFunc(graceTime+termTime, func() { p.signal(syscall.SIGKILL) })
	<-p.exited
	term.Stop()
	kill.Stop()
}

func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// why says how the program ended, with the last that it said of it.
func (p *process) why() string {
	text := "it ended"
	if p.err != nil {
		text = "it ended: " + p.err.Error()
	}
	if last := p.errs.lastLine(); last != "" {
		text += ": " + last
	}
	return text
}

// stderrLines passes a server's standard error on in whole lines.
type stderrLines struct {
	name string
	out  io.Writer

	mu   sync.Mutex
	rest []byte
	last string
}

// maxErrLine bounds a line of a server's standard error, in bytes.
const maxErrLine = 4 << 10

// Write never fails: a server is not to end for its chatter.
func (w *stderrLines) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 && len(w.rest) < maxErrLine {
			return len(p), nil
		}
		if i < 0 || i > maxErrLine {
			i = maxErrLine - 1
		}
		line := plain(string(w.rest[:i]), maxErrLine)
		w.rest = append(w.rest[:0], w.rest[i+1:]...)
		if strings.TrimSpace(line) != "" {
			w.last = line
		}
		fmt.Fprintf(w.out, "%s: %s\n", w.name, line)
	}
}

func (w *stderrLines) lastLine() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return plain(w.last, 300)
}
