package lsp

import (
	"go.lsp.dev/protocol"
)

// methodDiagnostics is a notification of Lathe's own: an editor's few lines of
// configuration send what other servers publish, in the form of
// textDocument/publishDiagnostics. What comes with requests for code actions
// is about a range only, and tells nothing of the file.
const methodDiagnostics = "lathe/diagnostics"

// maxSighted bounds the files and servers of which the last state is kept.
const maxSighted = 2000

// seenDiagnostics takes the diagnostics that a file has now.
func (c *connection) seenDiagnostics(p *protocol.PublishDiagnosticsParams) error {
	path, err := pathOf(string(p.URI))
	if err != nil {
		return err
	}
	// A server that reports nothing any more is one that saw its problems go.
	found := map[string]Sighting{}
	c.mu.Lock()
	for _, s := range c.sighted {
		if s.Path == path {
			found[s.Source] = Sighting{}
		}
	}
	c.mu.Unlock()
	c.tally(found, p.Diagnostics)
	if len(found) == 0 {
		found[""] = Sighting{}
	}
	c.see(path, found)
	return nil
}

func (c *connection) tally(found map[string]Sighting, diagnostics []protocol.Diagnostic) {
	for i := range diagnostics {
		from, _ := diagnostics[i].Source.Get()
		if from == source {
			continue
		}
		from = cut(from, 60)
		s := found[from]
		switch diagnostics[i].Severity {
		case protocol.DiagnosticSeverityError, 0:
			s.Errors++
		case protocol.DiagnosticSeverityWarning:
			s.Warnings++
		}
		found[from] = s
	}
}

// see hands over the states that changed.
func (c *connection) see(path string, found map[string]Sighting) {
	if c.server.o.Recorder == nil {
		return
	}
	var told []Sighting
	c.mu.Lock()
	root := c.rootOf(path)
	var version int32
	if d := c.docs.byPath[path]; d != nil {
		version = d.version
	}
	for from, s := range found {
		s.Path, s.Source, s.Version, s.Time = path, from, version, c.server.o.Now().UTC()
		if len(c.sighted) < maxSighted {
			c.sighted[path+"\x00"+from] = s
		}
		told = append(told, s)
	}
	c.mu.Unlock()
	for _, s := range told {
		c.server.o.Recorder.Seen(c.ctx, root, s)
	}
}
