package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"lathe/learn"
	"lathe/learn/llm"
)

// bureau is a Desk on a scripted provider, with its ledger.
type bureau struct {
	desk   *llm.Desk
	budget *llm.Budget
	model  llm.Model
	clock  time.Time

	mu     sync.Mutex
	ledger []learn.ModelAnswer
}

func newBureau(t *testing.T, limits llm.Limits, say func(asked) reply) *bureau {
	b := &bureau{clock: now}
	tell := func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.clock }
	b.budget = llm.NewBudget(limits, tell)
	n := 0
	b.desk = llm.NewDesk(llm.DeskOptions{Budget: b.budget, Now: tell, NewID: func() string { b.mu.Lock(); defer b.mu.Unlock(); n++; return fmt.Sprint("q", n) },
		Record: func(_ context.Context, _ string, a learn.ModelAnswer) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.ledger = append(b.ledger, a)
		}})
	b.model = serve(t, openaiWire(), say).client(func(c *llm.Config) {
		c.Before, c.Attempts = llm.Count, 2
		c.Sleep = func(context.Context, time.Duration) error { return nil }
	})
	return b
}

func (b *bureau) pass(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.clock = b.clock.Add(d) }

func (b *bureau) ask(t *testing.T) (learn.ModelAnswer, error) {
	var into colour
	return b.desk.Ask(t.Context(), llm.Question{Use: learn.UseNames, Source: learn.HypothesisProvider, Model: b.model, Name: "m",
		Request: llm.Request{Messages: []llm.Message{{Role: llm.User, Text: "pick"}}, MaxTokens: 50}, Schema: json.RawMessage(colourSchema)}, &into)
}

func red(asked) reply { return reply{text: `{"colour":"red"}`} }

