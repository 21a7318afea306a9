package recovery

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"

	"lathe/learn"
)

// situation is what a failure is known by. Call and Value are hashes: they are
// only compared, need the same room whatever an output says, and carry no text
// into what other projects share.
type situation struct {
	Project  string       `json:"project"`
	Language string       `json:"language,omitempty"`
	Intent   learn.Intent `json:"intent"`
	Pattern  string       `json:"pattern"`
	Call     string       `json:"call"`            // the command class that failed
	Value    string       `json:"value,omitempty"` // what the error is about
	Used     string       `json:"used,omitempty"`  // the class that would use the failing command: never its own remedy
}

// mainCaptures lists what an error can be about, the most telling first.
var mainCaptures = [...]string{"module", "package", "command", "program", "symbol", "path", "file", "key", "ref", "host", "port"}

// situationOf describes a failure of a session, which may be nil.
func situationOf(in *session, project string, call step, sig *learn.ErrorSignature, language string) situation {
	s := situation{
		Project: project, Language: cmp.Or(sig.Language, language), Intent: call.Intent, Pattern: sig.PatternID,
	}
	s.Used = "use " + commandClass(call.Command)
	if call.Command == "" {
		s.Used = "use " + call.Tool
	}
	if s.Call = digest(s.Used); runsOwn(call, in.wrote) {
		s.Call = digest(classScript) // whatever its name
	}
	for _, k := range mainCaptures {
		if v := sig.Captures[k]; v != "" {
			s.Value = digest(k + "\x00" + v)
			break
		}
	}
	if s.Value == "" && sig.ID != sig.PatternID {
		s.Value = digest(sig.ID)
	}
	return s
}

// runsOwn reports whether a call runs a script that its session wrote, or that
// it writes itself before.
func runsOwn(call step, wrote func(string) bool) bool {
	parts, main := split(call)
	return ownScript(parts[main].Command, call.Target, func(base string) bool {
		return wrote(base) || slices.Contains(writtenNames(call), base)
	})
}

func digest(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return strconv.FormatUint(h.Sum64(), 36)
}

// shared lists the contexts that all projects count in, the widest first.
func (s *situation) shared() []string {
	intent := "\x00" + string(s.Intent) + "\x00"
	return []string{
		"all", "all" + intent, "lang" + intent + s.Language, "pattern\x00" + s.Pattern, "pattern\x00" + s.Pattern + intent,
		"value\x00" + s.Pattern + intent + s.Value, "call\x00" + s.Pattern + intent + s.Call,
		"exact\x00" + s.Pattern + intent + s.Call + "\x00" + s.Value,
	}
}

// own lists the contexts of its project, the widest first.
func (s *situation) own() []string {
	p, intent := "own\x00"+s.Project+"\x00", "\x00"+string(s.Intent)+"\x00"
	return []string{
		p + intent, p + s.Pattern + intent, p + s.Pattern + intent + "value" + s.Value,
		p + s.Pattern + intent + s.Call, p + s.Pattern + intent + s.Call + "\x00" + s.Value,
	}
}
