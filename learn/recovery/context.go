package recovery

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"lathe/learn"
)

// context is what a failure happened in, beyond its signature: the call that
// failed (program, subcommand and intent) and the value of the pattern's main
// capture. Both are hashes: they are only compared, need the same room
// whatever an output says, and carry no text into a bucket that other projects
// share.
type context struct {
	Call  string `json:"call,omitempty"`
	Value string `json:"value,omitempty"`
}

// mainCaptures lists what an error can be about, the most telling first.
var mainCaptures = [...]string{"module", "package", "command", "program", "symbol", "path", "file", "key", "ref", "host", "port"}

func callContext(act learn.Action) context {
	call := act.Program
	if act.Command == "" {
		call = act.Tool
	} else if hasSubcommands(act.Program) {
		call = head(tokens(act.Command))
	}
	return context{Call: digest(call + "\x00" + string(act.Intent))}
}

// of completes the context of a call by what the error is about.
func (c context) of(captures map[string]string) context {
	for _, k := range mainCaptures {
		if v := captures[k]; v != "" {
			c.Value = digest(k + "\x00" + v)
			break
		}
	}
	return c
}

func digest(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return strconv.FormatUint(h.Sum64(), 36)
}

// maxContexts is the number of contexts that evidence is kept apart for, in
// each cell and bucket.
const maxContexts = 16

// tally is the evidence of one context.
type tally struct {
	Context context `json:"context"`
	Succ    counter `json:"succ"`
	Fail    counter `json:"fail,omitzero"`
}

// tallies are kept in the order in which they were last added to, at most
// maxContexts of them.
type tallies []tally

func (ts *tallies) at(c context) *tally {
	i := slices.IndexFunc(*ts, func(t tally) bool { return t.Context == c })
	t := tally{Context: c}
	if i >= 0 {
		t = (*ts)[i]
		*ts = slices.Delete(*ts, i, i+1)
	}
	*ts = append(*ts, t)
	return &(*ts)[len(*ts)-1]
}

// add counts one session in a context.
func (ts *tallies) add(c context, worked bool, at time.Time, half time.Duration) {
	t := ts.at(c)
	if worked {
		t.Succ.add(1, at, half)
	} else {
		t.Fail.add(1, at, half)
	}
	if len(*ts) > maxContexts {
		ts.fold(half)
	}
}

// fold makes room: the oldest context that shares its call with another one
// becomes one with it, without their values; where no two share a call the
// oldest goes.
func (ts *tallies) fold(half time.Duration) {
	for i, old := range *ts {
		same := func(t tally) bool { return t.Context.Call == old.Context.Call }
		j := slices.IndexFunc(*ts, func(t tally) bool { return same(t) && t.Context.Value == "" })
		if j < 0 {
			if j = slices.IndexFunc((*ts)[i+1:], same); j >= 0 {
				j += i + 1
			}
		}
		if j < 0 || j == i {
			continue
		}
		into := &(*ts)[j]
		into.Context.Value = ""
		into.Succ.add(old.Succ.at(into.Succ.At, half), old.Succ.At, half)
		into.Fail.add(old.Fail.at(into.Fail.At, half), old.Fail.At, half)
		*ts = slices.Delete(*ts, i, i+1)
		return
	}
	*ts = slices.Delete(*ts, 0, 1)
}

// level is how near a context must be to count.
type level int

const (
	sameProgram level = iota
	sameValue
	sameBoth
	levels
)

// sum adds up the contexts that are near enough to c. It can count a session
// more than once; the caller bounds it by what the session-wise counts say.
func (ts tallies) sum(c context, l level, at time.Time, half time.Duration) (succ, fail float64) {
	for _, t := range ts {
		call, value := t.Context.Call == c.Call, c.Value != "" && t.Context.Value == c.Value
		if l == sameProgram && call || l == sameValue && value || l == sameBoth && call && value {
			succ += t.Succ.at(at, half)
			fail += t.Fail.at(at, half)
		}
	}
	return succ, fail
}

func (c context) id() string { return strings.Join([]string{c.Call, c.Value}, "/") }
