package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/mine/next"
	"lathe/learn/recovery"
	"lathe/learn/signature"
	"lathe/learn/verify"
	"lathe/server/intake"
)

// EvalOptions say what to replay.
type EvalOptions struct {
	// Share of the sessions, the earliest, that are only learned from; the rest
	// is predicted. Not used when Train and Test were given.
	Share float64 `json:"share"`
	// Frozen learns nothing from what is predicted.
	Frozen bool `json:"frozen"`
	// Unseen predicts on projects that were not learned from: each half of them
	// from the other.
	Unseen bool `json:"unseen"`
	// Confidence is the least confidence of an answer; 0 is the default.
	Confidence float64 `json:"confidence"`
	// Samples of the bootstrap; 0 is 1000.
	Samples int `json:"samples"`
}

// maxEvalEvents bounds what a replay holds in memory: the newest count.
const maxEvalEvents = 1_000_000

// Evaluation gathers recorded events and replays them.
type Evaluation struct {
	door    *intake.Door
	reader  *reader
	seen    map[string]bool
	learned map[string]bool // sessions that are only learned from
	stream  []*learn.Observation
	Train   bool                  // whether what is taken now is only learned from
	sights  map[string]next.Sight // by event; nil unless actions are to be predicted
}

// NewEvaluation returns an empty one. It needs no daemon.
func NewEvaluation() (*Evaluation, error) {
	door, err := newDoor()
	if err != nil {
		return nil, err
	}
	sigs, err := signature.New()
	if err != nil {
		return nil, err
	}
	return &Evaluation{door: door, reader: &reader{signatures: sigs}, seen: map[string]bool{}, learned: map[string]bool{}}, nil
}

// Accept implements intake.Sink: records as they come from an importer.
func (e *Evaluation) Accept(_ context.Context, recs []learn.Record) (intake.Receipt, error) {
	admitted, _, rejected := e.door.Admit(recs)
	out := intake.Receipt{Rejected: rejected}
	for i := range admitted {
		rec := &admitted[i]
		rename(rec, learn.InProject(rec.Project(), rec.ID()))
		if e.Take(*rec) {
			out.Accepted++
		} else {
			out.Duplicates++
		}
	}
	if len(e.stream) > maxEvalEvents {
		return out, fmt.Errorf("more than %d events: evaluate fewer files", maxEvalEvents)
	}
	return out, nil
}

// Take adds one record, read as the daemon reads it, without the output that
// nothing needs any more. It reports whether the record is new.
func (e *Evaluation) Take(rec learn.Record) bool {
	id := ""
	switch {
	case rec.Action != nil:
		id = rec.Action.ID
	case rec.Task != nil:
		id = rec.Task.ID
	}
	if e.seen[id] {
		return false
	}
	e.seen[id] = true
	o := &learn.Observation{Record: rec}
	if ev := rec.Action; ev != nil {
		o.Action = action.Parse(ev)
		o.Signatures = e.reader.signatures.Learn(ev, o.Action)
		o.Verifications = verify.Read(ev, o.Action)
		if e.sights != nil {
			e.sights[ev.ID] = next.See(ev)
		}
		slim := *ev
		slim.ToolOutput = learn.ToolOutput{ExitCode: ev.ToolOutput.ExitCode}
		o.Record.Action = &slim
		if e.Train {
			e.learned[sessionKey(o)] = true
		}
	}
	e.stream = append(e.stream, o)
	return true
}

func sessionKey(o *learn.Observation) string {
	if t := o.Record.Task; t != nil {
		return t.ProjectID + "\x00" + t.SessionID
	}
	return o.Record.Action.ProjectID + "\x00" + o.Record.Action.SessionID
}

// timeOf is when it happened; the zero time where the recording does not tell
// (importers count from the epoch then), which keeps such sessions in the order
// in which they were read.
func timeOf(o *learn.Observation) time.Time {
	at := time.Time{}
	if t := o.Record.Task; t != nil {
		at = t.Timestamp
	} else {
		at = o.Record.Action.Timestamp
	}
	if at.Year() < 1980 {
		return time.Time{}
	}
	return at
}

// evaluate replays the daemon's own log, the newest events of it.
func (d *Daemon) evaluate(ctx context.Context, o EvalOptions) (EvalReport, error) {
	e, err := NewEvaluation()
	if err != nil {
		return EvalReport{}, err
	}
	if err := e.takeLog(ctx, d); err != nil {
		return EvalReport{}, err
	}
	return e.Run(ctx, o)
}

