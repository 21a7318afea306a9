package server

import (
	"encoding/json"
	"fmt"
	"sync"

	"lathe/index/graph"
	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/diagnose"
	"lathe/learn/llm"
	"lathe/learn/mine"
	"lathe/learn/mine/next"
	"lathe/learn/monitor"
	"lathe/learn/recovery"
	"lathe/learn/refine"
	"lathe/learn/signature"
	"lathe/learn/trial"
	"lathe/learn/verify"
	"lathe/toolforge"
)

// learners are the stations of the loop that learn, in the order in which they
// see each record.
type learners struct {
	reader     *reader
	tracker    *verify.Tracker
	vocabulary *vocabulary
	monitor    *monitor.Monitor
	diagnose   *diagnose.Diagnoser
	recovery   *recovery.Miner
	mine       *mine.Miner
	next       *next.Predictor
	finder     *toolforge.Finder
	trial      *trial.Trial
	graph      *graph.Graph
	judge      *llm.Judge
	commands   *commands
	folders    *folders
	places     *places
	edits      *edits
	failing    *failing
	versions   *trial.Versions
	catalogue  *llm.Catalogue
	plans      *refine.Tracker
	negatives  *refine.Negatives
	twins      *twins
}

func newLearners(controlShare float64, available func(string) bool, code diagnose.CodeSource) (*learners, error) {
	sigs, err := signature.New()
	if err != nil {
		return nil, fmt.Errorf("pattern library: %w", err)
	}
	t, err := trial.New(trial.Options{ControlShare: controlShare})
	if err != nil {
		return nil, fmt.Errorf("trials: %w", err)
	}
	reads := &reader{signatures: sigs, notes: newPatternNotes()}
	words := newVocabulary()
	remedies := recovery.New(recovery.Options{Trusted: words.trusts})
	return &learners{
		reader:     reads,
		tracker:    verify.NewTracker(verify.TrackerOptions{}),
		vocabulary: words,
		monitor:    monitor.New(),
		diagnose: diagnose.New(diagnose.Options{Patterns: reads, Code: code, Remedies: diagnose.RemedyFunc(func(q diagnose.RemedyQuery) []learn.RemedyOffer {
			return remedies.Offer(recovery.Query(q))
		})}),
		recovery:  remedies,
		mine:      mine.New(mine.Options{}),
		next:      next.New(next.Options{}),
		finder:    toolforge.NewFinder(toolforge.Options{Available: available}),
		trial:     t,
		graph:     graph.New(graph.Options{KindName: reads.signatures.KindName}),
		judge:     llm.NewJudge(),
		commands:  newCommands(),
		folders:   newFolders(),
		places:    newPlaces(),
		edits:     newEdits(),
		failing:   newFailing(),
		versions:  trial.NewVersions(),
		catalogue: llm.NewCatalogue(),
		plans:     refine.NewTracker(),
		negatives: refine.NewNegatives(),
		twins:     newTwins(),
	}, nil
}

// all is in order: diagnose asks what is known of a failure before recovery
// learns from it.
func (l *learners) all() []learn.Learner {
	list := []learn.Learner{l.reader, l.tracker, l.vocabulary, l.monitor}
	list = append(list, ofAgents(l.diagnose, l.recovery, l.mine, l.next, l.finder, l.failing)...)
	return append(list, l.trial, l.graph, l.judge, l.commands, l.catalogue, l.plans, l.negatives, l.folders, l.places, l.edits, l.versions, l.twins)
}

// reader parses each action once for all learners behind it.
type reader struct {
	signatures *signature.Analyser
	notes      *patternNotes // names and duplicates of what it mined
}

func (*reader) Name() string { return "signature" }

func (r *reader) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	if ev := o.Record.Action; ev != nil {
		o.Action = action.Parse(ev)
		o.Signatures = r.notes.forward(r.signatures.Learn(ev, o.Action))
		o.Verifications = verify.Read(ev, o.Action)
	}
	return nil
}

func (r *reader) Snapshot() ([]byte, error) { return r.signatures.Snapshot() }
func (r *reader) Restore(b []byte) error    { return r.signatures.Restore(b) }

// maxWords bounds the words kept of a project.
const maxWords = 20_000

// vocabulary knows which values a project's own successful commands name: only
// these may enter a suggested command, since text captured from tool output is
// the attacker's to choose.
type vocabulary struct {
	mu    sync.RWMutex
	words map[string]map[string]bool // project -> value
}

func newVocabulary() *vocabulary { return &vocabulary{words: map[string]map[string]bool{}} }

func (*vocabulary) Name() string { return "vocabulary" }

func (v *vocabulary) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || ev.Status != learn.StatusSuccess {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	words := v.words[ev.ProjectID]
	if words == nil {
		words = map[string]bool{}
		v.words[ev.ProjectID] = words
	}
	for _, a := range o.Action.Arguments {
		if len(words) < maxWords && len(a.Value) <= 200 {
			words[a.Value] = true
		}
	}
	return nil
}

// trusts is trusted for any project.
func (v *vocabulary) trusts(project, kind, value string) bool { return v.trusted(project)(kind, value) }

func (v *vocabulary) trusted(project string) func(kind, value string) bool {
	return func(_, value string) bool {
		v.mu.RLock()
		defer v.mu.RUnlock()
		return v.words[project][value]
	}
}

func (v *vocabulary) Snapshot() ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	lists := map[string][]string{}
	for project, words := range v.words {
		for w := range words {
			lists[project] = append(lists[project], w)
		}
	}
	return json.Marshal(lists)
}

func (v *vocabulary) Restore(b []byte) error {
	var lists map[string][]string
	if err := json.Unmarshal(b, &lists); err != nil {
		return fmt.Errorf("vocabulary: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.words = map[string]map[string]bool{}
	for project, list := range lists {
		v.words[project] = map[string]bool{}
		for _, w := range list {
			v.words[project][w] = true
		}
	}
	return nil
}
