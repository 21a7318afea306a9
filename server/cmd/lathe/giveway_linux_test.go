package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Every thread of the daemon gives way to what the person runs; a priority that
// whoever started it has chosen stays.
func TestDaemonGivesWay(t *testing.T) {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := 20 - raw // the kernel counts from 20 down
	if want == 0 {
		want = daemonNice
	}
	s := newCrashSite(t)
	cmd := s.command("serve")
	runDaemon(t, s, cmd)
	history(t, s)
	for range 5 { // threads come and go
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", cmd.Process.Pid))
		if err != nil || len(threads) < 2 {
			t.Fatalf("threads %v, %v", threads, err)
		}
		for _, path := range threads {
			var id int
			if _, err := fmt.Sscan(filepath.Base(path), &id); err != nil {
				t.Fatal(err)
			}
			raw, err := unix.Getpriority(unix.PRIO_PROCESS, id)
			if _, gone := os.Stat(path); gone != nil {
				continue
			}
			if err != nil || 20-raw != want {
				t.Errorf("thread %d has niceness %d, %v, want %d", id, 20-raw, err, want)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}
