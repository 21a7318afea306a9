package review

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lathe/learn"
)

type memLedger struct {
	mu      sync.Mutex
	entries []learn.LedgerEntry
}

func (m *memLedger) WriteLedger(_ context.Context, es []learn.LedgerEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, es...)
	return nil
}

func (m *memLedger) count(k learn.EntryKind) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if e.Kind == k {
			n++
		}
	}
	return n
}

func request(hash string) learn.ToolReviewRequest {
	var r learn.ToolReviewRequest
	r.ReviewID = "rev-1"
	r.Tool.Manifest.Name, r.Tool.Manifest.Version = "count_words", "0.1.0"
	r.Tool.ContentHash = hash
	return r
}

func apply(t *testing.T, q *Queue, kind learn.EntryKind, id string, body any) {
	t.Helper()
	e, err := learn.NewEntry(kind, id, "p", time.Unix(1, 0).UTC(), body, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Apply(e); err != nil {
		t.Fatal(err)
	}
}

func setup(t *testing.T) (*Queue, *memLedger, *Key) {
	t.Helper()
	dir := t.TempDir()
	key, err := Create(dir, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	led := &memLedger{}
	q := New(Options{Ledger: led, Reviewer: func() (ed25519.PublicKey, error) { return Public(dir) }})
	apply(t, q, learn.EntryReview, "rev-1", request("sha256:a"))
	return q, led, key
}

func TestApproveHoldsForExactlyThatContent(t *testing.T) {
	q, led, key := setup(t)
	it, err := q.Decide(t.Context(), key.Decide("rev-1", "sha256:a", learn.VerdictApprove, "", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if it.State != learn.StateApproved || led.count(learn.EntryDecision) != 1 {
		t.Fatalf("state %s, %d decisions in the ledger", it.State, led.count(learn.EntryDecision))
	}
	if _, err := q.Approval("rev-1", "sha256:a"); err != nil {
		t.Errorf("Approval: %v", err)
	}
	if _, err := q.Approval("rev-1", "sha256:b"); err == nil {
		t.Error("an approval of one content held for another")
	}
	apply(t, q, learn.EntryReview, "rev-1", request("sha256:b"))
	if it, _ := q.Get("rev-1"); it.State != learn.StateInReview {
		t.Errorf("changed content is %s, want in_review again", it.State)
	}
}

func TestRefusals(t *testing.T) {
	other, err := Create(t.TempDir(), "someone else")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		make func(k *Key) learn.Decision
		want string
	}{
		"another key": {func(*Key) learn.Decision {
			return other.Decide("rev-1", "sha256:a", learn.VerdictApprove, "", time.Now())
		}, "not by this installation's reviewer"},
		"stale content": {func(k *Key) learn.Decision {
			return k.Decide("rev-1", "sha256:old", learn.VerdictApprove, "", time.Now())
		}, "look at it again"},
		"verdict changed after signing": {func(k *Key) learn.Decision {
			d := k.Decide("rev-1", "sha256:a", learn.VerdictReject, "", time.Now())
			d.Verdict = learn.VerdictApprove
			return d
		}, "signature is wrong"},
		"no signature": {func(k *Key) learn.Decision {
			d := k.Decide("rev-1", "sha256:a", learn.VerdictApprove, "", time.Now())
			d.Signature = nil
			return d
		}, "signature is wrong"},
		"unknown object": {func(k *Key) learn.Decision {
			return k.Decide("rev-9", "sha256:a", learn.VerdictApprove, "", time.Now())
		}, "there is no proposal"},
		"unknown verdict": {func(k *Key) learn.Decision {
			return k.Decide("rev-1", "sha256:a", "maybe", "", time.Now())
		}, "unknown verdict"},
	} {
		t.Run(name, func(t *testing.T) {
			q, led, key := setup(t)
			_, err := q.Decide(t.Context(), tc.make(key))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("err = %v, want one with %q", err, tc.want)
			}
			if it, _ := q.Get("rev-1"); it.State != learn.StateInReview {
				t.Errorf("state %s after a refused decision", it.State)
			}
			if led.count(learn.EntryRefused) != 1 || led.count(learn.EntryDecision) != 0 {
				t.Errorf("ledger has %d refusals and %d decisions", led.count(learn.EntryRefused), led.count(learn.EntryDecision))
			}
		})
	}
}

func TestOfTwoReviewersOneWins(t *testing.T) {
	q, led, key := setup(t)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		v := learn.VerdictApprove
		if i%2 == 1 {
			v = learn.VerdictReject
		}
		wg.Go(func() {
			_, errs[i] = q.Decide(context.Background(), key.Decide("rev-1", "sha256:a", v, "", time.Now()))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	if won != 1 || led.count(learn.EntryDecision) != 1 {
		t.Errorf("%d decisions won and %d are in the ledger, want 1 and 1", won, led.count(learn.EntryDecision))
	}
}

func TestAReplayIsRefusedAfterClarification(t *testing.T) {
	q, _, key := setup(t)
	d := key.Decide("rev-1", "sha256:a", learn.VerdictRequestClarification, "why read?", time.Now())
	if _, err := q.Decide(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Decide(t.Context(), d); err == nil || !strings.Contains(err.Error(), "replay") {
		t.Errorf("err = %v, want a replay refused", err)
	}
	if it, _ := q.Get("rev-1"); it.State != learn.StateInReview || len(it.Questions) != 1 {
		t.Errorf("state %s with %d questions, want in_review with 1", it.State, len(it.Questions))
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Public(dir); err != ErrNoReviewer {
		t.Errorf("no file: %v, want ErrNoReviewer", err)
	}
	if _, err := Create(dir, "short"); err == nil {
		t.Error("a short passphrase was taken")
	}
	key, err := Create(dir, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, "correct horse"); err == nil {
		t.Error("an existing reviewer was replaced")
	}
	if _, err := Unlock(dir, "wrong horse"); err != ErrPassphrase {
		t.Errorf("wrong passphrase: %v", err)
	}
	again, err := Unlock(dir, "correct horse")
	if err != nil || !again.Public().Equal(key.Public()) {
		t.Errorf("unlock: %v", err)
	}
	if fi, _ := os.Stat(filepath.Join(dir, KeyFile)); fi.Mode().Perm() != 0o600 {
		t.Errorf("key file mode %v", fi.Mode())
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), []byte(`{"version":1,"argon2id_memory_kib":4294967295}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(dir, "x"); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged file: %v", err)
	}
}

func TestWhatIsRefusedWithoutASignatureIsRecordedToo(t *testing.T) {
	q, led, _ := setup(t)
	for _, c := range []struct {
		id, hash string
		verdict  learn.Verdict
	}{{"rev-1", "sha256:a", learn.VerdictApprove}, {"rev-1", "sha256:old", learn.VerdictReject}, {"rev-9", "sha256:a", learn.VerdictReject}} {
		before := led.count(learn.EntryRefused)
		d := learn.Decision{ObjectID: c.id, ContentHash: c.hash, Verdict: c.verdict, Reason: strings.Repeat("x", 1<<20), Reviewer: "an agent"}
		if _, err := q.Decide(t.Context(), d); err == nil || led.count(learn.EntryRefused) != before+1 {
			t.Errorf("%+v: %v, %d refusals", c, err, led.count(learn.EntryRefused))
		}
	}
	led.mu.Lock()
	defer led.mu.Unlock()
	for _, e := range led.entries {
		if len(e.Body) > 8<<10 {
			t.Errorf("a refusal takes %d bytes of the ledger", len(e.Body))
		}
	}
}

func TestAnswersReturnToTheQueue(t *testing.T) {
	q, _, key := setup(t)
	moved := q.Watch()
	if _, err := q.Decide(t.Context(), key.Decide("rev-1", "sha256:a", learn.VerdictRequestClarification, "why read?", time.Now())); err != nil {
		t.Fatal(err)
	}
	<-moved
	before := q.Items()
	answer := learn.Clarification{ClarificationID: "c1", ObjectID: "rev-1", ContentHash: "sha256:a", Question: "why read?", Answer: []string{"It counts words."}, By: "evidence"}
	for range 2 { // the ledger may be read twice
		apply(t, q, learn.EntryClarification, "c1", answer)
	}
	stale := answer
	stale.ClarificationID, stale.ContentHash = "c2", "sha256:old"
	apply(t, q, learn.EntryClarification, "c2", stale)
	it, err := q.Get("rev-1")
	if err != nil || len(it.Questions) != 0 || len(it.Answers) != 1 || it.State != learn.StateInReview {
		t.Errorf("%v: %+v", err, it)
	}
	if len(before[0].Questions) != 1 || len(before[0].Answers) != 0 {
		t.Error("an item that was given out has changed")
	}
}
