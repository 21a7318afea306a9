package server_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"lathe/learn"
	"lathe/server"
	"lathe/server/intake"
)

type keep struct{ projects []string }

func (k *keep) Accept(_ context.Context, recs []learn.Record) (intake.Receipt, error) {
	for _, r := range recs {
		k.projects = append(k.projects, r.Project())
	}
	return intake.Receipt{Accepted: len(recs)}, nil
}

// What a recording names by its folder, in any folder of a workspace, is the
// project that hooks and sessions in that workspace have.
func TestRecordingsGetTheWorkspacesProject(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "src", "a")
	for _, dir := range []string{filepath.Join(root, ".git"), below} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	k := &keep{}
	sink := &server.LocalProjects{Sink: k}
	for range 2 {
		if _, err := sink.Accept(t.Context(), []learn.Record{
			{Action: &learn.ActionOutcome{ProjectID: below}}, {Task: &learn.TaskRecord{ProjectID: root}}, {Task: &learn.TaskRecord{ProjectID: "acme/widget"}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := server.WorkspaceProject(root)
	for i, got := range k.projects {
		if i%3 < 2 && got != want || i%3 == 2 && got != "acme/widget" {
			t.Errorf("record %d is of %q", i, got)
		}
	}
	if len(k.projects) != 6 {
		t.Errorf("%d records came through", len(k.projects))
	}
}
