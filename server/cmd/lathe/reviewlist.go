package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

// reviewList is `lathe review` without arguments: the queue, to go through with
// keys. It shows a list, or one proposal with everything about it; what is
// decided is signed with a key that the person's passphrase opened before.
type reviewList struct {
	a   *app
	ctx context.Context // the command's; bubbletea's own functions take none
	key *review.Key

	items         []review.Item
	at, top       int
	width, height int
	open          bool     // one proposal is shown
	lines         []string // of it
	line          int      // the first that is shown
	asking        learn.Verdict
	reason        []rune
	sure          bool // approve was pressed once
	all           bool // decided ones too
	busy          bool
	said          string
}

type (
	loaded struct {
		items []review.Item
		err   error
	}
	decided struct {
		out server.Decided
		err error
	}
	again struct{}
)

// reload is how often the list looks whether the queue has changed.
const reload = 5 * time.Second

// interactiveReview runs the list. The passphrase is asked for once, before: it
// is typed on the terminal, where it shows nothing.
func (a *app) interactiveReview(ctx context.Context) error {
	if !isTerminal(a.out) || !isTerminal(a.in) {
		return usagef("lathe review without a command is a list for a terminal; see lathe review --help for commands that need none")
	}
	cfg, _, err := a.config()
	if err != nil {
		return err
	}
	items, err := a.reviews(ctx)
	if err != nil {
		return err
	}
	m := &reviewList{a: a, ctx: ctx, items: waiting(items, false), width: 80, height: 24}
	if _, err := review.Public(cfg.DataDir); errors.Is(err, review.ErrNoReviewer) {
		m.said = "Nobody can decide yet: `lathe reviewer init` sets the reviewer's passphrase."
	} else {
		pass, err := passphrase("Reviewer's passphrase, to decide (empty: only look): ")
		if err != nil {
			return err
		}
		if pass != "" {
			if m.key, err = review.Unlock(cfg.DataDir, pass); err != nil {
				return err
			}
		}
	}
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(a.in.(io.Reader)), tea.WithOutput(a.out)).Run()
	return err
}

// waiting are the proposals to decide, or all with those first; who waits
// longest comes first.
func waiting(items []review.Item, all bool) []review.Item {
	var out, rest []review.Item
	for _, it := range items {
		if it.State == learn.StateInReview {
			out = append(out, it)
		} else if all {
			rest = append(rest, it)
		}
	}
	return append(out, rest...)
}

// Init implements tea.Model.
func (m *reviewList) Init() tea.Cmd { return tick() }

func tick() tea.Cmd { return tea.Tick(reload, func(time.Time) tea.Msg { return again{} }) }

func (m *reviewList) load() tea.Msg {
	items, err := m.a.reviews(m.ctx)
	return loaded{items, err}
}

// Update implements tea.Model.
func (m *reviewList) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(20, msg.Width), max(6, msg.Height)
		m.show()
	case again:
		return m, tea.Batch(m.load, tick())
	case loaded:
		m.take(msg)
	case decided:
		m.busy = false
		m.said = m.outcome(msg)
		m.open, m.asking, m.sure = false, "", false
		return m, m.load
	case tea.PasteMsg:
		if m.asking != "" {
			m.reason = append(m.reason, []rune(strings.ReplaceAll(msg.Content, "\n", " "))...)
		}
	case tea.KeyPressMsg:
		if m.asking != "" {
			return m, m.write(msg)
		}
		return m, m.press(msg.String())
	}
	return m, nil
}

// take puts a new state of the queue in place; the one that is looked at stays
// under the cursor.
func (m *reviewList) take(l loaded) {
	if l.err != nil {
		m.said = "The queue could not be read: " + l.err.Error()
		return
	}
	was := review.Item{}
	if m.at < len(m.items) {
		was = m.items[m.at]
	}
	m.items = waiting(l.items, m.all)
	m.at = min(m.at, max(0, len(m.items)-1))
	for i, it := range m.items {
		if it.ID == was.ID {
			m.at = i
			if m.open && it.ContentHash != was.ContentHash {
				m.said, m.sure = "It has changed since you opened it: look again.", false
				m.show()
			}
			return
		}
	}
	if m.open && was.ID != "" { // decided elsewhere
		m.open, m.asking, m.sure = false, "", false
		m.said = clean(was.Title) + " was decided elsewhere."
	}
}

func (m *reviewList) outcome(d decided) string {
	if d.err != nil {
		return "Not decided: " + d.err.Error()
	}
	if d.out.Item.State == learn.StateInReview {
		return "Asked back; the answer comes to the queue."
	}
	line := clean(d.out.Item.Title) + " is " + string(d.out.Item.State) + "."
	if d.out.Deployed != nil {
		line += " It is in every live session."
	}
	if d.out.Written != nil {
		line += " Written to " + clean(d.out.Written.Template) + "."
	}
	return line
}

// press follows one key of the list or of a proposal.
func (m *reviewList) press(key string) tea.Cmd {
	if m.sure && key != "y" && key != "a" {
		m.sure, m.said = false, "Not approved."
		return nil
	}
	switch key {
	case "q", "ctrl+c":
		return tea.Quit
	case "esc", "left", "u", "h":
		if !m.open && key == "esc" {
			return tea.Quit
		}
		m.open, m.said = false, ""
	case "j", "down":
		m.move(1)
	case "k", "up":
		m.move(-1)
	case "pgdown", "space", "ctrl+d":
		m.move(m.page())
	case "pgup", "ctrl+u":
		m.move(-m.page())
	case "enter", "right", "l":
		if len(m.items) > 0 {
			m.open, m.line, m.said = true, 0, ""
			m.show()
		}
	case "n":
		m.step(1)
	case "p":
		m.step(-1)
	case "t":
		m.all = !m.all
		return m.load
	case "a", "r", "c", "y":
		return m.verdict(key)
	}
	return nil
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
		m.said = "It is " + string(m.items[m.at].State) + " already: nothing is left to decide."
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
	case "esc", "ctrl+c":
		m.asking = ""
	case "backspace":
		m.reason = m.reason[:max(0, len(m.reason)-1)]
	case "ctrl+u":
		m.reason = nil
	case "enter":
		if strings.TrimSpace(string(m.reason)) == "" {
			m.said = "Say why in a few words: Lathe learns from it."
			return nil
		}
		v := m.asking
		m.asking = ""
		return m.decide(v, strings.TrimSpace(string(m.reason)))
	default:
		m.reason = append(m.reason, []rune(k.Text)...)
	}
	return nil
}

func (m *reviewList) decide(v learn.Verdict, reason string) tea.Cmd {
	it := m.items[m.at]
	m.busy, m.sure, m.said = true, false, "Signing …"
	return func() tea.Msg {
		out, err := m.a.decide(m.ctx, m.key, it, v, reason)
		return decided{out, err}
	}
}

// move goes through the list, or scrolls the proposal.
func (m *reviewList) move(n int) {
	if m.open {
		m.line = max(0, min(m.line+n, len(m.lines)-m.page()))
		return
	}
	m.at = max(0, min(m.at+n, len(m.items)-1))
}

// step opens the next or the former proposal.
func (m *reviewList) step(n int) {
	if to := m.at + n; m.open && to >= 0 && to < len(m.items) {
		m.at, m.line, m.said = to, 0, ""
		m.show()
	}
}

// page is how many lines are shown between head and foot.
func (m *reviewList) page() int { return max(1, m.height-5) }

// show lays the open proposal out.
func (m *reviewList) show() {
	if !m.open || m.at >= len(m.items) {
		return
	}
	var text strings.Builder
	(&app{out: &text, errs: io.Discard}).printItem(m.items[m.at])
	m.lines = nil
	for l := range strings.SplitSeq(strings.TrimRight(text.String(), "\n"), "\n") {
		m.lines = append(m.lines, wrap(l, m.width-2)...)
	}
	m.line = max(0, min(m.line, len(m.lines)-m.page()))
}
