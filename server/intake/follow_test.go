package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"lathe/learn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to happen.
const patience = 60 * time.Second

// watched is memory that another goroutine may look into.
type watched struct {
	mu sync.Mutex
	m  *memory
}

func (w *watched) Accept(ctx context.Context, recs []learn.Record) (Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.m.Accept(ctx, recs)
}

// has waits until the call ids that came in are these.
func (w *watched) has(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		w.mu.Lock()
		got = sortedKeys(w.m.calls())
		w.mu.Unlock()
		if slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("the calls %v came in, want %v", got, want)
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, err)
	must(t, f.Close())
}

// event is a line with a call.
func event(id string) string {
	return `{"project_id":"p","session_id":"s","call_id":"` + id + `","timestamp":"2026-01-02T03:04:05Z","tool_name":"bash"}` + "\n"
}

func TestFollow(t *testing.T) {
	for name, poll := range map[string]time.Duration{"told": 0, "looking": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			a := filepath.Join(root, "a.jsonl")
			appendTo(t, a, event("1")+event("2")[:30])
			sink := &watched{m: newMemory(t)}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			var s Summary
			go func() {
				var err error
				s, err = Follow(ctx, FollowOptions{Sources: []Source{{"events", root}}, Poll: poll}, sink)
				ended <- err
			}()
			sink.has(t, "1") // the second line's end is not there
			appendTo(t, a, event("2")[30:]+event("3"))
			sink.has(t, "1", "2", "3")
			appendTo(t, filepath.Join(root, "new", "folder", "b.jsonl"), event("4"))
			sink.has(t, "1", "2", "3", "4")
			must(t, os.Rename(a, filepath.Join(root, "a.jsonl.old"))) // rotation
			appendTo(t, a, event("5"))
			sink.has(t, "1", "2", "3", "4", "5")
			must(t, os.Truncate(a, 0))
			appendTo(t, a, event("6"))
			sink.has(t, "1", "2", "3", "4", "5", "6")
			appendTo(t, filepath.Join(root, "notes.txt"), event("x"))
			appendTo(t, a, "junk\n"+event("7"))
			sink.has(t, "1", "2", "3", "4", "5", "6", "7")
			stop()
			must(t, <-ended)
			if s.Rejected != 1 || s.Duplicates != 0 || s.Accepted != 7 {
				t.Errorf("summary %+v", s)
			}
			again, err := Follow(cancelled(t), FollowOptions{Sources: []Source{{"events", root}}}, sink)
			must(t, err)
			if again.Accepted != 0 {
				t.Errorf("after a restart %+v", again)
			}
		})
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	return ctx
}