func TestDeskBudget(t *testing.T) {
	b := newBureau(t, llm.Limits{Calls: 3, Tokens: 10_000}, red)
	for i := range 3 {
		if a, err := b.ask(t); err != nil || a.Verdict != learn.ModelUsed || a.Calls != 1 || a.TokensIn != 11 || a.TokensOut != 7 || a.Estimated {
			t.Fatalf("question %d: %+v, %v", i, a, err)
		}
		b.pass(10 * time.Minute)
	}
	for range 5 {
		if a, err := b.ask(t); !errors.Is(err, llm.ErrBudget) || a.Verdict != learn.ModelRefused || !strings.Contains(err.Error(), "calls_per_hour") {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if calls, tokens := b.budget.Spent(); calls != 3 || tokens != 54 {
		t.Errorf("spent %d, %d", calls, tokens)
	}
	if len(b.ledger) != 4 {
		t.Errorf("%d entries, want three answers and one refusal", len(b.ledger))
	}
	b.pass(32 * time.Minute) // the first is more than an hour ago
	if _, err := b.ask(t); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	small := newBureau(t, llm.Limits{Calls: 3, Tokens: 40}, red)
	if _, err := small.ask(t); !errors.Is(err, llm.ErrBudget) || !strings.Contains(err.Error(), "tokens_per_hour") {
		t.Errorf("more tokens than an hour has: %v", err)
	}
	if calls, _ := small.budget.Spent(); calls != 0 {
		t.Errorf("%d requests were sent", calls)
	}
}

// TestDeskCharges: repeats count, a failed request is charged for its question.
func TestDeskCharges(t *testing.T) {
	n := 0
	b := newBureau(t, llm.Limits{Calls: 10, Tokens: 10_000}, func(a asked) reply {
		if n++; n <= 3 {
			return reply{status: 500, raw: "no"}
		}
		return red(a)
	})
	a, err := b.ask(t)
	if err == nil || a.Verdict != learn.ModelFailed || a.Calls != 2 || !a.Estimated || a.TokensIn == 0 || a.Problem == "" {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err = b.ask(t); err != nil || a.Calls != 2 || a.Tries != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if calls, _ := b.budget.Spent(); calls != 4 {
		t.Errorf("%d requests counted, want 4", calls)
	}
}

func TestDeskLeavesFailingModelsAlone(t *testing.T) {
	well := false
	b := newBureau(t, llm.Limits{Calls: 1000, Tokens: 1 << 30}, func(a asked) reply {
		if well {
			return red(a)
		}
		return reply{status: 401, raw: "who?"}
	})
	count := func() int { calls, _ := b.budget.Spent(); return calls }
	for range 6 {
		_, _ = b.ask(t)
	}
	if n := count(); n != 3 || len(b.ledger) != 4 || b.ledger[3].Verdict != learn.ModelRefused || !strings.Contains(b.ledger[3].Problem, "failed 3 times") {
		t.Errorf("%d requests, ledger %+v", n, b.ledger)
	}
	b.pass(time.Minute)
	_, _ = b.ask(t) // one probe, which fails
	b.pass(time.Minute)
	if _, err := b.ask(t); !errors.Is(err, llm.ErrOpen) || count() != 4 {
		t.Errorf("%v after %d requests", err, count())
	}
	well = true
	b.pass(time.Minute)
	for range 2 {
		if _, err := b.ask(t); err != nil {
			t.Errorf("well again: %v", err)
		}
	}
}

// TestDeskForgivesQuestions: what is the question's fault opens no circuit.
func TestDeskForgivesQuestions(t *testing.T) {
	b := newBureau(t, llm.Limits{Calls: 1000, Tokens: 1 << 30}, func(asked) reply { return reply{status: 400, raw: "too long"} })
	for range 6 {
		if _, err := b.ask(t); errors.Is(err, llm.ErrOpen) {
			t.Fatal(err)
		}
	}
	b = newBureau(t, llm.Limits{Calls: 1000, Tokens: 1 << 30}, func(asked) reply { return reply{text: "red"} })
	for range 6 {
		if a, err := b.ask(t); !errors.Is(err, llm.ErrDropped) || a.Verdict != learn.ModelDropped || a.Tries != 2 {
			t.Fatalf("%+v, %v", a, err)
		}
	}
}

// pendingModel answers in another call.
type pendingModel struct{ answer string }

func (pendingModel) Name() string { return "client" }

func (p pendingModel) Complete(ctx context.Context, _ llm.Request) (llm.Response, error) {
	if p.answer == "" {
		if err := llm.Count(ctx); err != nil {
			return llm.Response{}, err
		}
		return llm.Response{}, llm.ErrPending
	}
	return llm.Response{Text: p.answer, Calls: 1, Took: 3 * time.Second}, nil
}

func TestDeskPending(t *testing.T) {
	b := newBureau(t, llm.Limits{Calls: 2, Tokens: 1000}, red)
	b.model = pendingModel{}
	if _, err := b.ask(t); !errors.Is(err, llm.ErrPending) || len(b.ledger) != 0 {
		t.Fatalf("%v, ledger %+v", err, b.ledger)
	}
	b.model = pendingModel{`{"colour":"red"}`}
	if a, err := b.ask(t); err != nil || a.Calls != 1 || !a.Estimated || a.LatencyMS < 3000 {
		t.Errorf("%+v, %v", a, err)
	}
	if calls, _ := b.budget.Spent(); calls != 1 {
		t.Errorf("%d requests counted, want the one that was put", calls)
	}
}

// TestDeskWaitsItsTurn: no more than four questions are under way, and who
// waits leaves with its context.
func TestDeskWaitsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := llm.NewBudget(llm.Limits{Calls: 100, Tokens: 1 << 30}, time.Now)
		d := llm.NewDesk(llm.DeskOptions{Budget: budget, Now: time.Now, NewID: func() string { return fmt.Sprint(time.Now().UnixNano()) },
			Record: func(context.Context, string, learn.ModelAnswer) {}})
		release := make(chan struct{})
		var inside sync.Map
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var into colour
				_, _ = d.Ask(ctx, llm.Question{Model: waitingModel{i, &inside, release}, Name: "m", Schema: json.RawMessage(colourSchema),
					Request: llm.Request{Messages: []llm.Message{{Role: llm.User, Text: "x"}}}}, &into)
			})
		}
		synctest.Wait()
		n := 0
		inside.Range(func(any, any) bool { n++; return true })
		if n != 4 {
			t.Errorf("%d questions under way, want 4", n)
		}
		<-time.After(2 * time.Minute) // of the test's clock
		close(release)
		group.Wait()
	})
}

