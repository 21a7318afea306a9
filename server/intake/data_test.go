package intake

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lathe/learn"
	"lathe/server/redact"
)

// memory is a Sink that keeps what came through a Door, once each.
type memory struct {
	door    *Door
	seen    map[string]bool
	records []learn.Record
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	r, err := redact.New()
	if err != nil {
		t.Fatal(err)
	}
	return &memory{door: NewDoor(r, Limits{Now: func() time.Time { return modified.AddDate(1, 0, 0) }}), seen: map[string]bool{}}
}

func (m *memory) Accept(_ context.Context, recs []learn.Record) (Receipt, error) {
	admitted, origin, rejected := m.door.Admit(recs)
	receipt := Receipt{Rejected: rejected}
	for i, rec := range admitted {
		if id := recs[origin[i]].ID(); id != "" && id != rec.ID() {
			receipt.Rejected = append(receipt.Rejected, Rejection{origin[i], "the door changed the id " + id})
			continue
		}
		if m.seen[rec.ID()] {
			receipt.Duplicates++
			continue
		}
		m.seen[rec.ID()] = true
		m.records = append(m.records, rec)
		receipt.Accepted++
	}
	return receipt, nil
}

// shared is the path of a recorded session archive, which lies beside the
// repository.
func shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the recorded sessions are missing: put the shared data folder beside the repository (%v)", err)
	}
	return path
}

// count is what an import is expected to give.
type count struct {
	sessions, calls, tasks                  int
	failures, timeouts, interrupted, judged int
	successes                               int // tasks judged a success
}

func (m *memory) count() count {
	var c count
	sessions := map[string]bool{}
	for _, rec := range m.records {
		if a := rec.Action; a != nil {
			sessions[a.SessionID] = true
			c.calls++
			switch a.Status {
			case learn.StatusFailure:
				c.failures++
			case learn.StatusTimeout:
				c.timeouts++
			case learn.StatusInterrupted:
				c.interrupted++
			}
			continue
		}
		sessions[rec.Task.SessionID] = true
		if rec.Task.Phase != learn.TaskFinish {
			continue
		}
		c.tasks++
		if rec.Task.OutcomeKind == learn.VerifyBenchmark {
			c.judged++
		}
		if rec.Task.Outcome == learn.OutcomeSuccess {
			c.successes++
		}
	}
	c.sessions = len(sessions)
	return c
}

// The counts of sessions, calls, return codes and verdicts were taken from the
// archives with other means than this package. Claude Code's transcripts repeat
// 45 of their lines, and three calls at their ends have no result yet.
func TestRecordedSessions(t *testing.T) {
	tests := []struct {
		format, file string
		want         count
	}{
		{"mini-swe-agent", "mini-swe-agent.tar.gz", count{sessions: 245, calls: 9994, tasks: 245, judged: 245, failures: 999, timeouts: 14, successes: 192}},
		{"claude-code", "claude-code-session-share.tar.gz", count{sessions: 7, calls: 87, tasks: 13, failures: 4, interrupted: 2}},
		{"openai-chat", "tau-bench-airline.tar.gz", count{sessions: 100, calls: 554, tasks: 100, failures: 46, judged: 100, successes: 41}},
		{"swe-agent", "swe-agent-demos.tar.gz", count{sessions: 22, calls: 232, tasks: 22, failures: 16, timeouts: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.format, func(t *testing.T) {
			m := newMemory(t)
			o := ImportOptions{Format: tt.format, Paths: []string{shared(t, tt.file)}}
			first, err := Import(t.Context(), o, m)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.count(); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if first.Rejected != 0 || first.Sessions != tt.want.sessions || first.Calls < tt.want.calls {
				t.Errorf("summary %+v", first)
			}
			again, err := Import(t.Context(), o, m)
			if err != nil {
				t.Fatal(err)
			}
			if again.Accepted != 0 || again.Duplicates != first.Records {
				t.Errorf("the second import added %d of %d", again.Accepted, again.Records)
			}
		})
	}
}
