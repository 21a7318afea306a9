package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"lathe/index"
	"lathe/index/eventlog"
	"lathe/learn"
	"lathe/learn/mine"
	"lathe/mcp"
	"lathe/server/intake"
	"lathe/server/review"
	"lathe/toolforge/image"
)

// maxBody bounds a request to the socket: a batch of an import.
const maxBody = 64 << 20

// Status is what the daemon says of itself.
type Status struct {
	Version      string `json:"version"`
	PID          int    `json:"pid"`
	DataDir      string `json:"data_dir"`
	HTTP         string `json:"http"`                 // where it listens, or off
	HTTPTaken    string `json:"http_taken,omitempty"` // the address that another program had when the daemon started
	Events       uint64 `json:"event_messages"`
	Ledger       uint64 `json:"ledger_messages"`
	Applied      uint64 `json:"applied"`
	Failures     uint64 `json:"learner_failures"`
	Sandbox      string `json:"sandbox"` // "ok", or what is wrong
	RuntimeImage string `json:"runtime_image,omitempty"`
}

// Call bodies of the socket's API.
type (
	// RecordsCall stores records of any project.
	RecordsCall struct {
		Records []learn.Record `json:"records"`
	}
	// ForgeCall makes a tool of an opportunity, or proposes a finished one.
	ForgeCall struct {
		OpportunityID string              `json:"opportunity_id,omitempty"`
		Tool          *learn.ProposedTool `json:"tool,omitempty"`
		ValidateOnly  bool                `json:"validate_only,omitempty"` // no review request
		Request       *RequestCall        `json:"request,omitempty"`
		// Language is what a tool of an opportunity or a request is written
		// in: python when absent, or shell.
		Language string `json:"language,omitempty"`
		// Replaces is a proposal in review that Tool takes the place of.
		Replaces string `json:"replaces,omitempty"`
	}
	// RecallCall asks what experience says about a task of any project.
	RecallCall struct {
		mcp.RecallQuery
		SessionID string `json:"session_id,omitempty"`
		Root      string `json:"root,omitempty"` // the workspace
	}
	// ForgeLine is one line of the answer to a ForgeCall.
	ForgeLine struct {
		Check *learn.Check `json:"check,omitempty"`
		Done  *Forged      `json:"done,omitempty"`
		Error string       `json:"error,omitempty"`
	}
	// RunCall runs a deployed tool on a workspace.
	RunCall struct {
		Name      string          `json:"name"`
		Workspace string          `json:"workspace"`
		Project   string          `json:"project_id"`
		Arguments json.RawMessage `json:"arguments"`
	}
	// DiagnoseCall asks about a failure of any project.
	DiagnoseCall struct {
		mcp.Failure
		// CWD is the folder that the call ran in; "" when it is not known.
		CWD string `json:"cwd,omitempty"`
		// Plain wants the answer at once, from rules and experience alone: the
		// gateway, on behalf of an agent.
		Plain bool `json:"plain,omitempty"`
		// RecordedAs is the name (see learn.InProject) under which a gateway records the call beside its
		// reply; what was served on it is followed from there.
		RecordedAs string `json:"recorded_as,omitempty"`
	}
	// Decided is what followed from a decision.
	Decided struct {
		Item     review.Item         `json:"item"`
		Deployed *learn.ToolManifest `json:"deployed,omitempty"`
		Written  *learn.PlanWrite    `json:"written,omitempty"`
	}
	nothing struct{}
)

