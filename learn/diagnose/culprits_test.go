package diagnose_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/diagnose"
	"lathe/learn/signature"
)

var update = flag.Bool("update", false, "run the commands of testdata/culprits again and record what they print")

// story is a session whose culprit is known. Its archive's comment tells it:
//
//	# words
//	= COMMAND     hidden preparation
//	$ COMMAND     a step
//	* COMMAND     the step to blame
//	edit FILE|OLD|NEW, *edit FILE|OLD|NEW
//	! COMMAND     the last step, which fails; !* when it is to blame itself
//
// The files under repo/ are the workspace; those under out/ are recorded: the
// exit code, then what was printed.
type story struct {
	name  string
	prep  []string
	steps []storyStep
	files []txtar.File
}

type storyStep struct {
	command      string // or edit
	edit         []string
	blame, fails bool
}

func readStory(t *testing.T, file string) story {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := story{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), files: a.Files}
	for _, line := range strings.Split(string(a.Comment), "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		st := storyStep{command: rest, blame: strings.Contains(mark, "*"), fails: strings.HasPrefix(mark, "!")}
		switch mark {
		case "", "#":
			continue
		case "=":
			s.prep = append(s.prep, rest)
			continue
		case "edit", "*edit":
			st.command, st.edit = "", strings.Split(rest, "|")
		case "$", "*", "!", "!*":
		default:
			t.Fatalf("%s: %q", file, line)
		}
		s.steps = append(s.steps, st)
	}
	return s
}

