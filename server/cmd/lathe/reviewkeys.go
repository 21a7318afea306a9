package main

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"lathe/learn"
)

// press follows one key of the list or of a proposal.
func (m *reviewList) press(key string) tea.Cmd {
	if m.sure && key != "y" && key != "a" {
		m.sure, m.said = false, "Not approved."
		return nil
	}
	switch key {
	case "q":
		return tea.Quit
	case "esc", "left", "u", "h":
		return m.back(key)
	case "j", "down":
		m.move(1)
	case "k", "up":
		m.move(-1)
	case "pgdown", "space", "ctrl+d":
		m.move(m.page())
	case "pgup", "ctrl+u":
		m.move(-m.page())
	case "home", "g":
		m.move(-1 << 30)
	case "end", "G":
		m.move(1 << 30)
	case "enter", "ctrl+j", "right", "l": // ctrl+j is an Enter that was typed ahead
		if !m.open && len(m.items) > 0 {
			m.open, m.line, m.said = true, 0, ""
			m.show()
		}
	case "n":
		m.step(1)
	case "p":
		m.step(-1)
	case "e":
		return m.toggleEvidence()
	case "/":
		m.finding = !m.open
	case "t":
		if !m.open {
			m.all = !m.all
			return m.load
		}
	case "a", "r", "c", "y":
		return m.verdict(key)
	}
	return nil
}

// back leaves what is shown last: the evidence, the proposal, the words that
// the list was narrowed by, the program.
func (m *reviewList) back(key string) tea.Cmd {
	m.said = ""
	switch {
	case m.evidence != "":
		m.evidence, m.line = "", 0
		m.show()
	case m.open:
		m.close()
	case len(m.words) > 0:
		m.words = nil
		m.refilter()
	case key == "esc":
		return tea.Quit
	}
	return nil
}

// toggleEvidence shows the recorded calls behind the open proposal, or the
// proposal again.
func (m *reviewList) toggleEvidence() tea.Cmd {
	switch {
	case !m.open:
		m.said = "Open it first (Enter)."
		return nil
	case m.evidence != "":
		return m.back("e")
	}
	it := m.items[m.at]
	return func() tea.Msg {
		text, err := m.a.evidenceText(m.ctx, it)
		return evidenced{it.ID, text, err}
	}
}

func (m *reviewList) showEvidence(e evidenced) {
	switch {
	case !m.open || m.items[m.at].ID != e.id: // another one is open by now
	case e.err != nil:
		m.said = "The evidence could not be read: " + clean(e.err.Error())
	default:
		m.evidence, m.line, m.said = e.text, 0, ""
		m.show()
	}
}

// verdict begins a decision. To approve, the proposal has to be open, and y has
// to follow: one key alone signs nothing.
func (m *reviewList) verdict(key string) tea.Cmd {
	switch {
	case len(m.items) == 0 || m.busy:
		return nil
	case m.key == nil:
		m.said = "You are only looking: start again and give the passphrase to decide."
	case m.items[m.at].State != learn.StateInReview:
		m.said = "It is " + shortState(m.items[m.at].State) + " already: nothing is left to decide."
	case !m.open:
		m.said = "Open it first (Enter): what you sign is what you saw."
	case key == "a":
		m.sure, m.said = true, "Approve exactly this content? y approves, any other key does not."
	case key == "y" && m.sure:
		return m.decide(learn.VerdictApprove, "")
	case key == "r":
		m.asking, m.reason, m.said = learn.VerdictReject, nil, ""
	case key == "c":
		m.asking, m.reason, m.said = learn.VerdictRequestClarification, nil, ""
	}
	return nil
}

// write takes keys into the reason.
func (m *reviewList) write(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		m.asking = ""
	case "enter", "ctrl+j":
		if strings.TrimSpace(string(m.reason)) == "" {
			m.said = "Say it in a few words: Lathe learns from it."
			return nil
		}
		v := m.asking
		m.asking = ""
		return m.decide(v, strings.TrimSpace(string(m.reason)))
	default:
		m.reason = typed(m.reason, k)
	}
	return nil
}

// find takes keys into the words that the list is narrowed by, at once.
func (m *reviewList) find(k tea.KeyPressMsg) {
	switch k.String() {
	case "esc":
		m.finding, m.words = false, nil
	case "enter", "ctrl+j":
		m.finding = false
	default:
		m.words = typed(m.words, k)
	}
	m.refilter()
}

func (m *reviewList) paste(text string) {
	switch {
	case m.asking != "":
		m.reason = append(m.reason, []rune(text)...)
	case m.finding:
		m.words = append(m.words, []rune(text)...)
		m.refilter()
	}
}

// typed is a line of text after a key.
func typed(line []rune, k tea.KeyPressMsg) []rune {
	switch k.String() {
	case "backspace":
		return line[:max(0, len(line)-1)]
	case "ctrl+u":
		return nil
	}
	return append(line, []rune(k.Text)...)
}

func (m *reviewList) decide(v learn.Verdict, reason string) tea.Cmd {
	it := m.items[m.at]
	m.busy, m.sure, m.said = true, false, "Signing …"
	return func() tea.Msg {
		out, err := m.a.decide(m.ctx, m.key, it, v, reason)
		return decided{out, err}
	}
}
