package lsp

import (
	"errors"
	"slices"
	"strings"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// abilities are what the editor said it can do, as far as we ask.
type abilities struct {
	encoding                  encoding
	push                      bool // show published diagnostics
	pushVersion               bool
	pull                      bool // ask for diagnostics, and again when told to
	codeDescription           bool
	actionLiterals            bool // code actions, not only commands
	llmTag                    bool
	markdownHover             bool
	showDocument              bool
	documentChanges           bool // versioned edits
	lensRefresh               bool
	progress                  bool // work that the server begins
	configuration             bool // settings are asked for
	configurationRegistration bool
	snippets                  bool // in completions
}

func read(caps *protocol.ClientCapabilities) abilities {
	a := abilities{encoding: protocol.PositionEncodingKindUTF16}
	if g := caps.General; g != nil {
		a.encoding = negotiate(g.PositionEncodings)
	}
	if w := caps.Window; w != nil {
		a.showDocument = w.ShowDocument != nil && w.ShowDocument.Support
		a.progress = yes(w.WorkDoneProgress)
	}
	if w := caps.Workspace; w != nil {
		a.configuration = yes(w.Configuration)
		a.documentChanges = w.WorkspaceEdit != nil && yes(w.WorkspaceEdit.DocumentChanges)
		a.lensRefresh = w.CodeLens != nil && yes(w.CodeLens.RefreshSupport)
		a.configurationRegistration = w.DidChangeConfiguration != nil && yes(w.DidChangeConfiguration.DynamicRegistration)
	}
	t := caps.TextDocument
	if t == nil {
		return a
	}
	if p := t.PublishDiagnostics; p != nil {
		a.push, a.pushVersion, a.codeDescription = true, yes(p.VersionSupport), yes(p.CodeDescriptionSupport)
	}
	// Pulling is of use only when we can say that there is something new.
	if w := caps.Workspace; t.Diagnostic != nil && w != nil && w.Diagnostics != nil && yes(w.Diagnostics.RefreshSupport) {
		a.pull, a.push = true, false
		a.codeDescription = yes(t.Diagnostic.CodeDescriptionSupport)
	}
	if ca := t.CodeAction; ca != nil {
		a.actionLiterals = ca.CodeActionLiteralSupport.CodeActionKind.ValueSet != nil
		a.llmTag = slices.Contains(ca.TagSupport.ValueSet, protocol.CodeActionTagLLMGenerated)
	}
	if h := t.Hover; h != nil {
		a.markdownHover = slices.Contains(h.ContentFormat, protocol.MarkupKindMarkdown)
	}
	if i := t.Completion; i != nil && i.CompletionItem != nil {
		a.snippets = yes(i.CompletionItem.SnippetSupport)
	}
	return a
}

func yes(b *bool) bool { return b != nil && *b }

func (c *connection) initialize(p *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	can := read(&p.Capabilities)
	var roots []root
	for _, u := range rootURIs(p) {
		if path, err := pathOf(u); err == nil && len(roots) < maxRoots {
			roots = append(roots, newRoot(workspaceOf(path)))
		}
	}
	c.mu.Lock()
	c.phase, c.can = phaseReady, can
	c.editor = oneLine(p.ClientInfo.Name+" "+value(p.ClientInfo.Version), 80) // Emacs says its version in two lines
	c.roots, c.rooted = roots, len(roots) > 0
	c.stale = true
	if s, err := readSettings(p.InitializationOptions); err != nil {
		c.log.Warn("lsp: initialization options ignored", "why", err)
	} else {
		c.settings = s
		c.mutes.off = !on(s.Notifications)
	}
	c.mu.Unlock()
	c.nudge()
	return &protocol.InitializeResult{
		Capabilities: offered(can, &c.server.o),
		ServerInfo:   protocol.ServerInfo{Name: "lathe", Version: protocol.NewOptional(c.server.o.Version)},
	}, nil
}

// workspaceOf is the folder that a root belongs to: an editor that finds no
// project around a plan template takes the template's own folder for one.
func workspaceOf(path string) string {
	if i := strings.LastIndex(path+"/", "/.ocode/"); i > 0 {
		return path[:i]
	}
	return path
}

// rootURIs are the workspace's folders, by the newest means that the editor used.
func rootURIs(p *protocol.InitializeParams) []string {
	var uris []string
	if folders, ok := p.WorkspaceFolders.Get(); ok {
		for _, f := range folders {
			uris = append(uris, string(f.URI))
		}
	}
	if len(uris) == 0 && p.RootURI != nil {
		uris = []string{string(*p.RootURI)}
	}
	if path, ok := p.RootPath.Get(); ok && len(uris) == 0 && path != "" {
		uris = []string{string(uri.File(path))}
	}
	return uris
}

func value(o protocol.Optional[string]) string {
	v, _ := o.Get()
	return v
}

// offered are the server's capabilities towards an editor with these abilities.
func offered(can abilities, o *Options) protocol.ServerCapabilities {
	incremental := protocol.TextDocumentSyncKindIncremental
	caps := protocol.ServerCapabilities{
		PositionEncoding:       can.encoding,
		TextDocumentSync:       &protocol.TextDocumentSyncOptions{OpenClose: new(true), Change: &incremental},
		HoverProvider:          protocol.Boolean(true),
		CodeActionProvider:     protocol.Boolean(true),
		ExecuteCommandProvider: protocol.ExecuteCommandOptions{Commands: commandNames(), WorkDoneProgressOptions: protocol.WorkDoneProgressOptions{WorkDoneProgress: new(true)}},
		Workspace: &protocol.WorkspaceOptions{WorkspaceFolders: &protocol.WorkspaceFoldersServerCapabilities{
			Supported: new(true), ChangeNotifications: protocol.Boolean(true),
		}},
	}
	if can.actionLiterals {
		caps.CodeActionProvider = &protocol.CodeActionOptions{CodeActionKinds: []protocol.CodeActionKind{protocol.CodeActionKindQuickFix}}
	}
	if o.Experience != nil {
		caps.CodeLensProvider = &protocol.CodeLensOptions{}
	}
	if o.Plans != nil {
		caps.CompletionProvider = &protocol.CompletionOptions{TriggerCharacters: []string{"\"", ":"}}
	}
	if can.pull {
		caps.DiagnosticProvider = &protocol.DiagnosticOptions{Identifier: new("lathe")}
	}
	return caps
}

// didChangeFolders follows the workspace's folders.
func (c *connection) didChangeFolders(p *protocol.DidChangeWorkspaceFoldersParams) error {
	var bad []error
	paths := func(folders []protocol.WorkspaceFolder) (out []string) {
		for _, f := range folders {
			path, err := pathOf(string(f.URI))
			if err != nil {
				bad = append(bad, err)
				continue
			}
			out = append(out, workspaceOf(path))
		}
		return out
	}
	removed, added := paths(p.Event.Removed), paths(p.Event.Added)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roots = slices.DeleteFunc(c.roots, func(r root) bool { return slices.Contains(removed, r.path) })
	for _, path := range added {
		if len(c.roots) < maxRoots && !slices.ContainsFunc(c.roots, func(r root) bool { return r.path == path }) {
			c.roots = append(c.roots, newRoot(path))
		}
	}
	c.rooted, c.stale = true, true
	c.nudge()
	return errors.Join(bad...)
}
