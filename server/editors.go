package server

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"lathe/learn"
	"lathe/lsp"
	"lathe/server/review"
)

// newLSP wires the language server.
func (d *Daemon) newLSP() *lsp.Server {
	x := newExperience(d)
	return lsp.New(lsp.Options{Proposals: proposals{d, &toolFolders{found: map[string]foundFolders{}}}, Experience: x, Plans: editorPlans{d, x}, Recorder: editorRecorder{d, x},
		Judge: func(ctx context.Context, _, remedyID string, worked bool) error {
			_, err := d.feedback(ctx, FeedbackCall{ID: remedyID, Good: worked})
			return err
		},
		Refused: d.editorRefused(), ReviewURL: d.unlockURL, Logger: d.logger, Version: Version})
}

// proposals is the review queue as the language server sees it.
type proposals struct {
	d       *Daemon
	folders *toolFolders
}

// Concerning proposes changes to the plan templates of a workspace and returns
// those that wait for a decision.
func (p proposals) Concerning(ctx context.Context, root string) []lsp.Proposal {
	if err := p.d.proposePlans(ctx, root); err != nil && ctx.Err() == nil {
		p.d.logger.Error("plan templates not looked at", "root", root, "err", err)
	}
	var out []lsp.Proposal
	project := WorkspaceProject(root)
	for _, it := range p.d.queue.List(learn.StateInReview) {
		if it.Kind != review.KindPlan || it.Project != project || it.Plan.Workspace != "" && it.Plan.Workspace != root {
			continue // another project's, or for the file in another checkout of this one
		}
		detail := ""
		if it.Plan.Diff != "" {
			detail = "```diff\n" + strings.ReplaceAll(it.Plan.Diff, "```", "'''") + "\n```"
		}
		out = append(out, lsp.Proposal{ID: it.ID, ContentHash: it.ContentHash, Kind: string(it.Kind), Title: it.Title,
			Summary: it.Plan.Rationale, Detail: detail, State: it.State, Risk: it.Risk, Path: it.Plan.TargetPlanTemplate,
			Step: it.Plan.TargetStep, Generated: p.generated(it), EvidenceURL: p.d.pageURL("/review/" + url.PathEscape(it.ID))})
	}
	return append(out, p.toolProposals(ctx, root, project)...)
}

// generated reports whether a model had a part in a proposal.
func (p proposals) generated(it review.Item) bool {
	if it.Plan.SourceReportID == "" {
		return false
	}
	r, ok := p.d.reports.find(it.Plan.SourceReportID)
	return ok && r.Method == learn.MethodLLM
}

// Decide makes an editor's decision, as one on the page is made.
func (p proposals) Decide(ctx context.Context, id, contentHash string, v learn.Verdict, reason string, s lsp.Signer) error {
	release, err := p.d.enter()
	if err != nil {
		return err
	}
	defer release()
	_, err = p.d.decide(ctx, s.Decide(id, contentHash, v, reason, p.d.now()))
	return err
}

// editorRefused notes in the ledger the decisions that an editor's connection
// was refused before they reached the queue, up to as many as the page may.
func (d *Daemon) editorRefused() func(ctx context.Context, r lsp.Refusal) {
	bound := &refusals{}
	return func(ctx context.Context, r lsp.Refusal) {
		now := d.now()
		if !bound.take(now) {
			return
		}
		release, err := d.enter()
		if err != nil {
			return // on its way down; the log has it
		}
		defer release()
		if _, err := d.clean(&r.Why, &r.Editor, &r.ProposalID); err != nil {
			d.logger.Error("a refusal is not in the ledger", "err", err)
			return
		}
		body := map[string]any{"why": r.Why, "at": "editor", "editor": r.Editor, "time": now,
			"decision": learn.Decision{ObjectID: r.ProposalID, ContentHash: r.ContentHash, Verdict: r.Verdict}}
		if err := d.writeLedger(ctx, learn.EntryRefused, r.ProposalID, "", body, nil); err != nil {
			d.logger.Error("a refusal is not in the ledger", "why", r.Why, "err", err)
		}
	}
}

func (p proposals) Watch() <-chan struct{} { return p.d.ledger.watch() }

// pageURL is an address of the review page, or "" when the HTTP port is off.
func (d *Daemon) pageURL(path string) string {
	if d.cfg.HTTP == "off" {
		return ""
	}
	raw, err := os.ReadFile(httpAddrFile(d.cfg.DataDir))
	if err != nil {
		return ""
	}
	return "http://" + string(bytes.TrimSpace(raw)) + path
}

// unlockURL is the page that unlocks an editor's connection.
func (d *Daemon) unlockURL(connID, _ string) string {
	return d.pageURL("/editors?id=" + url.QueryEscape(connID))
}

// serveLSP turns an HTTP connection of the socket into an editor's.
func (d *Daemon) serveLSP(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this connection cannot carry an editor's messages", http.StatusInternalServerError)
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lsp\r\n\r\n"); err != nil {
		_ = conn.Close()
		return
	}
	if err := d.lsp.Serve(d.lspLife, hijacked{conn, buffered.Reader}); err != nil {
		d.logger.Warn("editor connection ended", "err", err)
	}
}

// hijacked reads what the HTTP server had buffered already, then the rest.
type hijacked struct {
	net.Conn
	r *bufio.Reader
}

func (h hijacked) Read(p []byte) (int, error) { return h.r.Read(p) }
