package lsp

import (
	"cmp"
	"encoding/json"
	"slices"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// maxFolderChanges bounds how many changes of the workspace's folders are told
// again.
const maxFolderChanges = 500

// editorMemory is what a new daemon has to be told of an editor.
type editorMemory struct {
	initialize *wire
	begun      bool // initialized was sent
	folders    []wire
	settings   *wire
	docs       documents
	languages  map[string]string // by path
	enc        encoding
}

func newEditorMemory() *editorMemory {
	return &editorMemory{docs: documents{byPath: map[string]*document{}}, languages: map[string]string{}, enc: protocol.PositionEncodingKindUTF16}
}

// ready takes the daemon's answer to initialize: which units positions have.
func (m *editorMemory) ready(result json.RawMessage) {
	var r struct {
		Capabilities struct {
			PositionEncoding string `json:"positionEncoding"`
		} `json:"capabilities"`
	}
	if json.Unmarshal(result, &r) == nil && r.Capabilities.PositionEncoding != "" {
		m.enc = negotiate([]encoding{encoding(r.Capabilities.PositionEncoding)})
	}
}

// see takes a message of the editor.
func (m *editorMemory) see(w wire) {
	switch w.Method {
	case protocol.MethodInitialize:
		if m.initialize == nil {
			m.initialize = &w
		}
	case protocol.MethodInitialized:
		m.begun = true
	case protocol.MethodWorkspaceDidChangeConfiguration:
		m.settings = &w
	case protocol.MethodWorkspaceDidChangeWorkspaceFolders:
		if len(m.folders) < maxFolderChanges {
			m.folders = append(m.folders, w)
		}
	case protocol.MethodTextDocumentDidOpen:
		p, err := readOpen(w.Params)
		if err != nil {
			return
		}
		if d, err := m.docs.open(string(p.TextDocument.URI), p.TextDocument.Text, p.TextDocument.Version); err == nil {
			m.languages[d.paths[0]] = string(p.TextDocument.LanguageID)
		}
	case protocol.MethodTextDocumentDidChange:
		var p protocol.DidChangeTextDocumentParams
		if protocol.Unmarshal(mend(w.Params), &p) != nil {
			m.docs.loseAll()
			return
		}
		if d := m.docs.get(string(p.TextDocument.URI)); d != nil {
			m.docs.apply(d, &p, m.enc)
		}
	case protocol.MethodTextDocumentDidClose:
		var p protocol.DidCloseTextDocumentParams
		if protocol.Unmarshal(mend(w.Params), &p) != nil {
			return
		}
		if d := m.docs.close(string(p.TextDocument.URI)); d != nil {
			delete(m.languages, d.paths[0])
		}
	}
}

// recall is what a new daemon is told behind initialize. A document whose
// content is not known (it is too large, or an edit was lost) is left out until
// the editor opens it again.
func (m *editorMemory) recall() []wire {
	var out []wire
	if m.begun {
		out = append(out, wire{Method: protocol.MethodInitialized, Params: json.RawMessage("{}")})
	}
	out = append(out, m.folders...)
	if m.settings != nil {
		out = append(out, *m.settings)
	}
	var open []*document
	for _, d := range m.docs.byPath {
		open = append(open, d)
	}
	slices.SortFunc(open, func(a, b *document) int { return cmp.Compare(a.paths[0], b.paths[0]) })
	for _, d := range open {
		if d.lines == nil {
			continue
		}
		raw, err := protocol.Marshal(&protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{
			URI: uri.URI(d.uri), LanguageID: protocol.LanguageKind(m.languages[d.paths[0]]), Version: d.version, Text: d.text()}})
		if err == nil {
			out = append(out, wire{Method: protocol.MethodTextDocumentDidOpen, Params: raw})
		}
	}
	return out
}