type waitingModel struct {
	i       int
	inside  *sync.Map
	release chan struct{}
}

func (waitingModel) Name() string { return "m" }

func (w waitingModel) Complete(context.Context, llm.Request) (llm.Response, error) {
	w.inside.Store(w.i, true)
	<-w.release
	return llm.Response{Text: `{"colour":"red"}`}, nil
}

// TestBudgetHolds: whatever is asked and when, no hour costs more than allowed.
func TestBudgetHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := now
		limit := rapid.IntRange(0, 6).Draw(t, "limit")
		b := llm.NewBudget(llm.Limits{Calls: limit, Tokens: 1 << 30}, func() time.Time { return clock })
		d := llm.NewDesk(llm.DeskOptions{Budget: b, Now: func() time.Time { return clock }, NewID: func() string { return clock.String() },
			Record: func(context.Context, string, learn.ModelAnswer) {}})
		var sent []time.Time
		for range rapid.IntRange(1, 60).Draw(t, "questions") {
			clock = clock.Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "seconds")) * time.Second)
			var into colour
			_, err := d.Ask(context.Background(), llm.Question{Model: countedModel{}, Name: "m", Schema: json.RawMessage(colourSchema),
				Request: llm.Request{Messages: []llm.Message{{Role: llm.User, Text: "x"}}}}, &into)
			if err == nil {
				sent = append(sent, clock)
			}
			recent := 0
			for _, at := range sent {
				if clock.Sub(at) < time.Hour {
					recent++
				}
			}
			if recent > limit {
				t.Fatalf("%d requests within an hour, allowed are %d", recent, limit)
			}
		}
	})
}

type countedModel struct{}

func (countedModel) Name() string { return "m" }

func (countedModel) Complete(ctx context.Context, _ llm.Request) (llm.Response, error) {
	return llm.Response{Text: `{"colour":"red"}`}, llm.Count(ctx)
}

func TestBudgetRestore(t *testing.T) {
	clock := now
	b := llm.NewBudget(llm.Limits{Calls: 5, Tokens: 100}, func() time.Time { return clock })
	b.Restore(learn.ModelAnswer{AskID: "a", Calls: 2, TokensIn: 30, TokensOut: 5}, now.Add(-30*time.Minute))
	b.Restore(learn.ModelAnswer{AskID: "a", Calls: 2, TokensIn: 30, TokensOut: 5}, now.Add(-30*time.Minute))
	b.Restore(learn.ModelAnswer{AskID: "old", Calls: 2}, now.Add(-2*time.Hour))
	b.Restore(learn.ModelAnswer{AskID: "ahead", Calls: 1}, now.Add(2*time.Hour)) // of a wrong clock
	if calls, tokens := b.Spent(); calls != 3 || tokens != 35 {
		t.Errorf("spent %d, %d", calls, tokens)
	}
	clock = clock.Add(61 * time.Minute)
	if calls, tokens := b.Spent(); calls != 0 || tokens != 0 {
		t.Errorf("an hour later: %d, %d", calls, tokens)
	}
}

// Keys and questions stay off the wire of others: a redirect is not followed.
func TestRedirectKeepsTheKey(t *testing.T) {
	b := newBureau(t, llm.Limits{Calls: 9, Tokens: 10_000}, func(asked) reply {
		return reply{status: http.StatusTemporaryRedirect, header: map[string]string{"Location": "http://127.0.0.1:1/v1/chat/completions"}}
	})
	if a, err := b.ask(t); err == nil || a.Calls != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}
