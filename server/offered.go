package server

import (
	"context"
	"slices"
	"strings"
	"sync"

	"lathe/learn/monitor"
	"lathe/mcp"
)

// bytesPerToken is the usual rule of thumb; how a model cuts text is its own.
const bytesPerToken = 4

// ToolList is what the list of tools costs in each session's context, and what
// of it is used. Tokens are estimated.
type ToolList struct {
	Tools  int `json:"tools"`
	Bytes  int `json:"bytes"`
	Tokens int `json:"tokens"`
	// OutputSchemas is the part of Bytes that says what tools answer, which
	// many clients keep from the model.
	OutputSchemas int `json:"output_schema_bytes"`
	// Unused are those on offer that were never called.
	Unused []string     `json:"unused"`
	ByTool []ListedTool `json:"by_tool"`
}

// ListedTool is a tool on offer.
type ListedTool struct {
	Name string `json:"name"`
	// Kind is own, generated, or gateway: behind one.
	Kind   string `json:"kind"`
	Server string `json:"server,omitempty"` // of a tool behind a gateway
	Bytes  int    `json:"bytes"`
	Tokens int    `json:"tokens"`
	// Calls were recorded, those of Lathe's own tools since the daemon started;
	// so were the failures among them.
	Calls    int64  `json:"calls"`
	Failures int64  `json:"failures"`
	LastUsed string `json:"last_used,omitempty"` // a day
}

// OfferCall tells the daemon which tools a gateway offers to its agent.
type OfferCall struct {
	Project string      `json:"project"`
	Tools   []OfferTool `json:"tools"`
}

// OfferTool is one tool behind a gateway.
type OfferTool struct {
	Name     string `json:"name"` // as the agent sees it
	Server   string `json:"server"`
	Recorded string `json:"recorded"` // the name that its calls are recorded under
	Bytes    int    `json:"bytes"`    // of its entry in the list
}

const (
	maxOffers     = 256  // projects whose gateways' offers are kept
	maxOfferTools = 5000 // tools of one offer
)

// offers are what gateways said last, by project.
type offers struct {
	mu  sync.Mutex
	all map[string][]OfferTool
}

func newOffers() *offers { return &offers{all: map[string][]OfferTool{}} }

func (o *offers) put(c OfferCall) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.all[c.Project]; !known && len(o.all) >= maxOffers {
		return // until the daemon starts anew: this is for people to look at
	}
	o.all[c.Project] = slices.Clone(c.Tools[:min(len(c.Tools), maxOfferTools)])
}

func (o *offers) of(project string) []OfferTool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if project != "" {
		return o.all[project]
	}
	var out []OfferTool
	for _, tools := range o.all {
		out = append(out, tools...)
	}
	return out
}

// toolList joins what is on offer with what was called.
func (d *Daemon) toolList(f monitor.Filter, groups []monitor.Group) ToolList {
	own, behind := d.mcp.Offered(f.ProjectID), d.offers.of(f.ProjectID)
	var names []string
	for _, t := range own {
		names = append(names, t.Name)
	}
	for _, t := range behind {
		names = append(names, t.Recorded)
	}
	byName := callsByTool(names, groups)
	list := ToolList{Unused: []string{}, ByTool: []ListedTool{}}
	for _, t := range own {
		one := ListedTool{Name: t.Name, Kind: t.Kind, Bytes: t.Bytes, Calls: t.Calls, Failures: t.Failures}
		list.OutputSchemas += t.OutputSchema
		if t.Kind == "generated" { // its calls are recorded
			g := byName[t.Name]
			one.Calls, one.Failures, one.LastUsed = g.Calls, g.Failures+g.Timeouts, g.LastUsed
		}
		list.add(one)
	}
	for _, t := range behind {
		g := byName[t.Recorded]
		list.add(ListedTool{Name: t.Name, Kind: "gateway", Server: t.Server, Bytes: t.Bytes,
			Calls: g.Calls, Failures: g.Failures + g.Timeouts, LastUsed: g.LastUsed})
	}
	list.Tokens = list.Bytes / bytesPerToken
	slices.Sort(list.Unused)
	list.Unused = slices.Compact(list.Unused)
	slices.SortStableFunc(list.ByTool, func(a, b ListedTool) int {
		if a.Bytes != b.Bytes {
			return b.Bytes - a.Bytes
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// callsByTool finds the calls of tools by their names. An agent's hooks and
// recordings have the name of the server before that of the tool, each agent in
// its own way: those count for the longest name that they end in.
func callsByTool(names []string, groups []monitor.Group) map[string]monitor.Group {
	plain := map[string]string{}
	for _, name := range names {
		plain[plainName(name)] = name
	}
	found := map[string]monitor.Group{}
	for _, g := range groups {
		name, whole := g.Name, plainName(g.Name)
		for at := 0; !slices.Contains(names, name); {
			if known, ok := plain[whole[at:]]; ok {
				name = known
				break
			}
			next := strings.IndexByte(whole[at:], '_')
			if next < 0 {
				break
			}
			at += next + 1
		}
		sum := found[name]
		sum.Calls, sum.Failures, sum.Timeouts = sum.Calls+g.Calls, sum.Failures+g.Failures, sum.Timeouts+g.Timeouts
		if sum.LastUsed == "" || sum.LastUsed == "older" && g.LastUsed != "" || g.LastUsed != "older" && g.LastUsed > sum.LastUsed {
			sum.LastUsed = g.LastUsed
		}
		found[name] = sum
	}
	return found
}

func (l *ToolList) add(t ListedTool) {
	t.Tokens = t.Bytes / bytesPerToken
	l.Tools++
	l.Bytes += t.Bytes
	if t.Calls == 0 {
		l.Unused = append(l.Unused, t.Name)
	}
	l.ByTool = append(l.ByTool, t)
}

// offer takes what a gateway offers.
func (d *Daemon) offer(_ context.Context, c OfferCall) (nothing, error) {
	d.offers.put(c)
	return nothing{}, nil
}

var _ mcp.Completer = backend{}
