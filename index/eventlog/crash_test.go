package eventlog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// childDir in the environment makes the test binary the crash test's writer.
const (
	childDir   = "LATHE_EVENTLOG_TEST_DIR"
	childRound = "LATHE_EVENTLOG_TEST_ROUND"
)

// runWriterChild appends from several goroutines and prints each acknowledged
// id, until it is killed. It returns at once in the ordinary test process.
func runWriterChild() {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	round, err := strconv.Atoi(os.Getenv(childRound))
	if err != nil {
		childFailed(err)
	}
	l, err := Open(context.Background(), Options{Dir: dir, MaxBatch: 32})
	if err != nil {
		childFailed(err)
	}
	var out sync.Mutex
	for w := range 4 {
		go func() {
			for n := 0; ; n++ {
				recs := actions(fmt.Sprintf("p%d", w), round*1_000_000+5*n, 5)
				if n > 0 { // and one that is known already
					recs[0] = action(fmt.Sprintf("p%d", w), round*1_000_000+5*n-1)
				}
				acks, err := l.Append(context.Background(), recs)
				if err != nil {
					childFailed(err)
				}
				var line strings.Builder
				for _, a := range acks {
					line.WriteString(a.ID + "\n")
				}
				out.Lock()
				io.WriteString(os.Stdout, line.String())
				out.Unlock()
			}
		}()
	}
	select {}
}

func childFailed(err error) {
	fmt.Fprintln(os.Stderr, "writer child:", err)
	os.Exit(7)
}

// An acknowledged record survives kill -9 at any moment, once.
func TestKilledWriterLosesNothing(t *testing.T) {
	const rounds = 20
	dir := t.TempDir()
	acked := make(map[string]bool)
	for round := range rounds {
		before := len(acked)
		killOne(t, dir, round, acked)
		if len(acked) == before {
			t.Fatalf("round %d: nothing was acknowledged before the kill", round)
		}
		l, err := Open(context.Background(), Options{Dir: dir})
		if err != nil {
			t.Fatalf("round %d: opening after the kill: %v", round, err)
		}
		times := make(map[string]int)
		for _, id := range readIDs(t, l, 0) {
			times[id]++
		}
		for id, n := range times {
			if n != 1 {
				t.Errorf("round %d: %s stands in the log %d times", round, id, n)
			}
		}
		for id := range acked {
			if times[id] == 0 {
				t.Errorf("round %d: acknowledged %s is lost", round, id)
			}
		}
		report, err := l.Verify(context.Background(), nil)
		if err != nil || !report.OK || len(report.Damage()) > 0 {
			t.Errorf("round %d: Verify: %+v, %v", round, report, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d records acknowledged over %d kills", len(acked), rounds)
}

// killOne runs the child until a random moment after its first
// acknowledgement and adds what it acknowledged to acked.
func killOne(t *testing.T, dir string, round int, acked map[string]bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), childDir+"="+dir, childRound+"="+strconv.Itoa(round))
	var stderr strings.Builder
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	var kill *time.Timer
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line cut by the kill was not printed in full
		}
		acked[strings.TrimSpace(line)] = true
		if kill == nil {
			kill = time.AfterFunc(rand.N(120*time.Millisecond), func() { child.Process.Kill() })
		}
	}
	if kill != nil {
		kill.Stop()
	}
	child.Process.Kill()
	if err := child.Wait(); err == nil || child.ProcessState.ExitCode() == 7 {
		t.Fatalf("round %d: the child ended by itself: %v\n%s", round, err, stderr.String())
	}
}