// socketHandler is what the Unix socket serves: everything, to this user.
func (d *Daemon) socketHandler() http.Handler {
	mux := http.NewServeMux()
	b := backend{d}
	all := mcp.Scope{Import: true, AgentID: "cli"}
	mux.Handle("/mcp", d.counted(d.mcp))
	mux.Handle("GET /lsp", d.counted(http.HandlerFunc(d.serveLSP)))
	mux.Handle("GET /metrics", d.metricsHandler(""))
	d.serveOTLP(mux, d.counted)
	mux.HandleFunc("GET /healthz", d.healthz)
	answer(d, mux, "GET /v1/status", func(ctx context.Context, _ nothing) (Status, error) { return d.status(), nil })
	answer(d, mux, "POST /v1/records", func(ctx context.Context, c RecordsCall) (intake.Receipt, error) { return d.accept(ctx, c.Records) })
	answer(d, mux, "POST /v1/settle", func(ctx context.Context, _ nothing) (nothing, error) {
		if err := errors.Join(d.hooked.flush(ctx), d.drainSpoolOnce(ctx)); err != nil {
			return nothing{}, err
		}
		return nothing{}, d.settle(ctx)
	})
	answer(d, mux, "POST /v1/offer", d.offer)
	answer(d, mux, "POST /v1/kpi", d.freshKPIs)
	answer(d, mux, "POST /v1/whatif", d.whatIf)
	answer(d, mux, "POST /v1/log", func(ctx context.Context, q index.Query) (index.Result, error) {
		if err := knownFilters(q.Status, q.Intent); err != nil {
			return index.Result{}, err
		}
		d.searchable(ctx)
		return d.index.SearchEvents(ctx, q)
	})
	answer(d, mux, "POST /v1/objects", func(ctx context.Context, q index.Query) (index.Result, error) {
		d.searchable(ctx)
		return d.index.SearchObjects(ctx, q)
	})
	answer(d, mux, "POST /v1/diagnose", func(ctx context.Context, c DiagnoseCall) (learn.FailureAnalysisReport, error) {
		s := all
		s.Root = c.CWD
		if c.Plain {
			return b.proxied(ctx, s, c)
		}
		return b.Diagnose(ctx, s, c.Failure)
	})
	d.graphRoutes(mux)
	mux.Handle("GET /v1/backup", d.counted(http.HandlerFunc(d.serveBackup)))
	d.distributionRoutes(mux)
	d.toolStateRoutes(mux)
	d.serveCode(mux)
	d.serveModels(mux)
	d.serveFeedback(mux)
	d.serveDescriptions(mux)
	answer(d, mux, "POST /v1/recall", func(ctx context.Context, c RecallCall) (mcp.RecallResult, error) {
		return b.Recall(ctx, mcp.Scope{ProjectID: c.ProjectID, SessionID: c.SessionID, Root: c.Root}, c.RecallQuery)
	})
	answer(d, mux, "POST /v1/refine", d.refineText)
	answer(d, mux, "POST /v1/undo", d.undo)
	answer(d, mux, "GET /v1/strategies", func(context.Context, nothing) ([]learn.ProvenStrategy, error) {
		return d.learners.mine.Strategies(), nil
	})
	answer(d, mux, "GET /v1/strategies/all", func(context.Context, nothing) ([]learn.ProvenStrategy, error) {
		return d.learners.mine.Lives(), nil
	})
	answer(d, mux, "GET /v1/nearest", func(context.Context, nothing) ([]mine.Candidate, error) { return d.learners.mine.Nearest(10), nil })
	answer(d, mux, "GET /v1/reliability", func(context.Context, nothing) (map[learn.Method]learn.Reliability, error) {
		return d.learners.diagnose.Reliability(), nil
	})
	answer(d, mux, "GET /v1/remedies", func(context.Context, nothing) ([]learn.Remedy, error) { return d.learners.recovery.Remedies(), nil })
	answer(d, mux, "POST /v1/eval", d.evaluate)
	answer(d, mux, "POST /v1/eval/next-action", d.evaluateNext)
	d.serveWanted(mux)
	d.serveEvidence(mux)
	answer(d, mux, "GET /v1/reviews", func(context.Context, nothing) ([]review.Item, error) { return d.queue.List(), nil })
	answer(d, mux, "POST /v1/decisions", d.decide)
	answer(d, mux, "GET /v1/tools", func(context.Context, nothing) ([]learn.ToolManifest, error) { return d.forge.active(), nil })
	answer(d, mux, "POST /v1/run", func(ctx context.Context, c RunCall) (mcp.ToolRun, error) {
		return b.RunTool(ctx, mcp.Scope{ProjectID: c.Project, Root: c.Workspace, AgentID: "cli"}, c.Name, c.Arguments)
	})
	answer(d, mux, "POST /v1/forget/plan", d.planned)
	answer(d, mux, "POST /v1/verify", func(ctx context.Context, _ nothing) (*eventlog.VerifyReport, error) {
		return d.log.Verify(ctx, func(done, total uint64) {})
	})
	answer(d, mux, "POST /v1/stop", func(context.Context, nothing) (nothing, error) { d.stop(); return nothing{}, nil })
	mux.Handle("POST /v1/forge", d.counted(http.HandlerFunc(d.serveForge)))
	mux.Handle("POST /v1/hooks/{format}", d.counted(http.HandlerFunc(d.serveHook)))
	return mux
}

// answer mounts a JSON call.
func answer[In, Out any](d *Daemon, mux *http.ServeMux, pattern string, call func(context.Context, In) (Out, error)) {
	mux.Handle(pattern, d.counted(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		if r.Method == http.MethodPost {
			if err := decodeBody(w, r, &in); err != nil {
				fail(w, http.StatusBadRequest, err)
				return
			}
		}
		out, err := call(r.Context(), in)
		if err != nil {
			fail(w, statusOf(err), err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the client is gone if this fails
		if l, ok := any(out).(interface{ sent() }); ok {
			l.sent()
		}
	})))
}

func decodeBody(w http.ResponseWriter, r *http.Request, into any) error {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("request body: %w", err)
	}
	return nil
}

// statusOf tells what may be tried again from what may not.
func statusOf(err error) int {
	if errors.Is(err, ErrStopping) || errors.Is(err, eventlog.ErrClosed) {
		return http.StatusServiceUnavailable
	}
	var w wrongUse
	if errors.As(err, &w) {
		return http.StatusBadRequest
	}
	return http.StatusUnprocessableEntity
}

