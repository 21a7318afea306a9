package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with a program in it, and a screen: an emulator
// that draws what the program prints and answers what it asks.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File // kept open, or its settings are gone with the program
	screen *vt.SafeEmulator
	before unix.Termios

	mu      sync.Mutex
	printed bytes.Buffer
	ended   chan error
}

// openTerminal starts a program as the leader of a session of its own, with the
// terminal as its controlling one.
func openTerminal(t *testing.T, width, height int, cmd *exec.Cmd) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("a pseudo-terminal: %v", err)
	}
	x := &terminal{t: t, cmd: cmd, master: os.NewFile(uintptr(fd), "ptmx"), screen: vt.NewSafeEmulator(width, height), ended: make(chan error, 1)}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlock the pseudo-terminal: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("name of the pseudo-terminal: %v", err)
	}
	if x.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	x.before = x.settings()
	x.size(width, height)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.slave, x.slave, x.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { _, _ = io.Copy(x, x.master) })        // until the terminal is closed
	all.Go(func() { _, _ = io.Copy(x.master, x.screen) }) // until the screen is closed
	all.Go(func() { x.ended <- cmd.Wait() })
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // or it has ended
		_ = x.screen.Close()
		_ = x.master.Close()
		all.Wait()
		_ = x.slave.Close()
	})
	return x
}

// Write takes what the program printed.
func (x *terminal) Write(p []byte) (int, error) {
	x.mu.Lock()
	x.printed.Write(p)
	x.mu.Unlock()
	return x.screen.Write(p)
}

// raw is all that was printed, to the byte.
func (x *terminal) raw() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.printed.String()
}

func (x *terminal) size(width, height int) {
	x.t.Helper()
	x.screen.Resize(width, height)
	control, err := x.master.SyscallConn()
	if err != nil {
		x.t.Fatal(err)
	}
	var failed error
	err = control.Control(func(fd uintptr) {
		failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)})
	})
	if err != nil || failed != nil {
		x.t.Fatalf("size of the terminal: %v, %v", err, failed)
	}
}

// settings are the terminal's: whether it echoes, and so on.
func (x *terminal) settings() unix.Termios {
	x.t.Helper()
	got, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *got
}

func (x *terminal) echoes() bool { return x.settings().Lflag&unix.ECHO != 0 }

// keys presses keys.
func (x *terminal) keys(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.master, text); err != nil {
		x.t.Fatal(err)
	}
}

// lines is what the screen shows.
func (x *terminal) lines() []string {
	lines := strings.Split(x.screen.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func (x *terminal) text() string { return strings.Join(x.lines(), "\n") }

// until waits for a condition, a minute at most.
func (x *terminal) until(what string, holds func() bool) {
	x.t.Helper()
	often := time.NewTicker(10 * time.Millisecond)
	defer often.Stop()
	for end := time.After(time.Minute); !holds(); {
		select {
		case <-often.C:
		case <-end:
			x.t.Fatalf("waited for %s; the screen is\n%s\n%s", what, x.text(), strings.Repeat("~", 40))
		}
	}
}

// sees waits until the screen shows all of these.
func (x *terminal) sees(texts ...string) {
	x.t.Helper()
	x.until(fmt.Sprintf("%q", texts), func() bool {
		screen := x.text()
		return !slices.ContainsFunc(texts, func(want string) bool { return !strings.Contains(screen, want) })
	})
	x.t.Logf("\n%s\n%s", x.text(), strings.Repeat("~", 40))
}

// exits waits for the program's end with a code (any, when it is negative), and
// has the terminal looked at: as it was.
func (x *terminal) exits(code int) {
	x.t.Helper()
	select {
	case err := <-x.ended:
		x.ended <- err
	case <-time.After(time.Minute):
		x.t.Fatalf("it does not end; the screen is\n%s", x.text())
	}
	if got := x.cmd.ProcessState.ExitCode(); code >= 0 && got != code {
		x.t.Errorf("it ended with %d, want %d; the screen is\n%s", got, code, x.text())
	}
	if now := x.settings(); now != x.before {
		x.t.Errorf("the terminal's settings were %+v and are %+v", x.before, now)
	}
}
