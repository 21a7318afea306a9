package eventlog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"lathe/learn"
)

// sharedServer is a real server on the loopback network, as a team has one.
func sharedServer(t *testing.T, payload int32) string {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
		SyncAlways: true, MaxPayload: payload, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(startTimeout) {
		t.Fatal("the shared server did not start")
	}
	return ns.ClientURL()
}

func TestDaemonsShareAServer(t *testing.T) {
	ctx := context.Background()
	url := sharedServer(t, maxPayload)
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	logs := make([]*Log, len(dirs))
	for i, dir := range dirs {
		logs[i] = openTest(t, Options{Dir: dir, URL: url})
	}
	const calls = 30
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored := 0 // records that somebody was told are new
	for i, l := range logs {
		wg.Go(func() {
			for c := range calls {
				recs := append(actions(fmt.Sprintf("own%d", i), c, 1), action("shared", c))
				acks, err := l.Append(ctx, recs)
				if err != nil {
					t.Errorf("daemon %d: %v", i, err)
					return
				}
				mu.Lock()
				for _, a := range acks {
					if !a.Duplicate {
						stored++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	want := len(logs)*calls + calls
	if stored != want {
		t.Errorf("%d records were acknowledged as new, want %d", stored, want)
	}
	var heads uint64
	for _, l := range logs {
		heads = max(heads, l.Head(Events))
	}
	for i, l := range logs {
		if err := l.Wait(ctx, Events, heads-1); err != nil {
			t.Fatal(err)
		}
		if ids := readIDs(t, l, 0); len(ids) != want {
			t.Errorf("daemon %d reads %d records, want %d", i, len(ids), want)
		}
		if _, err := l.Record(ctx, action(fmt.Sprintf("own%d", (i+1)%len(logs)), 7).ID()); err != nil {
			t.Errorf("daemon %d on another's record: %v", i, err)
		}
		report, err := l.Verify(ctx, nil)
		if err != nil || !report.OK || len(report.Streams[0].Writers) != len(logs) {
			t.Errorf("daemon %d: Verify: %+v, %v", i, report, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l := openTest(t, Options{Dir: dirs[0], URL: url})
	if acks := mustAppend(t, l, []learn.Record{action("own1", 0), action("shared", 0)}); !acks[0].Duplicate || !acks[1].Duplicate {
		t.Errorf("known records after a restart: %+v", acks)
	}
}

// A daemon sees what another one writes without writing anything itself.
func TestFollow(t *testing.T) {
	url := sharedServer(t, maxPayload)
	writer := openTest(t, Options{Dir: t.TempDir(), URL: url})
	reader := openTest(t, Options{Dir: t.TempDir(), URL: url})
	for n := range uint64(5) {
		mustAppend(t, writer, actions("p", int(n), 1))
		if err := reader.Wait(context.Background(), Events, n); err != nil {
			t.Fatal(err)
		}
		if ids := readIDs(t, reader, n); len(ids) != 1 {
			t.Errorf("the reader got %d records after message %d", len(ids), n)
		}
	}
}

// Two daemons of one name are told apart by the server's order: the chain
// stays whole.
func TestTwoDaemonsOfOneName(t *testing.T) {
	url := sharedServer(t, maxPayload)
	a := openTest(t, Options{Dir: t.TempDir(), URL: url, Writer: "same"})
	b := openTest(t, Options{Dir: t.TempDir(), URL: url, Writer: "same"})
	var wg sync.WaitGroup
	for i, l := range []*Log{a, b} {
		wg.Go(func() {
			for c := range 20 {
				if _, err := l.Append(context.Background(), actions(fmt.Sprint(i), c, 1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	report, err := a.Verify(context.Background(), nil)
	if err != nil || !report.OK {
		t.Errorf("Verify: %+v, %v", report, err)
	}
}

func TestUnusableServer(t *testing.T) {
	for name, url := range map[string]string{
		"nobody there":   "nats://127.0.0.1:1",
		"small messages": sharedServer(t, 1<<20),
	} {
		if l, err := Open(context.Background(), Options{Dir: t.TempDir(), URL: url}); err == nil {
			l.Close()
			t.Errorf("%s: Open succeeded", name)
		}
	}
}

// An answer that is lost leaves it open whether the message is stored; the
// committer finds out and neither loses nor doubles it.
func TestLostAnswer(t *testing.T) {
	l := openTest(t, Options{Dir: t.TempDir()})
	s := l.events
	mustAppend(t, l, actions("p", 0, 2))
	items := make([]*item, 3)
	acks := make([]Ack, len(items))
	for i := range items {
		rec := action("p", 10+i)
		it, err := newItem(rec.ID(), rec.Project(), "", rec)
		if err != nil {
			t.Fatal(err)
		}
		it.ack, it.req = &acks[i], &request{}
		items[i] = &it
	}
	// The message gets into the stream, but the log is not told so.
	_, message := s.build(kindBatch, items)
	seq, err := s.publish(context.Background(), "p", message)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.write("p", items); err != nil {
		t.Fatal(err)
	}
	for i, a := range acks {
		if a.Seq != seq || a.Index != i || a.Duplicate {
			t.Errorf("record %d acknowledged as %+v, want message %d, new", i, a, seq)
		}
	}
	if ids := readIDs(t, l, 0); len(ids) != 5 {
		t.Errorf("%d records in the log, want 5", len(ids))
	}
	report, err := l.Verify(context.Background(), nil)
	if err != nil || !report.OK {
		t.Errorf("Verify: %+v, %v", report, err)
	}
}

func TestOpenFailsWithoutRights(t *testing.T) {
	// A file where the directory should be stops even root.
	path := filepath.Join(t.TempDir(), "file")
	if err := writeFile(path, nil); err != nil {
		t.Fatal(err)
	}
	l, err := Open(context.Background(), Options{Dir: filepath.Join(path, "log")})
	if err == nil {
		l.Close()
		t.Fatal("Open made a log below a file")
	}
	if errors.Is(err, ErrLocked) {
		t.Errorf("Open below a file: %v", err)
	}
}
