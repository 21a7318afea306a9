package mine

import (
	"fmt"
	"strings"
)

// length is the number of steps that the strategy shows.
func (s *sighting) length() int {
	if s.habit == nil {
		return len(s.names)
	}
	for _, at := range s.where {
		if len(at) > 0 {
			return len(at)
		}
	}
	return 0
}

// title names what is done: "edit_file → make check", "test after the last edit".
func (s *sighting) title() string {
	if s.habit != nil {
		return s.habit.title
	}
	return clip(strings.Join(s.steps(), " → "))
}

// steps names each step of a pattern. Neighbours that would have one name are
// told in more words.
func (s *sighting) steps() []string {
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

// description is one sentence: what to do and how the tasks went.
func (s *sighting) description() string {
	what := "Where "
	if s.habit != nil {
		what += s.habit.sentence
	} else {
		what += "the steps " + strings.Join(s.steps(), ", then ") + " follow each other"
	}
	t := s.table
	return fmt.Sprintf("%s, %d of %d tasks succeeded, against %d of %d without.", clip(what),
		t.withGood, t.withGood+t.withBad, t.withoutGood, t.withoutGood+t.withoutBad)
}
