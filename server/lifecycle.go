package server

import (
	"errors"
	"fmt"
	"strings"

	"lathe/index/graph"
	"lathe/learn"
	"lathe/learn/trial"
	"lathe/mcp"
	"lathe/server/review"
	"lathe/toolforge"
	"lathe/toolforge/image"
)

// nameFree says why a generated tool may not have a name: a tool that agents
// have already would be meant by it too.
func (f *forge) nameFree(name string) error {
	switch {
	case mcp.Reserved(name):
		return fmt.Errorf("the name %s is one of Lathe's own tools: choose another", name)
	case strings.Contains(name, "__"):
		return fmt.Errorf("the name %.128q looks like a tool of a server behind the gateway (SERVER__TOOL): choose one without two underscores in a row", name)
	}
	if newest, _ := f.newest(name); newest != "" {
		return nil // it is a generated tool's, whose next version this is
	}
	n, known := f.d.graph.Node(graph.ID(graph.Tool, "", name), "")
	if known && n.Properties.Get("generated") != "true" {
		return fmt.Errorf("agents here have a tool %s already, which was called in recorded sessions: choose another name", name)
	}
	return nil
}

// numbered gives a tool that is there already the version that follows from
// what changed in its interface. A higher one that its maker wrote stays.
func (f *forge) numbered(tool learn.ProposedTool) (learn.ProposedTool, error) {
	name := tool.Manifest.Name
	if err := f.nameFree(name); err != nil {
		return tool, err
	}
	before := f.previous(name)
	newest, _ := f.newest(name)
	if newest == "" {
		return tool, nil
	}
	if before != nil && before.ContentHash == tool.ContentHash {
		return tool, nil // the same again
	}
	change := toolforge.Same
	if before != nil {
		change, _ = toolforge.Interface(before.Manifest, tool.Manifest)
	}
	next, err := toolforge.NextVersion(newest, change)
	if err != nil {
		return tool, err
	}
	if toolforge.CompareVersions(tool.Manifest.Version, next) >= 0 {
		return tool, nil
	}
	tool.Manifest.Version = next
	return toolforge.Seal(tool)
}

// mayDeploy refuses a version that exists already with another content, and a
// name that was taken while the tool was in review.
func (f *forge) mayDeploy(it review.Item) error {
	m := it.Tool.Tool.Manifest
	if err := f.nameFree(m.Name); err != nil {
		return err
	}
	f.mu.Lock()
	v, err := f.find(m.Name, m.Version)
	f.mu.Unlock()
	if err == nil && v.reviewID != it.ID {
		return fmt.Errorf("version %s was deployed with another content meanwhile, and a version never changes: propose it again, it gets the next one", m.Version)
	}
	known, err := f.images.ResolveTag(m.Name, m.Version)
	switch {
	case errors.Is(err, image.ErrNotFound):
		return nil
	case err != nil:
		return err
	case it.Tool.Origin != nil && known != it.Tool.Origin.Digest:
		return fmt.Errorf("version %s is known here as the image %s, and this is %s: a version never changes", m.Version, known, it.Tool.Origin.Digest)
	}
	return nil
}

// firstShare is the share of calls that a new version begins with, and why: a
// small one beside a version that it can stand in for, else all.
func (f *forge) firstShare(m learn.ToolManifest) (float64, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	current, err := f.find(m.Name, "")
	if err != nil {
		return 1, ""
	}
	change, words := toolforge.Interface(current.manifest, m)
	if change == toolforge.Breaking {
		return 1, "takes all calls at once, since version " + current.manifest.Version + " was called otherwise: " + strings.Join(words[:min(len(words), 3)], "; ")
	}
	return trial.Shares()[0], fmt.Sprintf("tried beside version %s", current.manifest.Version)
}
