package diagnose

import (
	"math"
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// claim is a part of a report that turns out right or wrong when the failure
// is resolved. A remedy is right when it is what resolved the failure. A
// culprit is right when what it had touched had to be touched again; the
// failing call, when nothing had to be that the task had touched before.
type claim struct {
	Method  learn.Method         `json:"method"`
	Score   float64              `json:"score"`   // raw, 0 to 1
	Claimed float64              `json:"claimed"` // calibrated when it was made
	Kind    string               `json:"kind"`    // of a remedy
	Actions []learn.RemedyAction `json:"actions,omitempty"`
	Own     bool                 `json:"own,omitempty"` // blames the failing call
	Names   []string             `json:"names,omitempty"`
}

// maxNames bounds what a claim remembers as touched.
const maxNames = 40

func remedyClaim(o *learn.RemedyOffer) claim {
	return claim{Method: learn.MethodRecovery, Score: o.Confidence, Kind: o.Kind, Actions: o.Actions}
}

func culpritClaim(r *Request, c culprit, score float64) claim {
	out := claim{Method: learn.MethodRules, Score: score, Own: !c.earlier()}
	tr := r.trace()
	from, to := 0, len(tr.steps)
	if c.earlier() {
		from, to = c.step, c.step+1
	}
	for i := to - 1; i >= from; i-- {
		for _, e := range tr.at(i) {
			for _, n := range e.Names {
				if len(out.Names) < maxNames && len(n) <= 200 && !slices.Contains(out.Names, n) {
					out.Names = append(out.Names, n)
				}
			}
		}
	}
	return out
}

// ruleScore is how sure the rules are of the culprit: more with a pattern of
// the library, and with the margin by which the culprit leads.
func ruleScore(r *Request, pattern *learn.ErrorPattern, c culprit) float64 {
	odds := -1.0
	switch {
	case pattern != nil && pattern.Regexp != "":
		odds = 0.5
	case len(r.Signatures) > 0:
		odds = 0
	}
	return 1 / (1 + math.Exp(-odds-0.5*min(c.margin, 4)))
}

// resolution is how a failure came to an end.
type resolution struct {
	failed  learn.Step // as called
	between []watched
	call    watched // the one that succeeded
}

// right says whether a claim turned out right.
func (c *claim) right(res *resolution) bool {
	if c.Method == learn.MethodRecovery {
		return res.isRemedy(c)
	}
	again := res.touches(c.Names)
	if c.Own {
		return !again
	}
	return again || res.restores()
}

// touches reports whether any of the names had to be touched again.
func (res *resolution) touches(names []string) bool {
	return res.any(func(e effect) bool {
		return slices.ContainsFunc(e.Names, func(n string) bool {
			return slices.ContainsFunc(names, func(o string) bool { return samePath(n, o) || path.Base(n) == path.Base(o) })
		})
	})
}

// restores reports whether version control had to bring something back.
func (res *resolution) restores() bool {
	return res.any(func(e effect) bool { return e.Kind == effectRevert })
}

func (res *resolution) any(ok func(effect) bool) bool {
	for i := range res.between {
		if !res.between[i].Status.Failed() && slices.ContainsFunc(res.between[i].Effects, ok) {
			return true
		}
	}
	if res.call.Command == res.failed.Command {
		return false // it is what failed before: only the world changed
	}
	return slices.ContainsFunc(res.call.Effects, ok)
}

// isRemedy reports whether the remedy is what was done.
func (res *resolution) isRemedy(c *claim) bool {
	switch c.Kind {
	case "retry":
		return !res.changed() && res.call.Command == res.failed.Command
	case "edit":
		file := ""
		if len(c.Actions) > 0 {
			file, _ = c.Actions[0].Parameters["file"].(string)
		}
		return res.edits(file)
	case "changed_command", "changed_parameter":
		return len(c.Actions) > 0 && res.call.Command != res.failed.Command && sameHead(c.Actions[len(c.Actions)-1], &res.call.Step)
	}
	if len(c.Actions) == 0 {
		return false
	}
	for _, a := range c.Actions {
		done := func(w watched) bool { return !w.Status.Failed() && sameHead(a, &w.Step) }
		if !slices.ContainsFunc(res.between, done) && !done(res.call) {
			return false
		}
	}
	return true
}

// changed reports whether a step between changed something.
func (res *resolution) changed() bool {
	return slices.ContainsFunc(res.between, func(w watched) bool { return !w.Status.Failed() && len(w.Effects) > 0 })
}

// edits reports whether the file, or any when the remedy does not say which,
// was edited.
func (res *resolution) edits(file string) bool {
	open := file == "" || strings.ContainsAny(file, "{}*")
	return res.any(func(e effect) bool {
		return e.Kind == effectEdit && (open || slices.ContainsFunc(e.Names, func(n string) bool { return samePath(n, file) }))
	})
}

// sameHead reports whether a step runs what the remedy's action runs: the same
// program with the same subcommand, or the same tool.
func sameHead(a learn.RemedyAction, st *learn.Step) bool {
	if a.Command == "" {
		return a.ToolName == st.Tool
	}
	if st.Command == "" {
		return false
	}
	want := heads(a.Command)
	return len(want) > 0 && slices.Contains(heads(st.Command), want[len(want)-1])
}

// heads are the programs of a command line with their subcommands or modules.
func heads(command string) []string {
	var out []string
	for _, words := range simpleCommands(command) {
		if words[0] == "cd" {
			continue
		}
		head := path.Base(words[0])
		for i, w := range words[1:] {
			if w == "-m" && i+2 < len(words) {
				head += " -m " + words[i+2]
				break
			}
			if w[0] != '-' {
				switch {
				case interpreters[head]:
					head += " " + path.Base(w) // the script is the program
				case subcommands[head] && plainWord(w):
					head += " " + w
				}
				break
			}
		}
		out = append(out, head)
	}
	return out
}

var interpreters = map[string]bool{"python": true, "python3": true, "node": true, "bash": true, "sh": true, "ruby": true, "perl": true, "php": true, "java": true}

// subcommands are the programs whose first word says what they do.
var subcommands = map[string]bool{"git": true, "npm": true, "yarn": true, "pnpm": true, "pip": true, "pip3": true, "go": true, "cargo": true,
	"docker": true, "podman": true, "kubectl": true, "apt": true, "apt-get": true, "gem": true, "poetry": true, "uv": true, "conda": true,
	"brew": true, "make": true, "mvn": true, "gradle": true, "dotnet": true, "systemctl": true, "terraform": true, "gh": true}

func plainWord(w string) bool {
	return strings.Trim(w, "abcdefghijklmnopqrstuvwxyz-") == ""
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }
