package diagnose

import (
	"maps"
	"slices"
	"sync"
	"time"

	"lathe/learn"
)

// Bounds of what a Diagnoser remembers.
const (
	maxSignatures  = 20_000
	maxProjects    = 64 // that a signature is counted in one by one
	maxSessions    = 256
	maxSteps       = 60  // of a session
	maxOpen        = 16  // failures of a session that wait for their resolution
	maxStepCommand = 512 // bytes of a command, of a watched session
)

// experience is what a Diagnoser learned: how often each failure was seen, and
// how often its claims were right.
type experience struct {
	mu       sync.RWMutex
	seen     map[string]*sightings
	sessions map[string]*session
	scales   map[learn.Method]*learn.Calibrator
	kept     map[learn.Method]*learn.Reliability
}

// sightings of one signature.
type sightings struct {
	Last     time.Time           `json:"last"`
	Projects map[string]sighting `json:"projects"`
	Rest     int                 `json:"rest,omitempty"` // in projects beyond maxProjects
}

type sighting struct {
	Times    int       `json:"times"`
	Sessions int       `json:"sessions"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Session  string    `json:"session"` // the latest, which counts once
}

// session is one that is watched for resolutions. Steps are its latest.
type session struct {
	Last  time.Time  `json:"last"`
	Count int        `json:"count"` // steps so far
	Steps []watched  `json:"steps"`
	Open  []openCase `json:"open,omitempty"`
}

// watched is a step with what it changed.
type watched struct {
	learn.Step
	Effects []effect `json:"effects,omitempty"`
	Checked bool     `json:"checked,omitempty"` // its output reads as that of a test runner, linter, ...
}

// openCase is a failure that is not resolved yet.
type openCase struct {
	Step   learn.Step `json:"step"`
	At     int        `json:"at"` // Count when it came
	Claims []claim    `json:"claims"`
}

func (e *experience) clear() {
	e.seen, e.sessions = map[string]*sightings{}, map[string]*session{}
	e.scales, e.kept = map[learn.Method]*learn.Calibrator{}, map[learn.Method]*learn.Reliability{}
	for m, o := range scales() {
		e.scales[m] = learn.NewCalibrator(o)
		e.kept[m] = &learn.Reliability{}
	}
}

// scales say what claims are worth before any was checked.
func scales() map[learn.Method]learn.CalibratorOptions {
	return map[learn.Method]learn.CalibratorOptions{
		// Only remedies above a bar are offered, of which about seven in ten are
		// right (recovery.Options.MinConfidence was chosen so), and few are ever
		// checked: they are taken together until there are many.
		learn.MethodRecovery: {PriorSlope: 1, PriorBase: 0.7, PriorWeight: 16},
		// What rules say of themselves is worth less until it was checked.
		learn.MethodRules: {PriorSlope: 0.8},
	}
}

func (e *experience) calibrated(m learn.Method, score float64) float64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.scales[m].Calibrate(score)
}

// history tells of a signature, or nil when it was never seen.
func (e *experience) history(signature, project string) *learn.FailureHistory {
	e.mu.RLock()
	defer e.mu.RUnlock()
	s := e.seen[signature]
	if s == nil {
		return nil
	}
	h := &learn.FailureHistory{TimesElsewhere: s.Rest}
	for name, p := range s.Projects {
		if name == project {
			h.TimesHere, h.SessionsHere, h.FirstHere, h.LastHere = p.Times, p.Sessions, p.First, p.Last
			continue
		}
		h.TimesElsewhere += p.Times
		h.OtherProjects++
	}
	return h
}

func (e *experience) see(o *learn.Observation) {
	ev := o.Record.Action
	for i := range o.Signatures {
		id := o.Signatures[i].ID
		s := e.seen[id]
		if s == nil {
			e.trimSeen()
			s = &sightings{Projects: map[string]sighting{}}
			e.seen[id] = s
		}
		s.Last = later(s.Last, ev.Timestamp)
		p, known := s.Projects[ev.ProjectID]
		if !known && len(s.Projects) >= maxProjects {
			s.Rest++
			continue
		}
		if !known {
			p.First = ev.Timestamp
		}
		p.Times++
		if p.Session != ev.SessionID {
			p.Session = ev.SessionID
			p.Sessions++
		}
		p.Last = later(p.Last, ev.Timestamp)
		s.Projects[ev.ProjectID] = p
	}
}

// trimSeen forgets the tenth that was seen longest ago when there is no room.
func (e *experience) trimSeen() {
	if len(e.seen) < maxSignatures {
		return
	}
	forgetOldest(e.seen, func(s *sightings) time.Time { return s.Last })
}

func forgetOldest[V any](m map[string]V, last func(V) time.Time) {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if c := last(m[a]).Compare(last(m[b])); c != 0 {
			return c
		}
		if a < b {
			return -1
		}
		return 1
	})
	for _, k := range keys[:max(1, len(keys)/10)] {
		delete(m, k)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// session of an event, made when it is new.
func (e *experience) session(ev *learn.ActionOutcome) *session {
	key := ev.ProjectID + "\x00" + ev.SessionID
	s := e.sessions[key]
	if s == nil {
		if len(e.sessions) >= maxSessions {
			forgetOldest(e.sessions, func(s *session) time.Time { return s.Last })
		}
		s = &session{}
		e.sessions[key] = s
	}
	s.Last = later(s.Last, ev.Timestamp)
	return s
}

func (s *session) add(st watched) {
	s.Count++
	s.Steps = append(s.Steps, st)
	if len(s.Steps) > maxSteps {
		s.Steps = slices.Delete(s.Steps, 0, len(s.Steps)-maxSteps)
	}
	// What was not resolved while its beginning was remembered never is.
	s.Open = slices.DeleteFunc(s.Open, func(c openCase) bool { return s.Count-c.At > maxSteps })
}

// since are the steps after the one that came as number at.
func (s *session) since(at int) []watched {
	return s.Steps[max(0, len(s.Steps)-(s.Count-at)):]
}
