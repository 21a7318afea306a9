package mine

import (
	"fmt"
	"strings"
)

// saying is what a hypothesis says, in words.
type saying struct {
	level level
	names []string
	habit *habit
}

func (h *hypothesis) title() string { return saying{h.level, h.names, h.habit}.title() }

// title names what is done: "edit_file → make check", "test after the last edit".
func (s saying) title() string {
	if s.habit != nil {
		return s.habit.title
	}
	return clip(strings.Join(s.steps(), " → "))
}

// steps names each step of a pattern. Neighbours that would have one name are
// told in more words.
func (s saying) steps() []string {
	var parts []string
	for i, n := range s.names {
		tool, what, _ := strings.Cut(n, " ")
		if s.level == levelSkeleton {
			long := what
			what = brief(tool, long, 2)
			if i > 0 && parts[i-1] == what {
				_, previous, _ := strings.Cut(s.names[i-1], " ")
				parts[i-1], what = brief(tool, previous, 6), brief(tool, long, 6)
			}
		}
		parts = append(parts, what)
	}
	return parts
}

// brief tells a skeleton in a few words: a structured call by its tool, a shell
// command by its program and what follows, up to the first operator; a third
// word only when it is a name, as in "npm run check".
func brief(tool, skeleton string, most int) string {
	if strings.HasPrefix(skeleton, tool+"(") {
		return tool
	}
	var words []string
	for _, w := range strings.Fields(skeleton) {
		operator := strings.ContainsAny(w[:1], "|&;>(") || strings.HasPrefix(w, "<<")
		name := w[0] >= 'a' && w[0] <= 'z'
		if n := len(words); n > 0 && operator || n > most || n == most && !name {
			break
		}
		cut, last := strings.CutSuffix(w, ";")
		if words = append(words, cut); last {
			break
		}
	}
	return strings.Join(words, " ")
}

// sentence says what is done in the tasks with it.
func (s saying) sentence() string {
	if s.habit != nil {
		return s.habit.sentence
	}
	return "the steps " + strings.Join(s.steps(), ", then ") + " follow each other"
}

// description is one sentence: what to do and how the tasks went.
func (f *finding) description() string {
	return fmt.Sprintf("Where %s, %d of %d tasks succeeded; tasks without it, of the same projects and kinds, succeed in %.0f %%.",
		clip(saying{f.level, f.names, f.habit}.sentence()), f.sum.withGood, f.sum.withGood+f.sum.withBad, 100*f.baseline)
}

// program is what a step runs and what for: "pytest (test)", "sed (edit)",
// "git diff (vcs)"; a structured tool is its own program.
func program(s *seqStep) string {
	name := brief(s.Tool, s.Skeleton, 1)
	if name == s.Tool {
		return name
	}
	return name + " (" + string(s.Intent) + ")"
}