// Whatever the pieces in which a history is written, and however often the
// follower is started anew, what comes in is what an import gives, once.
func TestFollowGivesWhatImportGives(t *testing.T) {
	for _, format := range FollowFormats() {
		t.Run(format, func(t *testing.T) {
			files := fixtures(t, format)
			whole := newMemory(t)
			_, err := Import(t.Context(), ImportOptions{Format: format, Paths: []string{filepath.Join("testdata", format)}}, whole)
			must(t, err)
			rapid.Check(t, func(rt *rapid.T) {
				root, err := os.MkdirTemp("", "lathe-follow-")
				must(t, err)
				defer os.RemoveAll(root)
				m := &memory{door: whole.door, seen: map[string]bool{}}
				place := filepath.Join(t.TempDir(), "cursors.json")
				start := func(o FollowOptions) *follower {
					o.Sources, o.Now = []Source{{format, root}}, time.Now
					if rapid.Bool().Draw(rt, "keeps its place") {
						o.Cursors, err = OpenCursors(t.Context(), place, m.head)
						must(t, err)
					}
					f, err := newFollower(o, m)
					must(t, err)
					return f
				}
				f := start(FollowOptions{})
				written := make([]int, len(files))
				for left := true; left; {
					left = false
					for i, file := range files {
						n := len(file.data) - written[i]
						if hasExt(file.name, ".jsonl") {
							n = rapid.IntRange(0, n).Draw(rt, "bytes")
							if len(file.data)-written[i] < 300 {
								n = len(file.data) - written[i]
							}
						}
						appendTo(t, filepath.Join(root, file.name), string(file.data[written[i]:written[i]+n]))
						written[i] += n
						left = left || written[i] < len(file.data)
					}
					must(t, f.round(t.Context(), true))
					switch rapid.IntRange(0, 7).Draw(rt, "restart") {
					case 0:
						must(t, f.end(cancelled(t), nil))
						must(t, f.o.Cursors.Close())
						f = start(FollowOptions{})
					case 1: // it is killed
						must(t, f.end(t.Context(), nil))
						must(t, f.o.Cursors.Close())
						f = start(FollowOptions{})
					case 2: // an hour passes
						for _, w := range f.files {
							must(t, w.close(t.Context()))
						}
					}
				}
				must(t, f.round(t.Context(), true))
				must(t, f.end(cancelled(t), nil))
				must(t, f.o.Cursors.Close())
				if got, want := happened(m), happened(whole); !slices.Equal(got, want) {
					rt.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		})
	}
}

// happened are the records but those that end a session, which ends anew each
// time that it is read, in an order.
func happened(m *memory) (all []string) {
	for _, r := range m.records {
		if r.Task != nil && r.Task.Phase == learn.TaskFinish && r.Task.OutcomeKind == "" {
			continue
		}
		line, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		all = append(all, string(line))
	}
	slices.Sort(all)
	return all
}

// A document is read when it is whole, and anew when it was written anew.
func TestFollowDocuments(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "s.json")
	m := newMemory(t)
	now := time.Now()
	f, err := newFollower(FollowOptions{Sources: []Source{{"ocode", root}}, Now: func() time.Time { return now }}, m)
	must(t, err)
	put := func(text string) {
		t.Helper()
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chtimes(path, now, now))
		must(t, f.round(t.Context(), true))
	}
	const head = `{"id":"s","created_at":1767323040,"updated_at":1767323041,"messages":[{"role":"user","content":"go"}`
	const call = `,{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"bash","arguments":{"command":"ls"}}}]},{"role":"tool","tool_call_id":"c","content":"a"}`
	put(head)
	if len(m.records) != 0 || f.out.summary.Rejected != 0 {
		t.Fatalf("half a document: %+v", f.out.summary)
	}
	put(head + "]}")
	put(head + call + "]}")
	if got := sortedKeys(m.calls()); !slices.Equal(got, []string{"c"}) || f.out.summary.Rejected != 0 {
		t.Errorf("calls %v, %+v", got, f.out.summary)
	}
	put(head)
	now = now.Add(time.Hour)
	must(t, f.round(t.Context(), true))
	if f.out.summary.Rejected != 1 {
		t.Errorf("a document that stays cut off: %+v", f.out.summary)
	}
}

// Few files are kept open, however many there are, and one that rested is read
// again when it grows; a line that is too long costs itself only.
func TestFollowIsBounded(t *testing.T) {
	root := t.TempDir()
	m := newMemory(t)
	now := time.Now()
	const n = 3 * maxFollowed
	for i := range n {
		appendTo(t, filepath.Join(root, "many", string(rune('a'+i%26))+strings.Repeat("x", i/26)+".jsonl"), event("m"+strings.Repeat("x", i)))
	}
	f, err := newFollower(FollowOptions{Sources: []Source{{"events", root}}, Now: func() time.Time { return now }, Archive: ArchiveLimits{MaxLine: 1000}}, m)
	must(t, err)
	must(t, f.round(t.Context(), true))
	if f.opened > maxFollowed || len(m.records) != n {
		t.Errorf("%d files are open, %d records", f.opened, len(m.records))
	}
	now = now.Add(2 * time.Hour)
	must(t, f.round(t.Context(), true))
	if f.opened != 0 {
		t.Errorf("%d resting files are open", f.opened)
	}
	now = time.Now()
	long := filepath.Join(root, "long.jsonl")
	appendTo(t, long, event("l1"))
	for range 5 {
		appendTo(t, long, strings.Repeat("x", 900))
		must(t, f.round(t.Context(), true))
	}
	appendTo(t, long, "\n"+event("l2"))
	must(t, f.round(t.Context(), true))
	appendTo(t, long, string(bytes.Repeat([]byte("y"), 5000))+"\n"+event("l3"))
	must(t, f.round(t.Context(), true))
	calls := m.calls()
	if calls["l1"] == nil || calls["l2"] == nil || calls["l3"] == nil || f.out.summary.Rejected != 2 {
		t.Errorf("%v %v %v, %+v", calls["l1"], calls["l2"], calls["l3"], f.out.summary.Problems)
	}
	must(t, os.Remove(long))
	must(t, f.round(t.Context(), true))
	if len(f.files) != n {
		t.Errorf("%d files are remembered, want %d", len(f.files), n)
	}
}

func TestFollowRefuses(t *testing.T) {
	dir := t.TempDir()
	for want, o := range map[string]FollowOptions{
		"nothing to follow": {}, "cannot be followed": {Sources: []Source{{"swe-agent", dir}}},
		"check the path": {Sources: []Source{{"codex", filepath.Join(dir, "none")}}}, "neither a regular": {Sources: []Source{{"codex", "/dev/null"}}},
	} {
		_, err := Follow(t.Context(), o, newMemory(t))
		wantError(t, err, want)
	}
}
