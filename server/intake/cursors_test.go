package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// head is how long the log is that the memory stands for.
func (m *memory) head(context.Context) (uint64, error) { return uint64(len(m.records)), nil }

// goes is a follower that starts where the last one was, and its first round.
func goes(t *testing.T, root, place string, m *memory) *follower {
	t.Helper()
	c, err := OpenCursors(t.Context(), place, m.head)
	must(t, err)
	f, err := newFollower(FollowOptions{Sources: []Source{{"events", root}}, Cursors: c}, m)
	must(t, err)
	must(t, f.round(t.Context(), true))
	return f
}

func (f *follower) stop(t *testing.T) {
	t.Helper()
	must(t, f.end(cancelled(t), nil))
	must(t, f.o.Cursors.Close())
}

func TestFollowGoesOn(t *testing.T) {
	root, place := t.TempDir(), filepath.Join(t.TempDir(), "follow", "cursors.json")
	a, b := filepath.Join(root, "a.jsonl"), filepath.Join(root, "b.jsonl")
	m := newMemory(t)
	appendTo(t, a, event("1")+event("2")+event("3")[:40])
	appendTo(t, b, event("b1"))
	goes(t, root, place, m).stop(t)

	f := goes(t, root, place, m)
	if f.out.summary.Records != 0 || f.out.summary.Files != 0 {
		t.Errorf("nothing changed, and it read %+v", f.out.summary)
	}
	appendTo(t, a, event("3")[40:]+"junk\n"+event("4"))
	must(t, f.round(t.Context(), true))
	if s := f.out.summary; s.Records != 2 || s.Duplicates != 0 || s.Files != 1 || s.Rejected != 1 {
		t.Errorf("one file grew, and it took %+v", s)
	}
	// It is killed: what it kept last is what is known, and the file is open.
	must(t, f.end(t.Context(), nil))
	must(t, f.o.Cursors.Close())

	f = goes(t, root, place, m)
	if s := f.out.summary; s.Records != 0 || s.Files != 1 || f.opened != 1 || s.Rejected != 0 {
		t.Errorf("after it was killed it took %+v, %d open", s, f.opened)
	}
	f.stop(t)

	must(t, os.Rename(a, a+".1")) // rotated
	appendTo(t, a, event("5"))
	must(t, os.WriteFile(b, []byte(event("b2")+event("b3")), 0o600)) // cut, and written anew
	f = goes(t, root, place, m)
	if s := f.out.summary; s.Records != 3 || s.Duplicates != 0 {
		t.Errorf("after a rotation and a cut it took %+v", s)
	}
	must(t, os.Truncate(b, int64(len(event("b2")))))
	f.stop(t)
	f = goes(t, root, place, m)
	if s := f.out.summary; s.Records != 1 || s.Duplicates != 1 {
		t.Errorf("after a cut to what was read it took %+v", s)
	}
	must(t, os.Remove(b))
	must(t, f.round(t.Context(), true))
	f.stop(t)
	f = goes(t, root, place, m)
	f.stop(t)
	if n := f.o.Cursors.Len(); n != 1 {
		t.Errorf("%d files are remembered, of which one is there", n)
	}
	if got := sortedKeys(m.calls()); !slices.Equal(got, []string{"1", "2", "3", "4", "5", "b1", "b2", "b3"}) {
		t.Errorf("calls %v", got)
	}

	// Another log knows nothing, and neither do cursors that are damaged.
	other := newMemory(t)
	f = goes(t, root, place, other)
	f.stop(t)
	if f.out.summary.Records != 1 {
		t.Errorf("into another log it took %+v", f.out.summary)
	}
	for range 9 {
		other.records = append(other.records, other.records[0])
	}
	must(t, os.WriteFile(place, []byte(`{"head":1,"files":`), 0o600))
	f = goes(t, root, place, other)
	f.stop(t)
	if f.out.summary.Records != 1 {
		t.Errorf("with damaged cursors it took %+v", f.out.summary)
	}
}

func TestCursorsAreOneFollowersAndBounded(t *testing.T) {
	dir := t.TempDir()
	place, m := filepath.Join(dir, "cursors.json"), newMemory(t)
	c, err := OpenCursors(t.Context(), place, m.head)
	must(t, err)
	if _, err := OpenCursors(t.Context(), place, m.head); !errors.Is(err, ErrFollowed) {
		t.Errorf("a second follower: %v", err)
	}
	for i := range maxCursors + 10 {
		c.set("events", fmt.Sprint(dir, "/", i), &Cursor{Modified: int64(i)})
	}
	must(t, c.save(t.Context()))
	if c.Len() != maxCursors || c.of("events", dir+"/9") != nil || c.of("events", dir+"/10") == nil {
		t.Errorf("%d are kept", c.Len())
	}
	must(t, c.Close())
	gone := errors.New("no daemon")
	if _, err := OpenCursors(t.Context(), place, func(context.Context) (uint64, error) { return 0, gone }); !errors.Is(err, gone) {
		t.Errorf("without a log: %v", err)
	}
	c, err = OpenCursors(t.Context(), place, m.head)
	must(t, err)
	if c.Len() != 0 {
		t.Errorf("%d files that are not there are remembered", c.Len())
	}
	must(t, c.Close())
}