// Run replays what was taken, in time order, and measures.
func (e *Evaluation) Run(ctx context.Context, o EvalOptions) (EvalReport, error) {
	slices.SortStableFunc(e.stream, func(a, b *learn.Observation) int { return timeOf(a).Compare(timeOf(b)) })
	sessions, projects := e.sessions()
	if len(sessions) < 2 {
		return EvalReport{}, errors.New("there is nothing to replay: at least two recorded sessions are needed, one to learn from and one to predict; import some with `lathe import`")
	}
	threshold := recovery.DefaultThreshold()
	if o.Confidence > 0 {
		threshold.Confidence = o.Confidence
	}
	if o.Unseen && projects < 2 {
		return EvalReport{}, errors.New("the recordings are of one project: to predict on projects that were not learned from, at least two projects are needed")
	}
	folds, how := e.split(o, sessions)
	var cases []recovery.Case
	for _, learned := range folds {
		found, err := e.replay(ctx, o, learned)
		if err != nil {
			return EvalReport{}, err
		}
		cases = append(cases, found...)
	}
	r := measured(cases, threshold, o.Samples)
	r.Events, r.Sessions, r.Projects, r.Learned, r.Split = len(e.stream), len(sessions), projects, len(folds[0]), how
	return r, nil
}

// replay learns from some sessions and predicts the others.
func (e *Evaluation) replay(ctx context.Context, o EvalOptions, learned map[string]bool) ([]recovery.Case, error) {
	stream := e.stream
	if o.Unseen { // what is learned from comes first, whenever it was
		stream = slices.Clone(stream)
		slices.SortStableFunc(stream, func(a, b *learn.Observation) int {
			return boolOrder(learned[sessionKey(b)]) - boolOrder(learned[sessionKey(a)])
		})
	}
	words := newVocabulary() // what each project names itself, as far as it is seen
	return recovery.Replay(recovery.ReplayOptions{
		Miner:  recovery.Options{Trusted: words.trusts},
		Frozen: o.Frozen,
		Score:  func(ev *learn.ActionOutcome) bool { return !learned[ev.ProjectID+"\x00"+ev.SessionID] },
	}, func(yield func(*learn.Observation, error) bool) {
		for _, obs := range stream {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !o.Frozen || learned[sessionKey(obs)] {
				if err := words.Apply(obs, nil); err != nil {
					yield(nil, err)
					return
				}
			}
			if !yield(obs, nil) {
				return
			}
		}
	})
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sessions lists the sessions by their first event, and counts the projects.
func (e *Evaluation) sessions() (keys []string, projects int) {
	seen, own := map[string]bool{}, map[string]bool{}
	for _, o := range e.stream {
		if o.Record.Action == nil {
			continue
		}
		if k := sessionKey(o); !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
		own[o.Record.Action.ProjectID] = true
	}
	return keys, len(own)
}

// split decides which sessions are only learned from, for each fold, and says
// how.
func (e *Evaluation) split(o EvalOptions, sessions []string) (folds []map[string]bool, how string) {
	switch {
	case o.Unseen:
		how = "by project, in two halves: those predicted were never seen"
		folds = byProject(sessions)
	case len(e.learned) > 0:
		how = "by the files given"
		folds = append(folds, e.learned)
	default:
		if o.Share <= 0 || o.Share >= 1 {
			o.Share = 0.5
		}
		n := max(1, min(len(sessions)-1, int(math.Round(o.Share*float64(len(sessions))))))
		how = fmt.Sprintf("by time: the first %d sessions", n)
		first := map[string]bool{}
		for _, k := range sessions[:n] {
			first[k] = true
		}
		folds = append(folds, first)
	}
	if o.Frozen {
		return folds, how + "; nothing learned from what is predicted"
	}
	return folds, how + "; learning goes on while predicting"
}

// byProject deals the projects, the largest first, into two halves; each fold
// learns from one.
func byProject(sessions []string) []map[string]bool {
	count := map[string]int{}
	projectOf := func(k string) string {
		p, _, _ := strings.Cut(k, "\x00")
		return p
	}
	for _, k := range sessions {
		count[projectOf(k)]++
	}
	projects := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b))
	})
	half, size := map[string]int{}, [2]int{}
	for _, p := range projects { // to the smaller half
		h := boolOrder(size[1] < size[0])
		half[p] = h
		size[h] += count[p]
	}
	folds := []map[string]bool{{}, {}}
	for _, k := range sessions {
		folds[half[projectOf(k)]][k] = true
	}
	return folds
}
