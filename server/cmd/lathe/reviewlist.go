package main

import (
	"context"
	"errors"
	"io"
	"slices"
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

	loaded        []review.Item // the whole queue
	items         []review.Item // those that are listed
	at, top       int
	width, height int
	open          bool     // one proposal is shown
	evidence      string   // in place of it: the recorded calls that it rests on
	lines         []string // of either
	line          int      // the first that is shown
	asking        learn.Verdict
	reason        []rune
	finding       bool // words are typed to find proposals by
	words         []rune
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
	evidenced struct {
		id, text string
		err      error
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
	quiet := *a
	quiet.errs = io.Discard // the screen is the list's
	m := &reviewList{a: &quiet, ctx: ctx, width: 80, height: 24}
	m.take(loaded{items: items})
	if _, err := review.Public(cfg.DataDir); errors.Is(err, review.ErrNoReviewer) {
		m.said = "Nobody can decide yet: `lathe reviewer init` sets the reviewer's passphrase."
	} else {
		pass, err := passphrase(ctx, "Reviewer's passphrase, to decide (empty: only look): ")
		if err != nil {
			return err
		}
		if pass != "" {
			if m.key, err = review.Unlock(cfg.DataDir, pass); err != nil {
				return err
			}
		}
	}
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithInput(a.in.(io.Reader)), tea.WithOutput(a.out)).Run()
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

// refilter lists what fits the words that were typed, and keeps the cursor.
func (m *reviewList) refilter() {
	id := ""
	if m.at < len(m.items) {
		id = m.items[m.at].ID
	}
	m.items = found(waiting(m.loaded, m.all), string(m.words))
	m.at = max(0, slices.IndexFunc(m.items, func(it review.Item) bool { return it.ID == id }))
}

// found are the items that have all the words, wherever in what the list or the
// head of a proposal shows of them.
func found(items []review.Item, words string) []review.Item {
	return slices.DeleteFunc(items, func(it review.Item) bool {
		text := strings.ToLower(strings.Join([]string{it.ID, string(it.Kind), it.Title, it.Summary, it.Project, shortState(it.State), it.Risk}, "\n"))
		return slices.ContainsFunc(strings.Fields(strings.ToLower(words)), func(w string) bool { return !strings.Contains(text, w) })
	})
}

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
		m.close()
		return m, m.load
	case evidenced:
		m.showEvidence(msg)
	case tea.PasteMsg:
		m.paste(strings.ReplaceAll(msg.Content, "\n", " "))
	case tea.KeyPressMsg:
		switch {
		case msg.String() == "ctrl+c":
			return m, tea.Quit
		case m.asking != "":
			return m, m.write(msg)
		case m.finding:
			m.find(msg)
			return m, nil
		}
		return m, m.press(msg.String())
	}
	return m, nil
}

// close leads back to the list.
func (m *reviewList) close() {
	m.open, m.evidence, m.asking, m.sure = false, "", "", false
	m.refilter()
}

// take puts a new state of the queue in place; the one that is looked at stays
// under the cursor.
func (m *reviewList) take(l loaded) {
	if l.err != nil {
		m.said = "The queue could not be read: " + l.err.Error()
		return
	}
	m.loaded = l.items
	if !m.open {
		m.refilter()
		return
	}
	// While one is open it stays, whatever the words and the states of others.
	was := m.items[m.at]
	at := slices.IndexFunc(l.items, func(it review.Item) bool { return it.ID == was.ID })
	switch {
	case at < 0 || l.items[at].State != was.State && !m.busy:
		m.close()
		m.said = middle(clean(was.Title), 60) + " was decided elsewhere."
	case l.items[at].ContentHash != was.ContentHash:
		m.evidence, m.sure = "", false
		m.said = "It has changed since you opened it: look again."
		fallthrough
	default: // it may have an answer
		m.items[m.at] = l.items[at]
		m.show()
	}
}

func (m *reviewList) outcome(d decided) string {
	if d.err != nil {
		return "Not decided: " + d.err.Error()
	}
	if d.out.Item.State == learn.StateInReview {
		return "Asked back; the answer comes to the queue."
	}
	line := middle(clean(d.out.Item.Title), 60) + " is " + string(d.out.Item.State) + "."
	if d.out.Deployed != nil {
		line += " It is in every live session."
	}
	if d.out.Written != nil {
		line += " Written to " + clean(d.out.Written.Template) + "."
	}
	return line
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
		m.at, m.line, m.said, m.evidence = to, 0, "", ""
		m.show()
	}
}

// page is how many lines are shown between head and foot.
func (m *reviewList) page() int { return max(1, m.height-1-2*m.blank()-len(m.foot())) }

// show lays the open proposal out.
func (m *reviewList) show() {
	if !m.open || m.at >= len(m.items) {
		return
	}
	var text strings.Builder
	(&app{out: &text, errs: io.Discard}).printItem(m.items[m.at])
	if m.evidence != "" {
		text.Reset()
		text.WriteString(m.evidence)
	}
	m.lines = nil
	for l := range strings.SplitSeq(strings.TrimRight(text.String(), "\n"), "\n") {
		m.lines = append(m.lines, wrap(l, m.width)...)
	}
	m.line = max(0, min(m.line, len(m.lines)-m.page()))
}
