package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"

	"lathe/fixtures"
	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

// odd is what a tool may print: it sets the window's title, clears the screen,
// rings, reorders, hides; and it is in scripts that are wide, joined, or from
// right to left.
const odd = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u009b32m\u009d\u202etxt.exe\u200b\u2066 \u6f22\u5b57\u30ab\u30bf\u30ab\u30ca \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f680 e\u0301"

// The names of the plans that are proposed about.
const (
	widePlan  = "\u767a\u58f2\u306e\u624b\u9806\U0001f680"
	rightPlan = "\u05e9\u05d7\u05e8\u05d5\u05e8"
)

var longPlan = strings.Repeat("a-very-long-name-", 8)

// newReviewSite is a daemon with proposals about plans of odd names, resting on
// calls that printed odd things.
func newReviewSite(t *testing.T) *mcpSite {
	t.Helper()
	s := newMCPSite(t)
	s.forEditors(t)
	e := &editorSite{mcpSite: s}
	demo, err := fixtures.ReadDemo()
	if err != nil {
		t.Fatal(err)
	}
	e.failed = demo.Failures[0].Event
	recordings := filepath.Join(s.dir, "recordings")
	if err := os.CopyFS(recordings, onlyJSONL{fixtures.Recordings()}); err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(recordings, "*", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		const last = " error during collection"
		text := strings.ReplaceAll(string(raw), last, strings.Trim(string(quoted), `"`)+last)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.run("lathe", "import", "events", recordings); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{widePlan, rightPlan, longPlan, "plain"} {
		file := e.checkout(filepath.Join(s.dir, "workspace"+string(rune('0'+i))), name+".json")
		if _, err := s.run("lathe", "plan", "refine", file); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *mcpSite) terminal(t *testing.T, width, height int, args ...string) *terminal {
	t.Helper()
	lathe, err := exec.LookPath("lathe")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(lathe, args...)
	cmd.Dir = s.dir
	cmd.Env = append(slices.DeleteFunc(slices.Clone(s.env), func(v string) bool { return strings.HasPrefix(v, "TERM=") }), "TERM=xterm-256color", "LANG=C.UTF-8")
	return openTerminal(t, width, height, cmd)
}

// plan is the queue's item about a plan template.
func (s *mcpSite) plan(t *testing.T, name string) review.Item {
	t.Helper()
	var items []review.Item
	if err := server.NewClient(server.Config{DataDir: s.data}).Call(context.WithoutCancel(t.Context()), http.MethodGet, "/v1/reviews", nil, &items); err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		if it.Plan != nil && filepath.Base(it.Plan.TargetPlanTemplate) == name+".json" {
			return it
		}
	}
	t.Fatalf("nothing is proposed about %q", name)
	return review.Item{}
}

// decision waits for the one decision on a plan's proposal.
func (s *mcpSite) decision(t *testing.T, x *terminal, name string) learn.Decision {
	t.Helper()
	var it review.Item
	x.until("the decision on "+name, func() bool { it = s.plan(t, name); return len(it.Decisions) == 1 })
	public, err := review.Public(s.data)
	if err != nil {
		t.Fatal(err)
	}
	if err := review.Check(public, it.Decisions[0], it.ContentHash); err != nil {
		t.Errorf("the decision on %s: %v", name, err)
	}
	return it.Decisions[0]
}

// tame fails the test where something that a tool printed reached the terminal
// as it was.
func (x *terminal) tame() {
	x.t.Helper()
	raw := x.raw()
	for _, bad := range []string{"\x1b]0;owned", "\x1b[31mred", "\u009b", "\u009d", "\u202e", "\u2066", "\u200b"} {
		if strings.Contains(raw, bad) {
			x.t.Errorf("%q reached the terminal", bad)
		}
	}
	if n := strings.Count(raw, passphraseOfTests); n != 0 {
		x.t.Errorf("the passphrase was shown %d times", n)
	}
}

// unlocked is `lathe review` on a terminal, after the passphrase.
func (s *mcpSite) unlocked(t *testing.T, width, height int) *terminal {
	t.Helper()
	x := s.terminal(t, width, height, "review")
	x.sees("passphrase")
	x.until("the echo to end", func() bool { return !x.echoes() })
	x.keys(passphraseOfTests + "\r")
	x.sees("4 to decide")
	return x
}

// TestHeavyReviewTerminal goes through the queue on a terminal: finds, opens,
// looks at the evidence, rejects, asks back, approves, leaves. What tools
// printed is text there and nothing else.
func TestHeavyReviewTerminal(t *testing.T) {
	s := newReviewSite(t)
	x := s.unlocked(t, 100, 30)
	x.sees("4 to decide", "plain.json", "q quit", widePlan, rightPlan, "a-very-long-name-")
	x.keys("/plain medium")
	x.sees("4 to decide, 1 with “plain medium”", "Find: plain medium_")
	x.keys("\r") // keeps the words
	x.sees("Esc all")
	x.keys("\r")
	x.sees("1 of 1", "run_tests.py", "a approve")
	x.keys("e")
	x.sees("It rests on", "| ", `\x1b]0;owned\x07`, `\u{202e}txt.exe\u{200b}`, "\u6f22\u5b57")
	x.keys("e")
	x.sees("content  sha256:")
	x.keys("r")
	x.sees("Why not? _")
	x.keys("\r")
	x.sees("in a few words")
	x.keys("t\u00e9sts are \u6f22\u5b57 qjka\x7f\x7f\x7f\x7f\U0001f680")
	x.sees("Why not? t\u00e9sts are \u6f22\u5b57 \U0001f680_")
	x.keys("\r")
	x.sees("3 to decide", "is rejected")
	if d := s.decision(t, x, "plain"); d.Verdict != learn.VerdictReject || d.Reason != "t\u00e9sts are \u6f22\u5b57 \U0001f680" {
		t.Errorf("%+v", d)
	}
	x.keys("\x1b") // all again
	x.sees(widePlan, rightPlan)

	x.keys("/\u767a\u58f2\r\r")
	x.sees("1 of 1", widePlan)
	x.keys("c")
	x.sees("What is unclear? _")
	x.keys("Everywhere?\r")
	x.sees("Asked back")
	x.until("the question", func() bool { it := s.plan(t, widePlan); return len(it.Questions)+len(it.Answers) == 1 })
	x.keys("\r")
	x.sees("1 of 1", "asked    Everywhere?")
	x.keys("a")
	x.sees("Approve exactly this content?")
	x.keys("n") // any other key
	x.sees("Not approved.")
	x.keys("a")
	x.sees("Approve exactly this content?")
	x.keys("y")
	x.sees("Written to", widePlan)
	x.until("the approval", func() bool { return s.plan(t, widePlan).State == learn.StateActive })
	if text, err := os.ReadFile(filepath.Join(s.dir, "workspace0", ".ocode", "plans", widePlan+".json")); err != nil || !strings.Contains(string(text), "run_tests.py") {
		t.Errorf("the plan: %v\n%s", err, text)
	}
	x.keys("q")
	x.exits(0)
	x.tame()
}

// TestHeavyReviewNarrow: 40 columns, a screen that changes its size, and a
// proposal that somebody else decides on while it is looked at.
func TestHeavyReviewNarrow(t *testing.T) {
	s := newReviewSite(t)
	x := s.unlocked(t, 40, 12)
	x.sees("4 to decide", "quit")
	x.keys("/very-long\r\r")
	x.sees("1 of 1", "quit")
	x.keys("e")
	x.sees("It rests on")
	x.size(100, 30)
	x.sees("Traceback", "· q quit")
	x.size(20, 6)
	x.until("the small screen", func() bool { return len(x.lines()) == 6 && strings.Contains(x.text(), "[evid") })
	x.size(40, 12)
	x.sees("It rests on")
	x.keys("e")
	x.sees("replace fragment in")
	x.keys("r")
	x.keys("because " + strings.Repeat("reasons ", 30) + "end")
	x.sees("reasons end_")

	other := s.unlocked(t, 80, 24)
	other.keys("/very-long\r\rrfirst\r")
	other.sees("3 to decide", "is rejected")
	x.sees("elsewhere.")
	if d := s.decision(t, x, longPlan); d.Reason != "first" {
		t.Errorf("the first decision is %+v", d)
	}
	for _, y := range []*terminal{x, other} {
		y.keys("q")
		y.exits(0)
		y.tame()
	}
}

// TestHeavyReviewInterrupted: whoever leaves at any place gets the terminal back
// as it was.
func TestHeavyReviewInterrupted(t *testing.T) {
	s := newReviewSite(t)
	for name, at := range map[string]func(x *terminal){
		"list":   func(*terminal) {},
		"reason": func(x *terminal) { x.keys("\rr"); x.sees("Why not? _") },
		"words":  func(x *terminal) { x.keys("/a"); x.sees("Find: a_") },
	} {
		t.Run(name, func(t *testing.T) {
			x := s.unlocked(t, 80, 24)
			at(x)
			x.keys("\x03")
			x.exits(0)
		})
	}
	for name, args := range map[string][]string{"passphrase": {"review"}, "approval": {"review", "approve", s.plan(t, "plain").ID}} {
		t.Run(name, func(t *testing.T) {
			x := s.terminal(t, 80, 24, args...)
			x.sees("assphrase")
			x.until("the echo to end", func() bool { return !x.echoes() })
			x.keys("half of it\x03")
			x.exits(1)
			x.sees("nothing is done")
		})
	}
	t.Run("killed", func(t *testing.T) {
		x := s.unlocked(t, 80, 24)
		if err := x.cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		x.exits(-1)
	})
	t.Run("only looking", func(t *testing.T) {
		x := s.terminal(t, 80, 24, "review")
		x.sees("passphrase")
		x.until("the echo to end", func() bool { return !x.echoes() })
		x.keys("\r")
		x.sees("4 to decide")
		x.keys("\ra")
		x.sees("only looking")
		x.keys("q")
		x.exits(0)
	})
	t.Run("wrong passphrase", func(t *testing.T) {
		x := s.terminal(t, 80, 24, "review")
		x.sees("passphrase")
		x.until("the echo to end", func() bool { return !x.echoes() })
		x.keys("guessed\r")
		x.exits(1)
		x.sees("wrong passphrase")
	})
}

// Names are cut in the middle, to the place, and never within a character.
func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"short", 10, "short"}, {"add retry in release.json", 15, "add ret…se.json"}, {"\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57", 8, "\u6f22\u5b57…\u5b57"}, {"abcdefghij", 4, "abc…"}, {"", 0, ""}, {"abc", 0, ""},
	} {
		if got := middle(c.text, c.width); got != c.want || ansi.StringWidth(got) > max(c.width, 0) {
			t.Errorf("%q in %d places is %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