// record runs a story for real and writes what it printed into its archive.
func (s story) record(t *testing.T, file string) {
	t.Helper()
	dir := t.TempDir()
	a := &txtar.Archive{}
	old, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a.Comment = old.Comment
	for _, f := range old.Files {
		if path, ok := strings.CutPrefix(f.Name, "repo/"); ok {
			a.Files = append(a.Files, f)
			path = filepath.Join(dir, "repo", path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.Data, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "repo"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.prep {
		if out, code := runIn(t, dir, p); code != 0 {
			t.Fatalf("%s: %s: %d\n%s", s.name, p, code, out)
		}
	}
	for i, st := range s.steps {
		out, code := "edited\n", 0
		if st.edit != nil {
			path := filepath.Join(dir, "repo", st.edit[0])
			raw, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(raw), st.edit[1]) {
				t.Fatalf("%s: edit %v: %v", s.name, st.edit, err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(raw), st.edit[1], st.edit[2], 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			out, code = runIn(t, dir, st.command)
		}
		if (code != 0) != st.fails {
			t.Fatalf("%s: %q ended with %d:\n%s", s.name, st.command, code, out)
		}
		a.Files = append(a.Files, txtar.File{Name: fmt.Sprintf("out/%02d", i), Data: []byte(fmt.Sprintf("%d\n%s", code, out))})
	}
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ownInterpreter is where this machine keeps its interpreters.
var ownInterpreter = regexp.MustCompile(`(?:/root|/home/\w+|/opt)/[\w./-]*?/(lib|bin)/`)

func runIn(t *testing.T, dir, command string) (string, int) {
	t.Helper()
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir = filepath.Join(dir, "repo")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "home"), "LANG=C.UTF-8", "GOFLAGS=-mod=mod", "GOPROXY=off", "GOCACHE=" + filepath.Join(os.TempDir(), "culprits-cache"),
		"GIT_AUTHOR_NAME=dev", "GIT_AUTHOR_EMAIL=dev@example.com", "GIT_COMMITTER_NAME=dev", "GIT_COMMITTER_EMAIL=dev@example.com", "PYTHONDONTWRITEBYTECODE=1"}
	out, err := cmd.CombinedOutput()
	text := strings.ReplaceAll(strings.ReplaceAll(string(out), filepath.Join(dir, "repo"), "/repo"), dir, "")
	text = ownInterpreter.ReplaceAllString(text, "/usr/$1/")
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return text, exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return text, 0
}

// replay gives the story's session to the reader and returns the request about
// its last call, and the event ids of its steps.
func (s story) replay(t *testing.T, reader *signature.Analyser) (diagnose.Request, []string) {
	t.Helper()
	var r diagnose.Request
	var ids []string
	at := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for i, st := range s.steps {
		ev := &learn.ActionOutcome{ID: learn.UUIDv8(s.name, strconv.Itoa(i)), Timestamp: at.Add(time.Duration(i) * time.Minute), ProjectID: "p",
			SessionID: s.name, TaskID: s.name, ToolName: "bash", Status: learn.StatusSuccess, ActionType: learn.ToolCall}
		params := map[string]string{"command": st.command}
		if st.edit != nil {
			ev.ToolName, params = "edit_file", map[string]string{"path": st.edit[0], "old_text": st.edit[1], "new_text": st.edit[2]}
		}
		ev.ToolParameters, _ = json.Marshal(params) // strings always can be
		k := slices.IndexFunc(s.files, func(f txtar.File) bool { return f.Name == fmt.Sprintf("out/%02d", i) })
		if k < 0 {
			t.Fatalf("%s: the output of step %d is not recorded: run the test with -update", s.name, i)
		}
		code, text, _ := strings.Cut(string(s.files[k].Data), "\n")
		exit, err := strconv.Atoi(code)
		if err != nil {
			t.Fatalf("%s: step %d: %v", s.name, i, err)
		}
		ev.ToolOutput = learn.ToolOutput{Stdout: text, ExitCode: &exit}
		if exit != 0 {
			ev.Status = learn.StatusFailure
		}
		act := action.Parse(ev)
		sigs := reader.Learn(ev, act)
		step := learn.Step{EventID: ev.ID, Timestamp: ev.Timestamp, Tool: ev.ToolName, Intent: act.Intent, Skeleton: act.Skeleton,
			Command: act.Command, Target: act.Target, Status: ev.Status}
		for _, g := range sigs {
			step.Signatures = append(step.Signatures, g.ID)
		}
		ids = append(ids, ev.ID)
		r.History = append(r.History, step)
		r.Event, r.Action, r.Signatures = ev, act, sigs
	}
	return r, ids
}

// On sessions of real commands whose culprit is known, the diagnosis must find
// it in most, and do better than always blaming the failing call or the last
// change. Those under unseen were written after the rules, and told nothing.
func TestCulpritsOfRealSessions(t *testing.T) {
	for _, set := range []struct {
		glob  string
		share float64
	}{{"testdata/culprits/*.txtar", 0.9}, {"testdata/culprits/second/*.txtar", 0.8}, {"testdata/culprits/unseen/*.txtar", 0.6}} {
		t.Run(filepath.Base(filepath.Dir(set.glob)), func(t *testing.T) {
			files, err := filepath.Glob(set.glob)
			if err != nil || len(files) < 10 {
				t.Fatalf("%d stories, %v", len(files), err)
			}
			right, own, last := culpritsFound(t, files)
			t.Logf("the culprit is found in %d of %d sessions; always the failing call %d, always the last change %d", right, len(files), own, last)
			if float64(right) < set.share*float64(len(files)) || right <= own || right < last {
				t.Error("too few")
			}
		})
	}
}

// culpritsFound counts the stories in which the diagnosis, and two simple
// guesses, are right.
func culpritsFound(t *testing.T, files []string) (right, own, last int) {
	t.Helper()
	reader, err := signature.New()
	if err != nil {
		t.Fatal(err)
	}
	d := diagnose.New(diagnose.Options{Patterns: reader,
		Remedies: diagnose.RemedyFunc(func(diagnose.RemedyQuery) []learn.RemedyOffer { return nil })})
	for _, f := range files {
		if *update {
			readStory(t, f).record(t, f)
		}
		s := readStory(t, f)
		r, ids := s.replay(t, reader)
		report := d.Diagnose(context.Background(), r)
		want := slices.IndexFunc(s.steps, func(st storyStep) bool { return st.blame })
		got := slices.Index(ids, report.CulpritAction)
		if got == want {
			right++
		} else {
			t.Logf("%s: blamed step %d, it was %d: %s %s", s.name, got, want, report.RootCause, report.CulpritReason)
		}
		if want == len(ids)-1 {
			own++
		}
		if lastChange(r.History) == want {
			last++
		}
	}
	return right, own, last
}

func lastChange(steps []learn.Step) int {
	for i := len(steps) - 2; i >= 0; i-- {
		switch steps[i].Intent {
		case learn.IntentEdit, learn.IntentCreate, learn.IntentDelete, learn.IntentInstall, learn.IntentVCS:
			return i
		}
	}
	return len(steps) - 1
}
