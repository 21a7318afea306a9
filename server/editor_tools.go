package server

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/refine"
	"lathe/lsp"
	"lathe/server/review"
	"lathe/toolforge"
)

// Bounds of the look for tools' folders in a workspace.
const (
	maxToolDepth   = 4
	maxToolEntries = 20_000
	maxToolFolders = 200
	maxManifest    = 1 << 20
	toolFolderAge  = 10 * time.Second
	manifestName   = "tool.json"
)

// toolFolders finds the folders of a workspace that hold a tool (tool.json
// beside tool.py), and remembers them for a while.
type toolFolders struct {
	mu    sync.Mutex
	found map[string]foundFolders // by root
}

type foundFolders struct {
	byName map[string][]string // tool -> paths of tool.py, relative
	at     time.Time
}

// of is where a workspace keeps the sources of tools, by their names.
func (t *toolFolders) of(root string, now time.Time) map[string][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f, ok := t.found[root]; ok && now.Sub(f.at) < toolFolderAge {
		return f.byName
	}
	if len(t.found) > 100 {
		clear(t.found)
	}
	byName := findToolFolders(root)
	t.found[root] = foundFolders{byName, now}
	return byName
}

func findToolFolders(root string) map[string][]string {
	out := map[string][]string{}
	r, err := os.OpenRoot(root) // no link leads out of it
	if err != nil {
		return out
	}
	defer r.Close()
	seen, folders := 0, 0
	_ = fs.WalkDir(r.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > maxToolEntries || folders >= maxToolFolders {
			if err != nil && e != nil && e.IsDir() {
				return fs.SkipDir
			}
			return fs.SkipAll
		}
		if e.IsDir() {
			base := e.Name()
			if name != "." && (base == "node_modules" || base == "vendor" || strings.HasPrefix(base, ".") && base != ".lathe" && base != ".ocode" ||
				strings.Count(name, "/") >= maxToolDepth) {
				return fs.SkipDir
			}
			return nil
		}
		if e.Name() != manifestName || !e.Type().IsRegular() {
			return nil
		}
		if info, err := e.Info(); err != nil || info.Size() > maxManifest {
			return nil
		}
		raw, err := fs.ReadFile(r.FS(), name)
		var m struct {
			Name     string `json:"name"`
			Language string `json:"language"`
		}
		if err == nil && json.Unmarshal(raw, &m) == nil && m.Name != "" {
			folders++
			out[m.Name] = append(out[m.Name], path.Join(path.Dir(name), toolforge.SourceName(m.Language)))
		}
		return nil
	})
	return out
}

// toolProposals are the tools that wait for a decision and concern a workspace:
// shown at their source and manifest, when these lie there, and at the steps of plans that do
// by a command what the tool does.
func (p proposals) toolProposals(ctx context.Context, root, project string) []lsp.Proposal {
	var out []lsp.Proposal
	var steps []planStep
	for _, it := range p.d.queue.List(learn.StateInReview) {
		if it.Kind != review.KindTool || it.Tool == nil || it.Project != "" && it.Project != project || ctx.Err() != nil {
			continue
		}
		m := it.Tool.Tool.Manifest
		base := lsp.Proposal{ID: it.ID, ContentHash: it.ContentHash, Kind: string(it.Kind), Title: "tool " + it.Title, Summary: it.Summary,
			Detail: lsp.Escape(learn.Shown(it.Tool.PermissionsWords, 300)), State: it.State, Risk: it.Risk,
			EvidenceURL: p.d.pageURL("/review/" + url.PathEscape(it.ID)), Generated: m.Provenance.Method == learn.MethodLLM}
		for _, file := range p.folders.of(root, p.d.now())[m.Name] {
			at := base
			at.Path, at.Match = filepath.FromSlash(file), "def "+m.Name
			out = append(out, at)
			// The manifest has what it may do; and there are editors whose one
			// server in a source's buffer is the language's.
			at.Path, at.Match = filepath.FromSlash(path.Join(path.Dir(file), manifestName)), `"`+m.Name+`"`
			out = append(out, at)
		}
		if steps == nil {
			steps = planSteps(root)
		}
		forms := toolForms(it.Tool.Tool)
		for _, s := range steps {
			if forms[s.skeleton] {
				at := base
				at.Path, at.Step = s.template, s.id
				out = append(out, at)
			}
		}
	}
	return out
}

// planStep is a step of a plan template that runs a command.
type planStep struct{ template, id, skeleton string }

func planSteps(root string) []planStep {
	out := []planStep{}
	names, err := templates(root)
	if err != nil {
		return out
	}
	for _, name := range names {
		text, err := readTemplate(root, name)
		if err != nil {
			continue
		}
		f, err := refine.Parse(path.Base(name), text)
		if err != nil {
			continue
		}
		for _, t := range f.Plan.Tasks {
			ev := learn.ActionOutcome{ToolName: t.ToolName, ToolParameters: t.Arguments, ActionType: learn.ToolCall}
			if act := action.Parse(&ev); act.Command != "" {
				out = append(out, planStep{name, t.ID, act.Skeleton})
			}
		}
	}
	return out
}

// toolForms are the forms of the commands that a tool was made of.
func toolForms(t learn.ProposedTool) map[string]bool {
	out := map[string]bool{}
	for _, e := range t.Spec.Examples {
		if e.Command == "" {
			continue
		}
		raw, err := json.Marshal(map[string]string{"command": e.Command})
		if err != nil {
			continue
		}
		out[action.Parse(&learn.ActionOutcome{ToolName: "bash", ToolParameters: raw, ActionType: learn.ToolCall}).Skeleton] = true
	}
	return out
}
