package sandbox

import "testing"

func TestRunPrintsWritesAndReads(t *testing.T) {
	r := mustRun(t, &Spec{
		Args: []string{"sh", "-c", "cat /in/a/b; cat; echo oops >&2; echo hi >/out/x; exit 3"}, OutDir: "/out",
		Files: map[string][]byte{"a/b": []byte("hello\n")},
	})
	if string(r.Stdout) != "hello\n" || string(r.Stderr) != "oops\n" || r.ExitCode != 3 || string(r.Files["x"]) != "hi\n" {
		t.Errorf("got %+v", r)
	}
}
