package image

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestCollectRemovesOnlyWhatNothingNeeds(t *testing.T) {
	s := open(t, t.TempDir())
	old := addBase(t, s, Runtime, entry{name: "old", data: "1"})
	tool := addTool(t, s, old)
	base := addBase(t, s, Runtime, entry{name: "new", data: "2"}) // the old one is a base no more, but a tool stands on it
	lone := addBase(t, s, Validation, entry{name: "lone", data: "3"})
	named := addBase(t, s, Validation, entry{name: "named", data: "4"})
	current := addBase(t, s, Validation, entry{name: "current", data: "5"})
	for _, d := range []string{old, base, lone, named, current} {
		if _, err := s.RootFS(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.ToolDir(t.Context(), tool); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(s.Dir(), ".import-x")
	if err := os.Mkdir(half, 0o755); err != nil {
		t.Fatal(err)
	}

	if c, err := s.Collect(t.Context(), time.Hour, nil, false); err != nil || len(c.Images)+c.Blobs+c.Unpacked > 0 {
		t.Fatalf("young things went: %+v, %v", c, err)
	}
	dry, err := s.Collect(t.Context(), -time.Hour, []string{named}, true)
	if err != nil || !slices.Equal(dry.Images, []string{lone}) || dry.Blobs != 3 || dry.Unpacked != 2 || dry.Bytes == 0 {
		t.Fatalf("dry: %+v, %v", dry, err)
	}
	if err := s.Verify(lone); err != nil {
		t.Fatalf("a dry run removed something: %v", err)
	}
	c, err := s.Collect(t.Context(), -time.Hour, []string{named}, false)
	if err != nil || !slices.Equal(c.Images, dry.Images) || c.Blobs != dry.Blobs || c.Unpacked != dry.Unpacked || c.Bytes != dry.Bytes {
		t.Fatalf("%+v, %v, and the dry run said %+v", c, err, dry)
	}
	if err := s.Verify(lone); !errors.Is(err, ErrNotFound) {
		t.Errorf("the lone image: %v", err)
	}
	for _, d := range []string{old, base, named, current, tool} {
		if err := s.Verify(d); err != nil {
			t.Errorf("%s: %v", d, err)
		}
	}
	for _, d := range []string{old, base, named, current} {
		if dir := s.unpacked(s.rootDir(), d); !dirExists(dir) {
			t.Errorf("the unpacked %s is gone", d)
		}
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("the interrupted import is still there: %v", err)
	}
	if again, err := s.Collect(t.Context(), -time.Hour, []string{named}, false); err != nil || again.Blobs+again.Unpacked+len(again.Images) > 0 {
		t.Errorf("a second time: %+v, %v", again, err)
	}
}

func TestCollectWithAStoreBelow(t *testing.T) {
	lower := open(t, t.TempDir())
	base := smallBase(t, lower)
	top := open(t, t.TempDir(), WithBase(lower.Dir()))
	tool := addTool(t, top, base)
	addBase(t, lower, Runtime, entry{name: "newer", data: "x"})
	for _, s := range []*Store{top, lower} {
		if _, err := s.Collect(t.Context(), -time.Hour, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := lower.RootFS(t.Context(), base); !errors.Is(err, ErrNotFound) {
		t.Fatalf("the lower store still has the old base: %v", err)
	}
	// What the tool stands on came along with it.
	if _, err := top.RootFS(t.Context(), base); err != nil {
		t.Error(err)
	}
	if err := top.Verify(tool); err != nil {
		t.Error(err)
	}
}

func TestCollectStopsAtADamagedStore(t *testing.T) {
	s := open(t, t.TempDir())
	addTool(t, s, smallBase(t, s))
	all, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	lone := addBase(t, s, Validation, entry{name: "lone", data: "3"})
	addBase(t, s, Validation, entry{name: "current", data: "5"})
	if err := os.Remove(filepath.Join(s.layoutDir(), "blobs", "sha256", all[0].Digest[len("sha256:"):])); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(t.Context(), -time.Hour, nil, false); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if err := s.Verify(lone); err != nil {
		t.Errorf("and removed something: %v", err)
	}
	if _, err := s.Collect(t.Context(), 0, []string{"not a digest"}, false); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