// wrongUse marks a question that cannot be answered as it was asked; see
// WrongUse.
type wrongUse struct{ error }

func (w wrongUse) Unwrap() error { return w.error }

func wrongUsef(format string, a ...any) error { return wrongUse{fmt.Errorf(format, a...)} }

func fail(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// HTTP is where the HTTP port listens while the daemon runs, or "off".
func (d *Daemon) HTTP() string {
	if d.cfg.HTTP == "off" {
		return "off"
	}
	raw, err := os.ReadFile(httpAddrFile(d.cfg.DataDir))
	if err != nil {
		return d.cfg.HTTP
	}
	return strings.TrimSpace(string(raw))
}

func (d *Daemon) status() Status {
	s := Status{Version: Version, PID: os.Getpid(), DataDir: d.cfg.DataDir, HTTP: d.HTTP(), HTTPTaken: d.httpTaken, Events: d.log.Head(eventlog.Events),
		Ledger: d.log.Head(eventlog.Ledger), Applied: d.runner.Applied(), Failures: d.runner.Failures(), Sandbox: "ok"}
	digest, err := d.forge.images.Base(image.Runtime)
	s.RuntimeImage = digest
	if err == nil {
		err = d.forge.broken
	}
	if err != nil {
		s.Sandbox = err.Error()
	} else if wrong := d.forge.failed.Load(); wrong != nil {
		s.Sandbox = *wrong
	}
	return s
}

// decide makes a reviewer's decision and what follows from it.
func (d *Daemon) decide(ctx context.Context, dec learn.Decision) (Decided, error) {
	release, err := d.enter()
	if err != nil {
		return Decided{}, err
	}
	defer release()
	secrets, err := d.clean(&dec.Reason)
	if err != nil {
		return Decided{}, err
	}
	it, err := d.queue.Decide(ctx, dec) // changed, its signature does not hold
	if err != nil && secrets > 0 {
		return Decided{}, errors.Join(errSecretReason, err)
	}
	if err != nil {
		return Decided{}, err
	}
	out := Decided{Item: it}
	if it.State == learn.StateApproved && it.Kind == review.KindTool {
		m, err := d.forge.deploy(ctx, it)
		if err != nil {
			return out, fmt.Errorf("the approval is recorded, but the tool could not be deployed: %w", err)
		}
		out.Deployed = &m
		if err := d.tools.wait(ctx); err != nil {
			return out, fmt.Errorf("%s is deployed, but sessions were not told yet: %w", m.Name, err)
		}
	}
	if it.Kind == review.KindPlan {
		if out.Written, err = d.followPlan(ctx, it); err != nil {
			return out, err
		}
	}
	return out, d.ledgerSettled(ctx)
}

// publishTools brings the deployed tools into every live session.
func (d *Daemon) publishTools() {
	tools := d.forge.active()
	for _, err := range d.mcp.SetGenerated(tools) {
		d.logger.Error("generated tool not registered", "err", err)
	}
	d.learners.finder.SetExisting(tools)
}

// ledgerSettled waits until the projections include the whole ledger. It needs
// Run, whose follower does the projecting.
func (d *Daemon) ledgerSettled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return d.ledger.wait(ctx, d.log.Head(eventlog.Ledger))
}

// serveForge makes a tool and streams its progress as JSON lines.
func (d *Daemon) serveForge(w http.ResponseWriter, r *http.Request) {
	var c ForgeCall
	if err := decodeBody(w, r, &c); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc, flush := json.NewEncoder(w), http.NewResponseController(w)
	send := func(l ForgeLine) {
		_ = enc.Encode(l) // the client is gone if this fails; the work goes on
		_ = flush.Flush()
	}
	progress := func(check learn.Check) { send(ForgeLine{Check: &check}) }
	forged, err := d.forgeCall(r.Context(), c, progress)
	if err != nil {
		send(ForgeLine{Error: err.Error()})
		return
	}
	send(ForgeLine{Done: &forged})
}

func (d *Daemon) forgeCall(ctx context.Context, c ForgeCall, progress func(learn.Check)) (Forged, error) {
	if c.Tool != nil && c.ValidateOnly {
		return d.forge.check(ctx, *c.Tool, progress)
	}
	if c.Tool != nil {
		return d.proposed(ctx, c, progress)
	}
	if c.Request != nil {
		return d.request(ctx, *c.Request, c.Language, progress)
	}
	o, err := d.opportunity(c.OpportunityID)
	switch {
	case err != nil:
		return Forged{}, err
	case !o.Forgeable && o.Operation == "" && len(o.Examples) > 0 && d.writes():
		return d.written(ctx, o, c.Language, nil, "", progress)
	case !o.Forgeable:
		return Forged{}, fmt.Errorf("%s cannot be made into a tool: %s", o.Name, o.NotForgeable)
	case o.DuplicateOf != "":
		return Forged{}, fmt.Errorf("%s is there already: %s does it", o.Name, o.DuplicateOf)
	}
	return d.forge.make(ctx, o, c.Language, progress)
}
