package server_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

// releasePlan is a plan in the planner's format, as a person formats it, with
// fields of the planner's own, that uses what failed in the recordings.
const releasePlan = `{
    "name": "release",
    "owner": "shop team",
    "tasks": [
        {"id": "deps", "tool_name": "bash", "arguments": {"command": "git status --short"}},
        {
            "id": "test",
            "tool_name": "bash",
            "arguments": {"command": "python3 -m pytest -q tests/test_stock.py", "timeout": 120},
            "priority": "normal",
            "x_ocode": {"color": "green", "weights": [1.50, 2]}
        },
        {"id": "smoke", "tool_name": "bash", "arguments": {"command": "curl -sS -f http://127.0.0.1:8765/items/AB-1000"}}
    ],
    "dependencies": {
        "smoke": ["test"]
    }
}
`

const template = ".ocode/plans/release.json"

// planned is a daemon that knows the recordings, and a workspace under git with
// the plan.
type planned struct {
	*site
	root string
	key  *review.Key
}

func newPlanned(t *testing.T, text string) *planned {
	t.Helper()
	p := &planned{site: recorded(t), root: t.TempDir()}
	var err error
	if p.key, err = review.Create(p.cfg.DataDir, testPassphrase); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p.root, filepath.Dir(template)), 0o755); err != nil {
		t.Fatal(err)
	}
	p.writeFile(text)
	p.git("init", "-q")
	p.git("-c", "core.autocrlf=false", "add", "-A")
	p.git("-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "plan")
	return p
}

func (p *planned) writeFile(text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.root, template), []byte(text), 0o640); err != nil {
		p.t.Fatal(err)
	}
}

func (p *planned) readFile() string {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.root, template))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(raw)
}

func (p *planned) git(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = p.root
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("git %s: %v\n%s", args, err, out)
	}
	return string(out)
}

func (p *planned) refine() server.Refined {
	p.t.Helper()
	var out server.Refined
	p.mustCall(http.MethodPost, "/v1/refine", server.RefineCall{ProjectID: "shop-api", Workspace: p.root, Template: template,
		Name: template, Text: p.readFile()}, &out)
	return out
}

func (p *planned) proposal(kind learn.ModificationType) learn.PlanModificationProposal {
	p.t.Helper()
	all := p.refine().Proposals
	for _, m := range all {
		if m.Type == kind {
			return m
		}
	}
	p.t.Fatalf("no %s is proposed, but %d others", kind, len(all))
	return learn.PlanModificationProposal{}
}

func (p *planned) decide(m learn.PlanModificationProposal, v learn.Verdict) (server.Decided, error) {
	var out server.Decided
	err := p.call(http.MethodPost, "/v1/decisions", p.key.Decide(m.ProposalID, m.ContentHash, v, "a test", time.Now()), &out)
	return out, err
}

