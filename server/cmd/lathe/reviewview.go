package main

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"lathe/learn"
)

var _ tea.Model = (*reviewList)(nil)

// narrow is the width below which the list drops columns.
const narrow = 60

// View implements tea.Model. It uses reverse video for the cursor and bold for
// the head, which every terminal and every theme has, and no colours.
func (m *reviewList) View() tea.View {
	lines := append([]string{bold(fit(m.head(), m.width))}, make([]string, m.blank())...)
	body := m.body()
	for i := range m.page() {
		if i < len(body) {
			lines = append(lines, body[i])
		} else {
			lines = append(lines, "")
		}
	}
	lines = append(append(lines, make([]string, m.blank())...), m.foot()...)
	v := tea.NewView(strings.Join(lines[:min(len(lines), m.height)], "\n"))
	v.AltScreen = true
	v.WindowTitle = "lathe review"
	return v
}

// blank is how many empty lines are below the head, and above the foot: none
// where lines are few.
func (m *reviewList) blank() int {
	if m.height < 10 {
		return 0
	}
	return 1
}

func (m *reviewList) head() string {
	if m.open && m.at < len(m.items) {
		it := m.items[m.at]
		what := fmt.Sprintf("%s, %s risk", shortState(it.State), clean(it.Risk))
		if m.evidence != "" {
			what = "evidence"
		}
		head := fmt.Sprintf("%d of %d  [%s]  ", m.at+1, len(m.items), what)
		return head + middle(clean(it.Title), m.width-len(head))
	}
	open := 0
	for _, it := range m.loaded {
		if it.State == learn.StateInReview {
			open++
		}
	}
	head := "Nothing to decide"
	if open > 0 {
		head = fmt.Sprintf("%d to decide", open)
	}
	if len(m.words) > 0 {
		head += fmt.Sprintf(", %d with “%s”", len(m.items), clean(string(m.words)))
	}
	return head
}

func (m *reviewList) body() []string {
	if m.open {
		to := min(len(m.lines), m.line+m.page())
		return m.lines[min(m.line, to):to]
	}
	m.top = min(m.top, m.at)
	if m.at >= m.top+m.page() {
		m.top = m.at - m.page() + 1
	}
	var out []string
	for i := m.top; i < min(len(m.items), m.top+m.page()); i++ {
		row := m.row(i)
		if i == m.at {
			row = reverse(row + strings.Repeat(" ", max(0, m.width-ansi.StringWidth(row))))
		}
		out = append(out, row)
	}
	return out
}

// row is one proposal in the list. On a narrow screen the title matters most.
func (m *reviewList) row(i int) string {
	it := m.items[i]
	mark, note := "  ", ""
	if i == m.at {
		mark = "> "
	}
	if len(it.Questions) > 0 {
		note = " (asked back)"
	} else if len(it.Answers) > 0 {
		note = " (answered)"
	}
	age := learn.Age(time.Since(it.Created))
	row := fmt.Sprintf("%s%-9s %-6s %8s  ", mark, shortState(it.State), clean(it.Risk), age)
	if m.width < narrow {
		row = fmt.Sprintf("%s%8s  ", mark, age)
		if it.State != learn.StateInReview {
			row += shortState(it.State) + ": "
		}
	}
	return fit(row+middle(clean(it.Title), m.width-ansi.StringWidth(row+note))+note, m.width)
}

// foot is what was said, or is being typed, and the keys; each as many lines as
// it needs, of which at most half of the screen is used.
func (m *reviewList) foot() []string {
	said := wrap(m.prompt(), m.width)
	keys := wrap(m.keys(), m.width)
	keys = keys[:min(len(keys), max(1, m.height/3))]
	if most := max(1, m.height/2-len(keys)); len(said) > most {
		said = said[len(said)-most:] // the end, where one types
	}
	return append(said, keys...)
}

func (m *reviewList) prompt() string {
	text := ""
	switch {
	case m.asking == learn.VerdictReject:
		text = "Why not? " + clean(string(m.reason)) + "_"
	case m.asking != "":
		text = "What is unclear? " + clean(string(m.reason)) + "_"
	case m.finding:
		return "Find: " + clean(string(m.words)) + "_"
	default:
		return m.said
	}
	if m.said != "" {
		text = m.said + " " + text
	}
	return text
}

func (m *reviewList) keys() string {
	switch {
	case m.asking != "":
		return "Enter sends · Esc does not"
	case m.finding:
		return "Enter keeps · Esc shows all"
	case m.evidence != "":
		return "j k scroll · e back · n p next, former · a approve · r reject · c ask back · q quit"
	case m.open:
		return "j k scroll · e evidence · n p next, former · a approve · r reject · c ask back · Esc list · q quit"
	case len(m.words) > 0:
		return "j k move · Enter open · / find · Esc all · t decided ones too · q quit"
	}
	return "j k move · Enter open · / find · t decided ones too · q quit"
}

func shortState(s learn.State) string { return strings.ReplaceAll(string(s), "_", " ") }

func bold(s string) string    { return "\x1b[1m" + s + "\x1b[m" }
func reverse(s string) string { return "\x1b[7m" + s + "\x1b[m" }

// fit cuts a line to a width in places of the terminal.
func fit(s string, width int) string { return ansi.Truncate(s, width, "…") }

// middle cuts text in its middle: of names that begin alike the ends differ.
func middle(s string, width int) string {
	left := ansi.StringWidth(s) - width
	if left <= 0 || width < 8 {
		return fit(s, width)
	}
	begin, end := ansi.Truncate(s, width/2, ""), s
	for n := width/2 + left + 1; ansi.StringWidth(begin+end) > width; n++ { // a wide character is not halved
		end = ansi.TruncateLeft(s, n, "…")
	}
	return begin + end
}

// wrap breaks a line at a width, between words where that is possible.
func wrap(s string, width int) []string {
	return strings.Split(ansi.Wrap(s, width, ""), "\n")
}
