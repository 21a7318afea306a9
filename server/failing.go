package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"lathe/learn"
)

const (
	// maxStreaks bounds what is remembered; the oldest tenth goes first.
	maxStreaks = 20_000
	// A command itself is known to fail after so many failures in so many
	// sessions without a success between them, its skeleton (the same command
	// about other files) after more.
	commandFails, commandSessions   = 2, 2
	skeletonFails, skeletonSessions = 4, 3
)

// failing knows the commands that, in a project, failed each time since they
// were seen to fail first, and always in the same way.
type failing struct {
	mu      sync.Mutex
	streaks map[string]*streak // by project, and command or skeleton
}

// streak is a run of failures of one kind without a success.
type streak struct {
	Fails     int                  `json:"fails"`
	Sessions  []string             `json:"sessions"` // the first few distinct ones
	Signature learn.ErrorSignature `json:"signature"`
	Seq       uint64               `json:"seq"` // of the last
}

func newFailing() *failing { return &failing{streaks: map[string]*streak{}} }

func (*failing) Name() string { return "failing" }

// streakKeys are what a command is remembered by: itself and its skeleton.
func streakKeys(project string, act *learn.Action) (command, skeleton string) {
	return project + "\x00c" + strings.TrimSpace(act.Command), project + "\x00s" + act.Skeleton
}

func (f *failing) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || o.Action.Command == "" || len(o.Action.Command) > 4<<10 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	command, skeleton := streakKeys(ev.ProjectID, &o.Action)
	switch {
	case ev.Status == learn.StatusSuccess:
		delete(f.streaks, command)
		delete(f.streaks, skeleton)
	case ev.Status == learn.StatusFailure && len(o.Signatures) > 0 && !o.Signatures[0].Transient:
		for _, key := range []string{command, skeleton} {
			f.add(key, ev.SessionID, o.Signatures[0], o.Seq)
		}
	}
	return nil
}

// add counts a failure; one of another kind begins anew. f.mu is held.
func (f *failing) add(key, session string, sig learn.ErrorSignature, seq uint64) {
	s := f.streaks[key]
	if s == nil || s.Signature.ID != sig.ID {
		s = &streak{}
		f.streaks[key] = s
	}
	s.Fails, s.Signature, s.Seq = s.Fails+1, sig, seq
	if !slices.Contains(s.Sessions, session) && len(s.Sessions) < skeletonSessions {
		s.Sessions = append(s.Sessions, session)
	}
	if len(f.streaks) <= maxStreaks {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(f.streaks), func(a, b string) int { return cmp.Compare(f.streaks[a].Seq, f.streaks[b].Seq) })
	for _, key := range oldest[:maxStreaks/10] {
		delete(f.streaks, key)
	}
}

// known is the streak by which a command is known to fail in a project.
func (f *failing) known(project string, act *learn.Action) (streak, bool) {
	command, skeleton := streakKeys(project, act)
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.streaks[command]; s != nil && s.Fails >= commandFails && len(s.Sessions) >= commandSessions {
		return *s, true
	}
	if s := f.streaks[skeleton]; s != nil && s.Fails >= skeletonFails && len(s.Sessions) >= skeletonSessions {
		return *s, true
	}
	return streak{}, false
}

func (f *failing) Snapshot() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.Marshal(f.streaks)
}

func (f *failing) Restore(b []byte) error {
	streaks := map[string]*streak{}
	if err := json.Unmarshal(b, &streaks); err != nil {
		return fmt.Errorf("failing commands: %w", err)
	}
	for key, s := range streaks {
		if s == nil {
			delete(streaks, key)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streaks = streaks
	return nil
}
