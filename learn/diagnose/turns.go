package diagnose

import (
	"slices"
	"strings"

	"lathe/learn/lazyregexp"
)

// turnKind is what a turn is for.
type turnKind int

const (
	kindWork    turnKind = iota // somebody contributes
	kindTask                    // states or restates the task
	kindMachine                 // what a program answered
	kindControl                 // ends, passes the word on, says nothing
)

// turnRead is a turn as the signals see it.
type turnRead struct {
	Turn
	kind      turnKind
	body      string   // lower case, without what merely decorates
	specifics []string // see specifics; lower case
	acts      bool     // carries code or reports a deed with a tool
	failed    bool     // of a machine: that it failed or gave nothing
	note      *ledgerNote
}

// ledgerNote is a coordinator's self-assessment when the turn holds one as
// JSON: boolean answers by name.
type ledgerNote struct{ satisfied, loop, stuck bool }

var (
	machineStart = lazyregexp.New(`(?i)^\s*(exitcode:|exit code:|code output:|there is no code|no code block|the script ran|traceback \(most recent|stdout:|stderr:|execution (succeeded|failed))`)
	machineName  = lazyregexp.New(`(?i)(terminal|executor|interpreter|sandbox|environment|^tool$|^function$|^ipython$)`)
	machineFail  = lazyregexp.New(`(?i)(exitcode: *[1-9-]|execution failed|unix exit code: *[1-9]|exit code:? *[1-9]|traceback \(most recent|\berror:|there is no code|no code block|timed out|permission denied)`)
	silent       = lazyregexp.New(`(?is)^\s*exitcode: *0[^\n]*\n\s*code output:\s*$`)
	control      = lazyregexp.New(`(?i)^\s*(terminate|next speaker\b.*|request satisfied\.?|none|null|continue\.?)\s*$`)
	codeFence    = lazyregexp.New("(?m)^\\s*```\\s*[a-zA-Z]")
	deed         = lazyregexp.New(`(?i)^\s*i (typed|clicked|scrolled|visited|opened|navigated|pressed|searched|ran|executed|downloaded)\b`)
	specific     = lazyregexp.New("\\*\\*([^*\n]{2,120})\\*\\*|\"([^\"\n]{2,120})\"|“([^”\n]{2,120})”|`+\\s*([^`\n]{2,120})`+|'([^'\n]{3,80})'|(\\d[\\d.,:/%-]*)|(\\p{Lu}[\\p{L}'-]+(?: (?:of |the |de )?\\p{Lu}[\\p{L}'-]+)+)")
	answerNote   = lazyregexp.New(`(?s)"(is_request_satisfied|is_in_loop|is_progress_being_made)"\s*:\s*\{.*?"answer"\s*:\s*(true|false)`)
	noise        = lazyregexp.New(`(?m)^.*(UserWarning:|await self\._|_client\.create\().*$`)
)

// readTurns reads each turn once.
func readTurns(c Conversation) []turnRead {
	machines := machineAgents(c.Turns)
	out := make([]turnRead, len(c.Turns))
	task := normalised(c.Question)
	for i, t := range c.Turns {
		r := turnRead{Turn: t}
		text := noise.ReplaceAllString(t.Text, "")
		r.body = strings.ToLower(text)
		r.acts = codeFence.MatchString(text) || deed.MatchString(text)
		r.note = readNote(text)
		switch {
		case machines[t.Agent] || machineStart.MatchString(text):
			r.kind = kindMachine
			r.failed = machineFail.MatchString(text) || silent.MatchString(text) || strings.TrimSpace(text) == ""
		case control.MatchString(text) || strings.TrimSpace(text) == "":
			r.kind = kindControl
		case restates(text, task, i) && !r.acts && r.note == nil:
			r.kind = kindTask
		default:
			r.specifics = specifics(text)
		}
		out[i] = r
	}
	return out
}

// machineAgents are the speakers whose turns are answers of programs.
func machineAgents(turns []Turn) map[string]bool {
	total, machine := map[string]int{}, map[string]int{}
	for _, t := range turns {
		total[t.Agent]++
		if machineStart.MatchString(t.Text) || t.Role == "tool" || t.Role == "function" {
			machine[t.Agent]++
		}
	}
	out := map[string]bool{}
	for agent, n := range total {
		out[agent] = 2*machine[agent] > n || machineName.MatchString(agent)
	}
	return out
}

// restates reports whether a turn carries the task: it quotes the question, or
// it is the first, with no question known.
func restates(text, task string, i int) bool {
	if task == "" {
		return i == 0
	}
	words := strings.Fields(task)
	return strings.Contains(normalised(text), strings.Join(words[:min(len(words), 25)], " "))
}

var spaces = lazyregexp.New(`\s+`)

func normalised(s string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(strings.ToLower(s), " "))
}

func readNote(text string) *ledgerNote {
	found := answerNote.FindAllStringSubmatch(text, 8)
	if len(found) == 0 {
		return nil
	}
	n := &ledgerNote{}
	for _, f := range found {
		yes := f[2] == "true"
		switch f[1] {
		case "is_request_satisfied":
			n.satisfied = yes
		case "is_in_loop":
			n.loop = yes
		case "is_progress_being_made":
			n.stuck = !yes
		}
	}
	return n
}

// maxSpecifics bounds what is compared of a turn.
const maxSpecifics = 200

// specifics lists what a text states precisely enough to be looked up:
// numbers, names of several words, and what is quoted or emphasised. Code is not looked into.
func specifics(text string) []string {
	text = withoutCode(text)
	var out []string
	for _, m := range specific.FindAllStringSubmatch(text, maxSpecifics) {
		for _, g := range m[1:] {
			g = strings.Trim(normalised(g), " .,:;")
			if len(g) >= 2 && !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out
}

var fenced = lazyregexp.New("(?s)```[a-zA-Z].*?(```|$)")

func withoutCode(s string) string { return fenced.ReplaceAllString(s, "") }
