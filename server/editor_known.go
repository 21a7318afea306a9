package server

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
	"lathe/learn/refine"
	"lathe/lsp"
)

// When code is said to keep failing: often, in several sessions, and lately as
// the project's own calls count time.
const (
	failingTimes    = 3
	failingSessions = 2
	failingAge      = 30 * 24 * time.Hour
)

const (
	maxKnown       = 20_000 // facts of a workspace
	maxTold        = 200    // of them with what fixed it before
	maxToldKept    = 2000
	toldAge        = time.Minute
	maxKnownCauses = 3
)

// experience is what was learned, as editors see it.
type experience struct {
	d *Daemon

	mu       sync.Mutex
	projects map[string]string  // root -> project: the configuration is not read on an editor's path
	told     map[string]toldFix // event id -> what fixed it
}

type toldFix struct {
	text string
	at   time.Time
}

func newExperience(d *Daemon) *experience {
	return &experience{d: d, projects: map[string]string{}, told: map[string]toldFix{}}
}

var _ lsp.Experience = (*experience)(nil)

func (x *experience) Watch() <-chan struct{} { return x.d.indexed.watch() }

// project names a workspace's project. Read anew: the configuration may have
// changed.
func (x *experience) project(root string, anew bool) string {
	x.mu.Lock()
	name, ok := x.projects[root]
	x.mu.Unlock()
	if ok && !anew {
		return name
	}
	name = WorkspaceProject(root)
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.projects) > 1000 {
		clear(x.projects)
	}
	x.projects[root] = name
	return name
}

// Known implements lsp.Experience.
func (x *experience) Known(ctx context.Context, root string) []lsp.Fact {
	project := x.project(root, true)
	out := x.planFacts(ctx, root, project)
	return append(out, x.codeFacts(ctx, root, project)...)
}

// planFacts are the rates of the steps of a workspace's plan templates.
func (x *experience) planFacts(ctx context.Context, root, project string) []lsp.Fact {
	names, err := templates(root)
	if err != nil {
		return nil // the proposals' look says so
	}
	var out []lsp.Fact
	for _, name := range names {
		text, err := readTemplate(root, name)
		if err != nil {
			continue
		}
		f, err := refine.Parse(path.Base(name), text)
		if err != nil {
			continue
		}
		for _, step := range f.Plan.Tasks {
			facts, ok := x.d.learners.plans.Facts(planCall(planPlace{project: project, workspace: root, template: name}, step))
			if ok && facts.Runs > 0 && ctx.Err() == nil {
				out = append(out, x.stepFact(ctx, project, name, step.ID, facts))
			}
		}
	}
	return out
}

func (x *experience) stepFact(ctx context.Context, project, template, step string, facts refine.StepFacts) lsp.Fact {
	f := lsp.Fact{Path: template, Step: step, Runs: facts.Runs, Failures: facts.Failures, Sessions: facts.Sessions}
	if s := facts.Success(); facts.Failures > 0 {
		f.Summary = fmt.Sprintf("Its calls succeed in %.0f to %.0f %% (95 %% interval).", 100*s.Low, 100*s.High)
	}
	var lines []string
	for i, bad := range facts.Failed {
		if i == maxKnownCauses {
			break
		}
		rec, err := x.d.log.Record(ctx, bad.EventID)
		if err != nil || rec.Action == nil || rec.Action.ProjectID != project {
			continue
		}
		if rec.Action.Timestamp.After(f.Last) {
			f.Last = rec.Action.Timestamp
		}
		if f.EvidenceURL == "" {
			f.EvidenceURL = x.eventURL(bad.EventID)
		}
		lines = append(lines, x.line(ctx, rec.Action, "", bad.Runs))
	}
	f.Detail = strings.Join(lines, "\n")
	return f
}

// line says, as Markdown, how often something failed in one way and what fixed
// it.
func (x *experience) line(ctx context.Context, ev *learn.ActionOutcome, name string, times int) string {
	fixed := x.whatFixed(ctx, ev, &name)
	s := fmt.Sprintf("- %s: %d times", lsp.Escape(learn.Shown(name, 80)), times)
	if times == 1 {
		s = strings.TrimSuffix(s, "s")
	}
	if fixed != "" {
		s += ". Fixed before: " + lsp.Escape(fixed)
	}
	return s
}

// whatFixed is what fixed a failure before, in words; it also names the failure
// when it has no name yet. The answer is remembered for a while: an agent at
// work changes what is known many times a minute.
func (x *experience) whatFixed(ctx context.Context, ev *learn.ActionOutcome, name *string) string {
	now := x.d.now()
	x.mu.Lock()
	t, ok := x.told[ev.ID]
	x.mu.Unlock()
	if ok && now.Sub(t.at) < toldAge && *name != "" {
		return t.text
	}
	r, err := x.d.report(ctx, ev, false)
	if err != nil {
		return ""
	}
	if *name == "" {
		*name = "failure"
		if r.ErrorPattern != nil {
			*name = r.ErrorPattern.Name
		}
	}
	text := ""
	if len(r.Remedies) > 0 && r.Remedies[0].Confidence >= learn.AdviceThreshold {
		o := r.Remedies[0]
		text = fmt.Sprintf("%s (%.0f %%, %d sessions)", learn.Shown(o.Description, 200), 100*o.Confidence, o.Support)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.told) >= maxToldKept {
		clear(x.told)
	}
	x.told[ev.ID] = toldFix{text, now}
	return text
}

