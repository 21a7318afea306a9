package main

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"lathe/learn"
)

var _ tea.Model = (*reviewList)(nil)

// View implements tea.Model. It uses reverse video for the cursor and bold for
// the head, which every terminal and every theme has, and no colours.
func (m *reviewList) View() tea.View {
	lines := []string{bold(fit(m.head(), m.width)), ""}
	body := m.body()
	for i := range m.page() {
		if i < len(body) {
			lines = append(lines, body[i])
		} else {
			lines = append(lines, "")
		}
	}
	lines = append(lines, "", fit(m.prompt(), m.width), fit(m.keys(), m.width))
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = "lathe review"
	return v
}

func (m *reviewList) head() string {
	open := 0
	for _, it := range m.items {
		if it.State == learn.StateInReview {
			open++
		}
	}
	if m.open && m.at < len(m.items) {
		it := m.items[m.at]
		return fmt.Sprintf("%d of %d  %s  [%s, %s risk]", m.at+1, len(m.items), clean(it.Title), it.State, clean(it.Risk))
	}
	if open == 0 {
		return "Nothing to decide"
	}
	return fmt.Sprintf("%d to decide", open)
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
		it := m.items[i]
		mark := "  "
		if i == m.at {
			mark = "> "
		}
		note := ""
		if len(it.Questions) > 0 {
			note = " (asked back)"
		} else if len(it.Answers) > 0 {
			note = " (answered)"
		}
		row := fit(fmt.Sprintf("%s%-9s %-6s %6s  %s%s", mark, shortState(it.State), clean(it.Risk), ageWords(time.Since(it.Created)), clean(it.Title), note), m.width)
		if i == m.at {
			row = reverse(row)
		}
		out = append(out, row)
	}
	return out
}

func (m *reviewList) prompt() string {
	switch {
	case m.asking == learn.VerdictReject:
		return "Why not? " + clean(string(m.reason)) + "_"
	case m.asking != "":
		return "What is unclear? " + clean(string(m.reason)) + "_"
	}
	return m.said
}

func (m *reviewList) keys() string {
	switch {
	case m.asking != "":
		return "Enter sends, Esc does not"
	case m.open:
		return "j k scroll · n p next, former · a approve · r reject · c ask back · Esc list · q quit"
	}
	return "j k move · Enter open · t decided ones too · q quit"
}

func shortState(s learn.State) string { return strings.ReplaceAll(string(s), "_", " ") }

// ageWords is a duration in its largest unit.
func ageWords(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dmin", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func bold(s string) string    { return "\x1b[1m" + s + "\x1b[m" }
func reverse(s string) string { return "\x1b[7m" + s + "\x1b[m" }

// fit cuts a line to a width, in runes: wide ones may still run over, which the
// terminal cuts.
func fit(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:max(0, width-1)]) + "…"
}

// wrap breaks a line at a width, in runes.
func wrap(s string, width int) []string {
	r := []rune(s)
	out := []string{}
	for len(r) > width {
		at := width
		for at > width/2 && r[at] != ' ' {
			at--
		}
		if at == width/2 {
			at = width
		}
		out, r = append(out, string(r[:at])), r[at:]
	}
	return append(out, string(r))
}
