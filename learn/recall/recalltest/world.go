package recalltest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"lathe/learn"
)

// World makes learned objects such as a team of twenty projects would have:
// words by Zipf's law, half of the objects in four large projects.
type World struct {
	rng   *rand.Rand
	zipf  *rand.Zipf
	words []string
	at    time.Time
}

const projects = 20

// Speaking is a world that shares the language of another.
func Speaking(seed uint64, of *World) *World {
	w := New(seed)
	w.words, w.zipf = of.words, rand.NewZipf(w.rng, 1.1, 8, uint64(len(of.words)-1))
	return w
}

// IntN is a number below n.
func (w *World) IntN(n int) int { return w.rng.IntN(n) }

// New starts a world. Worlds of one seed are equal.
func New(seed uint64) *World {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &World{rng: rng, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	syllables := strings.Fields("par se con fig tok en in dex sche ma que ry cach e re tri ev al buf fer sock et mod ule rout er la tch vec tor ses sion")
	seen := map[string]bool{}
	for len(w.words) < 20_000 {
		word := ""
		for range 2 + rng.IntN(3) {
			word += syllables[rng.IntN(len(syllables))]
		}
		if !seen[word] {
			seen[word] = true
			w.words = append(w.words, word)
		}
	}
	w.zipf = rand.NewZipf(rng, 1.1, 8, uint64(len(w.words)-1))
	return w
}

// Text is n words of the world's language.
func (w *World) Text(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = w.words[w.zipf.Uint64()]
	}
	return strings.Join(out, " ")
}

// Project is one of the world's projects.
func (w *World) Project() string {
	if w.rng.IntN(2) == 0 {
		return fmt.Sprint("p", w.rng.IntN(4))
	}
	return fmt.Sprint("p", w.rng.IntN(projects))
}

func (w *World) evidence() (out []string) {
	for range 3 + w.rng.IntN(6) {
		out = append(out, learn.UUIDv8("bench", fmt.Sprint(w.rng.Uint64())))
	}
	return out
}

func (w *World) command() string {
	return w.words[w.rng.IntN(300)] + " " + w.words[w.rng.IntN(40)] + " {path} --" + w.words[w.rng.IntN(400)]
}

// entry is the i-th object.
func (w *World) entry(i int) (kind learn.EntryKind, id, project string, body any, evidence []string) {
	id, project, evidence = learn.UUIDv8("object", fmt.Sprint(i)), w.Project(), w.evidence()
	w.at = w.at.Add(time.Minute)
	signature := learn.UUIDv8("signature", fmt.Sprint(w.rng.IntN(5000)))
	switch k := i % 20; {
	case k < 4:
		return learn.EntryStrategy, id, project, w.Strategy(id, project, evidence), evidence
	case k < 10:
		n := 2 + w.rng.IntN(40)
		good := float64(w.rng.IntN(n))
		return learn.EntryRemedy, id, project, learn.Remedy{RemedyID: id, SignatureID: signature, PatternID: "mined/" + signature[:8], ProjectID: project,
			Description: "First run `" + w.command() + "`, then repeat the call. " + w.Text(6), Actions: []learn.RemedyAction{{ToolName: "bash", Command: w.command()}},
			Support: n, Successes: good, Failures: float64(n) - good, LastSeen: w.at, Evidence: evidence}, evidence
	case k < 19:
		return learn.EntryReport, id, project, learn.FailureAnalysisReport{ReportID: id, ProjectID: project, FailedEventID: evidence[0], Timestamp: w.at,
			RootCause: w.Text(12), CulpritCall: w.command(), ConfidenceScore: w.rng.Float64(), Evidence: evidence,
			Signatures: []learn.ErrorSignature{{ID: signature, PatternID: "mined/" + signature[:8], Name: w.Text(3), Salient: w.Text(15)}}}, evidence
	}
	return learn.EntryTool, id, project, learn.ProposedTool{ToolID: id, Manifest: learn.ToolManifest{Name: w.words[i%2000], Description: w.Text(14)},
		Files: map[string]string{"tool.py": w.Text(200)}}, evidence
}

// Strategy is a proven strategy.
func (w *World) Strategy(id, project string, evidence []string) learn.ProvenStrategy {
	s := learn.ProvenStrategy{StrategyID: id, ProjectID: project, Name: w.Text(4), Description: "Where the steps " + w.Text(9) + " follow each other, tasks succeeded.",
		SuccessRate: 0.5 + w.rng.Float64()/2, Support: 5 + w.rng.IntN(100), Contrast: 2 + 8*w.rng.Float64(), LastConfirmed: w.at, Evidence: evidence,
		ApplicabilityConditions: []string{"problem_type: bugfix (lift 1.6)", "language: go (lift 2.0)", "prompt mentions: " + w.Text(1) + " (lift 3.1)"}}
	s.SuccessInterval = learn.Interval{Low: s.SuccessRate * 0.85, High: min(1, s.SuccessRate*1.1), Level: 0.95}
	for i := range 2 + w.rng.IntN(4) {
		raw, _ := json.Marshal(map[string]string{"command": w.command()}) // strings always can be
		s.TemplatePlanFragment.Tasks = append(s.TemplatePlanFragment.Tasks, learn.PlanTask{ID: fmt.Sprint("s", i+1), ToolName: "bash", Arguments: raw})
	}
	return s
}

// Entries are n objects as the ledger tells them, from a number on: a fifth
// strategies, and remedies, reports and tools.
func (w *World) Entries(from, n int) ([]learn.LedgerEntry, error) {
	out := make([]learn.LedgerEntry, 0, n)
	for i := range n {
		kind, id, project, body, evidence := w.entry(from + i)
		e, err := learn.NewEntry(kind, id, project, w.at, body, evidence)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