// From recordings to a changed file: the plan uses what failed, each approved
// change appears in it as git shows it, and in the end there is nothing left.
func TestHeavyPlanIsRefinedApprovedAndWritten(t *testing.T) {
	p := newPlanned(t, releasePlan)
	replace := p.proposal(learn.ReplaceFragment)
	if p.readFile() != releasePlan {
		t.Fatal("the file was changed before anybody approved")
	}
	out, err := p.decide(replace, learn.VerdictApprove)
	if err != nil || out.Written == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	diff := p.git("diff", "--numstat")
	if !strings.HasPrefix(diff, "1\t1\t") {
		t.Errorf("one line changes, but git says %s%s", diff, p.git("diff"))
	}
	if !strings.Contains(p.readFile(), `"arguments": {"command": "python3 run_tests.py", "timeout": 120},`) {
		t.Errorf("%s", p.readFile())
	}
	if info, err := os.Stat(filepath.Join(p.root, template)); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	for range 20 { // each was proposed for the file as it is then, or as it was before Lathe's own writes
		rest := p.refine()
		if len(rest.Proposals) == 0 {
			break
		}
		if _, err := p.decide(rest.Proposals[0], learn.VerdictApprove); err != nil {
			t.Fatalf("%s: %v", rest.Proposals[0].Type, err)
		}
	}
	last := p.refine()
	if len(last.Proposals)+len(last.Changes) != 0 || last.Text != p.readFile() {
		t.Errorf("refined again: %d changes and %d proposals", len(last.Changes), len(last.Proposals))
	}
	t.Logf("the plan in the end:\n%s", p.git("diff"))
	for _, own := range []string{`"owner": "shop team",`, `"x_ocode": {"color": "green", "weights": [1.50, 2]}`, `"timeout": 120`} {
		if !strings.Contains(p.readFile(), own) {
			t.Errorf("the planner's %s is gone", own)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(p.root, filepath.Dir(template), ".*lathe*")); len(left) > 0 {
		t.Errorf("left over: %s", left)
	}
}

// What was written is in the ledger, and can be taken back while nobody wrote
// after it; then it is not proposed again, in this life of the daemon and the
// next.
func TestHeavyPlanWriteIsUndone(t *testing.T) {
	text := strings.ReplaceAll(strings.TrimSuffix(releasePlan, "\n"), "\n", "\r\n") // as another editor writes it
	p := newPlanned(t, text)
	replace := p.proposal(learn.ReplaceFragment)
	if _, err := p.decide(replace, learn.VerdictApprove); err != nil {
		t.Fatal(err)
	}
	if now := p.readFile(); strings.Count(now, "\r\n") != strings.Count(now, "\n") || now == text || strings.HasSuffix(now, "\n") {
		t.Errorf("line ends changed: %q", now)
	}
	undo := func() error {
		return p.call(http.MethodPost, "/v1/undo", map[string]string{"id": replace.ProposalID[:8]}, &struct{}{})
	}
	written := p.readFile()
	p.writeFile(written + " ")
	if err := undo(); err == nil || !strings.Contains(err.Error(), "was edited") {
		t.Errorf("undone over an edit: %v", err)
	}
	p.writeFile(written)
	p.stop()
	p.start() // from the ledger alone
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	if p.readFile() != text || p.git("status", "--short", "-uno") != "" {
		t.Errorf("%q", p.readFile())
	}
	if err := undo(); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("undone twice: %v", err)
	}
	for _, m := range p.refine().Proposals {
		if m.ProposalID == replace.ProposalID {
			t.Error("what was taken back is proposed again")
		}
	}
	p.stop()
	_, entries := p.stored()
	kinds := map[learn.EntryKind]int{}
	for _, e := range entries {
		kinds[e.Kind]++
	}
	if kinds[learn.EntryPlanWrite] != 2 {
		t.Errorf("the ledger has %d writes", kinds[learn.EntryPlanWrite])
	}
}

// A rejection holds over a restart and an edit beside it, until there is new
// evidence.
func TestHeavyRejectedPlanChangeWaitsForEvidence(t *testing.T) {
	p := newPlanned(t, releasePlan)
	replace := p.proposal(learn.ReplaceFragment)
	if _, err := p.decide(replace, learn.VerdictReject); err != nil {
		t.Fatal(err)
	}
	again := func() bool {
		for _, m := range p.refine().Proposals {
			if m.ProposalID == replace.ProposalID {
				return true
			}
		}
		return false
	}
	if again() {
		t.Error("proposed at once again")
	}
	p.stop()
	p.start()
	p.writeFile(strings.Replace(releasePlan, `"owner": "shop team"`, `"owner": "another"`, 1))
	if again() {
		t.Error("proposed again after a restart and an edit beside it")
	}
}

// The file is written only as it was when the reviewer looked at it.
func TestHeavyPlanThatChangedIsNotWritten(t *testing.T) {
	p := newPlanned(t, releasePlan)
	replace := p.proposal(learn.ReplaceFragment)
	edited := strings.Replace(releasePlan, `"timeout": 120`, `"timeout": 60`, 1)
	p.writeFile(edited)
	_, err := p.decide(replace, learn.VerdictApprove)
	if err == nil || !strings.Contains(err.Error(), "the plan is not written") || p.readFile() != edited {
		t.Errorf("%v\n%s", err, p.readFile())
	}
	renewed := p.proposal(learn.ReplaceFragment)
	if renewed.ProposalID != replace.ProposalID || renewed.ContentHash == replace.ContentHash {
		t.Errorf("it is not proposed anew for what the file is now: %s", renewed.ProposalID)
	}
	// A forged approval of the new content is refused before anything is touched.
	stranger, err := review.Create(t.TempDir(), testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.call(http.MethodPost, "/v1/decisions", stranger.Decide(renewed.ProposalID, renewed.ContentHash, learn.VerdictApprove, "", time.Now()), &server.Decided{}); err == nil {
		t.Error("a stranger's approval was taken")
	}
	// Nor is a link that leaves the workspace followed.
	outside := filepath.Join(t.TempDir(), "release.json")
	if err := os.Rename(filepath.Join(p.root, template), outside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(p.root, template)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.decide(renewed, learn.VerdictApprove); err == nil || !strings.Contains(err.Error(), "leaves the workspace") {
		t.Errorf("through a link: %v", err)
	}
	if raw, err := os.ReadFile(outside); err != nil || string(raw) != edited {
		t.Errorf("%s, %v", raw, err)
	}
}
