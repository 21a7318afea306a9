package server_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

// expectNowhere fails for each secret that is in one of the places, or in a
// file below the data directory. The daemon is stopped.
func (s *site) expectNowhere(places map[string][]byte) {
	s.t.Helper()
	records, entries := s.stored()
	log, err := json.Marshal(map[string]any{"records": records, "entries": entries})
	if err != nil {
		s.t.Fatal(err)
	}
	places["the log"] = log
	err = filepath.WalkDir(s.cfg.DataDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		places[path] = raw
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for place, raw := range places {
		for kind, secret := range secrets() {
			if bytes.Contains(raw, []byte(secret)) {
				s.t.Errorf("the %s secret is in %s", kind, place)
			}
		}
	}
}

// What an agent asks a tool for is stored and shown without secrets, whether
// the tool can be made or not.
func TestSecretsOfARequestAreNowhere(t *testing.T) {
	s := newSite(t)
	s.start()
	a := s.agent("p", "", "s")
	secret := secrets()["github"]
	answer, _ := a.call("request_tool", map[string]any{"name": "x_" + secret, "description": "quagmire: log in with " + secret,
		"command":  "grep -e " + secret + " logs/quagmire.csv | cut -d, -f2 | sort | uniq -c | sort -rn | head -n 3",
		"examples": []string{"grep -e " + secrets()["aws"] + " logs/b.csv | cut -d, -f2 | sort | uniq -c | sort -rn | head -n 5"}})
	plain, _ := a.call("request_tool", map[string]any{"description": "quagmire", "command": `curl -H "Authorization: Bearer ` + secrets()["bearer"] + `" https://example.com/a | head -n 3`})
	s.send([]learn.Record{{Action: &learn.ActionOutcome{CallID: "1", ProjectID: "p", SessionID: "s", ToolName: "bash"}}})
	var wanted []learn.ToolOpportunity
	s.mustCall(http.MethodPost, "/v1/opportunities", server.WantedCall{All: true}, &wanted)
	if len(wanted) != 2 {
		t.Errorf("%d opportunities, 2 were asked for", len(wanted))
	}
	listed, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(listed, []byte("quagmire")) {
		t.Error("what is no secret was not kept, so the test proves nothing")
	}
	s.stop()
	s.expectNowhere(map[string][]byte{"an answer": []byte(answer + plain), "the opportunities": listed})
}

// A task or session that is only asked for, and never recorded, has the name in
// the trials' entries that its records would have.
func TestSecretsOfAnAssignmentAreNowhere(t *testing.T) {
	s := taught(t, "shop")
	secret := secrets()["github"]
	a := s.agent("shop", "", "session "+secret)
	answer, failed := a.call("diagnose_failure", map[string]any{"tool_name": "bash", "session_id": "s " + secret,
		"tool_parameters": map[string]any{"command": "python3 -m pytest -q tests/test_price.py"}, "tool_output": map[string]any{"stderr": wrongRunner, "exit_code": 1}})
	if failed {
		t.Fatal(answer)
	}
	recalled, _ := a.call("recall", map[string]any{"prompt": "run pytest with " + secret, "task_id": "t " + secret})
	s.settle()
	s.stop()
	s.expectNowhere(map[string][]byte{"an answer": []byte(answer), "what was recalled": []byte(recalled)})
}

// The definition of a server's tool goes before the reviewer without its
// secrets, which is said, under the hash of what it really is.
func TestSecretsOfADescriptionAreNowhere(t *testing.T) {
	s := newSite(t)
	s.start()
	secret := secrets()["github"]
	raw, err := json.Marshal(map[string]string{"name": "fetch", "description": "send " + secret + " with it"})
	if err != nil {
		t.Fatal(err)
	}
	c := learn.DescriptionChange{ChangeID: learn.UUIDv8("description", "x"), Server: "web", Tool: "fetch", New: raw, ContentHash: learn.ContentHash(raw)}
	var states server.DescriptionsAnswer
	s.mustCall(http.MethodPost, "/v1/descriptions", server.DescriptionsCall{Changes: []learn.DescriptionChange{c}}, &states)
	var items []review.Item
	s.mustCall(http.MethodGet, "/v1/reviews", nil, &items)
	if len(items) != 1 {
		t.Fatalf("the queue has %+v", items)
	}
	it := items[0]
	if it.ContentHash != c.ContentHash || it.Description == nil || !strings.Contains(strings.Join(it.Description.Findings, " "), "secret") {
		t.Errorf("the item is %+v", it)
	}
	s.stop()
	s.expectNowhere(map[string][]byte{})
}

// A reason is signed and kept: with a secret it decides nothing, and only the
// refusal is kept, without the secret.
func TestSecretsOfAReasonAreNowhere(t *testing.T) {
	s := newSite(t)
	request := s.plant(forgedTool(t))
	key, err := review.Create(s.cfg.DataDir, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	dec := key.Decide(request.ReviewID, request.Tool.ContentHash, learn.VerdictReject, "it has "+secrets()["github"], time.Now())
	if err := s.call(http.MethodPost, "/v1/decisions", dec, &server.Decided{}); err == nil || !strings.Contains(err.Error(), "decide again with another reason") {
		t.Errorf("a secret in the reason: %v", err)
	}
	if state := s.state(request.ReviewID); state != learn.StateInReview {
		t.Errorf("it is %s", state)
	}
	s.stop()
	s.expectNowhere(map[string][]byte{})
}

// What was asked for is in the ledger alone: it comes back when everything is
// learned anew, and can be forgotten by its id, with the tool that was made of
// it.
func TestRequestsComeBackAndGo(t *testing.T) {
	s := newSite(t)
	s.start()
	a := s.agent("p", "", "s")
	a.call("request_tool", map[string]any{"name": "top_words", "description": "x", "command": "cut -d, -f2 logs/a.csv | sort | uniq -c | sort -rn | head -n 3"})
	a.call("request_tool", map[string]any{"name": "quagmires", "description": "x", "command": "grep -e " + slipped + " logs/a.csv | sort | uniq -c | head -n 3"})
	wanted := func() (names []string, all []learn.ToolOpportunity) {
		s.mustCall(http.MethodPost, "/v1/opportunities", server.WantedCall{All: true}, &all)
		for _, o := range all {
			names = append(names, o.Name)
		}
		slices.Sort(names)
		return names, all
	}
	before, all := wanted()
	if !slices.Equal(before, []string{"quagmires", "top_words"}) {
		t.Fatalf("asked for: %v", before)
	}
	i := slices.IndexFunc(all, func(o learn.ToolOpportunity) bool { return o.Name == "quagmires" })
	f := server.Forget{Events: []string{all[i].OpportunityID[:12]}}
	s.stop()
	quiet := slog.New(slog.DiscardHandler)
	if err := server.Rebuild(t.Context(), s.cfg, quiet); err != nil {
		t.Fatal(err)
	}
	s.start()
	if after, _ := wanted(); !slices.Equal(before, after) {
		t.Errorf("after a rebuild: %v", after)
	}
	s.stop()
	if len(s.mentionsSlipped()) == 0 {
		t.Error("it is nowhere before, so the test proves nothing")
	}
	plan, err := server.Removing(t.Context(), s.cfg, f, quiet, nil)
	if err != nil || plan.Events != 0 || plan.Kinds[learn.EntryOpportunity] == 0 {
		t.Errorf("forgetting %v: %+v, %v", f.Events, plan, err)
	}
	if places := s.mentionsSlipped(); len(places) > 0 {
		t.Errorf("it is still in %v", places)
	}
	s.start()
	if after, _ := wanted(); !slices.Equal(after, []string{"top_words"}) {
		t.Errorf("after it was forgotten: %v", after)
	}
}