func (x *experience) eventURL(id string) string {
	return x.d.pageURL("/event/" + url.PathEscape(id))
}

// codeFacts are the places in a workspace's code that failed.
func (x *experience) codeFacts(ctx context.Context, root, project string) []lsp.Fact {
	files, last := x.d.learners.places.of(project)
	var out []lsp.Fact
	detailed := 0
	for _, f := range files {
		name := inWorkspace(root, f.name)
		if name == "" || len(out) >= maxKnown || ctx.Err() != nil {
			continue
		}
		found := x.bySymbol(ctx, root, project, name, f.places)
		whole := lsp.Fact{Path: name}
		sessions := placeSessions{}
		for _, p := range found {
			fact := lsp.Fact{Path: name, Symbol: p.Symbol, Failures: p.Times, Sessions: p.Sessions.count(), Last: p.Last}
			if p.Symbol == "" {
				fact.Line = p.Line
			}
			fact.Failing = p.Times >= failingTimes && fact.Sessions >= failingSessions && last.Sub(p.Last) <= failingAge
			x.explain(ctx, &fact, p, detailed < maxTold)
			detailed++
			whole.Failures += p.Times
			sessions.merge(p.Sessions)
			if p.Last.After(whole.Last) {
				whole.Last = p.Last
			}
			out = append(out, fact)
		}
		whole.Sessions = sessions.count()
		if len(found) > 1 {
			whole.Summary = fmt.Sprintf("In %d places.", len(found))
		}
		out = append(out, whole)
	}
	return out
}

func (s *placeSessions) merge(o placeSessions) {
	for _, id := range o.Seen {
		if !slices.Contains(s.Seen, id) {
			s.Seen = append(s.Seen, id)
		}
	}
	s.More += o.More
}

// explain adds what went wrong at a place.
func (x *experience) explain(ctx context.Context, f *lsp.Fact, p *failedPlace, deep bool) {
	var lines []string
	for i, c := range p.Causes {
		if i == maxKnownCauses {
			break
		}
		if f.EvidenceURL == "" {
			f.EvidenceURL = x.eventURL(c.EventID)
			f.Summary = learn.Shown(c.Name, 80) + ": " + learn.Shown(c.Text, 160)
		}
		line := fmt.Sprintf("- %s: %d times", lsp.Escape(learn.Shown(c.Name, 80)), c.Times)
		if deep {
			if rec, err := x.d.log.Record(ctx, c.EventID); err == nil && rec.Action != nil {
				line = x.line(ctx, rec.Action, c.Name, c.Times)
			}
		}
		lines = append(lines, line)
	}
	f.Detail = strings.Join(lines, "\n")
}

// bySymbol gives places whose function no frame named the one that the code
// graph knows around their line, as far as the graph is there, and joins those
// that are the same then.
func (x *experience) bySymbol(ctx context.Context, root, project, file string, found []*failedPlace) []*failedPlace {
	out := make([]*failedPlace, 0, len(found))
	for _, p := range found {
		if p.Symbol == "" && p.Line > 0 {
			p.Symbol = x.enclosing(ctx, root, project, file, p.Line)
		}
		i := slices.IndexFunc(out, func(o *failedPlace) bool { return p.Symbol != "" && o.Symbol == p.Symbol })
		if i < 0 {
			out = append(out, p)
			continue
		}
		o := out[i]
		o.Times += p.Times
		o.Sessions.merge(p.Sessions)
		if p.Last.After(o.Last) {
			o.Last = p.Last
		}
		o.Causes = append(o.Causes, p.Causes...)
		slices.SortStableFunc(o.Causes, func(a, b *failedCause) int { return b.Times - a.Times })
	}
	return out
}

// enclosing is the function around a line; "" when it is not known now.
func (x *experience) enclosing(ctx context.Context, root, project, file string, line int) string {
	c := x.d.code.CodeContext(ctx, project, root, learn.CodeQuery{Places: []learn.CodePlace{{File: file, Line: line}}})
	for _, t := range c.Touched {
		if t.File == file && (t.Kind == learn.CodeFunction || t.Kind == learn.CodeMethod) && t.Line <= line && line <= t.EndLine {
			return t.Qualified
		}
	}
	return ""
}

// inWorkspace is a file's path in a workspace, or "" when it is not there. A
// path of another machine, or one that is relative to nothing known, counts when
// the workspace has such a file.
func inWorkspace(root, name string) string {
	if rel, err := filepath.Rel(root, filepath.FromSlash(name)); err == nil && path.IsAbs(name) && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	if path.IsAbs(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return ""
	}
	if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return name
}

// namedFile is a file with its places, which are the caller's own.
type namedFile struct {
	name   string
	places []*failedPlace
}

// of lists a project's files, those that failed last first, and when its last
// call was.
func (p *places) of(project string) ([]namedFile, time.Time) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	of := p.projects[project]
	if of == nil {
		return nil, time.Time{}
	}
	var out []namedFile
	for name, f := range of.Files {
		n := namedFile{name: name}
		for _, x := range f.Places {
			c := *x
			c.Sessions.Seen = slices.Clone(x.Sessions.Seen)
			c.Causes = nil
			for _, cause := range x.Causes {
				copied := *cause
				c.Causes = append(c.Causes, &copied)
			}
			n.places = append(n.places, &c)
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b namedFile) int {
		if d := of.Files[b.name].Last.Compare(of.Files[a.name].Last); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return out, of.Last
}
