package lsp

import (
	"fmt"
	"slices"
	"time"
)

// notifyEvery is the least time between two messages about new proposals.
const notifyEvery = 10 * time.Minute

// mutes is what a connection knows about telling of new proposals.
type mutes struct {
	off     bool            // until the editor is restarted or says otherwise
	told    time.Time       // the last message
	seen    map[string]bool // proposals that are no news; nil before the first snapshot
	pending map[string]bool // not told yet
}

// notice finds the proposals that are new and reports what is to be said of
// them, if something is. Those that came with the first snapshot are no news.
func (m *mutes) notice(snap *snapshot, now time.Time) string {
	first := m.seen == nil
	if first {
		m.seen, m.pending = map[string]bool{}, map[string]bool{}
	}
	for id := range m.pending {
		if snap.byID[id] == nil {
			delete(m.pending, id) // decided meanwhile
		}
	}
	seen := make(map[string]bool, len(snap.byID))
	for id := range snap.byID {
		if !first && !m.seen[id] {
			m.pending[id] = true
		}
		seen[id] = true
	}
	m.seen = seen
	if len(m.pending) == 0 || m.off || !m.told.IsZero() && now.Sub(m.told) < notifyEvery {
		return ""
	}
	var titles []string
	for id := range m.pending {
		titles = append(titles, oneLine(snap.byID[id].Title, 80))
	}
	slices.Sort(titles)
	clear(m.pending)
	m.told = now
	if len(titles) == 1 {
		return fmt.Sprintf("a new proposal waits for you: %s.", titles[0])
	}
	return fmt.Sprintf("%d new proposals wait for you, such as %s.", len(titles), titles[0])
}
