package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lathe/learn"
	"lathe/server/review"
	"lathe/toolforge"
	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

// learnOffer keeps the signature of Daemon.offers short.
type learnOffer = learn.RemedyOffer

// annotationContent names the annotation of a tool image that holds the hash
// of what the reviewer approved.
const annotationContent = "org.lathe.content-hash"

// forge is the part of the daemon that makes, deploys and runs tools.
type forge struct {
	applying sync.Mutex // the changes of calls that may write

	d        *Daemon
	images   *image.Store
	launcher *sandbox.Launcher
	broken   error         // why the sandbox is not usable here
	pool     *sandbox.Pool // interpreters that wait for calls; nil when broken

	tested   func() error           // the sandbox's self-test, once
	failed   atomic.Pointer[string] // what the self-test found wrong
	programs func() map[string]bool

	mu       sync.Mutex
	tools    map[string]*family // by name
	random   func() float64     // draws which version a call goes to
	results  *results           // of earlier validations
	validate sync.Mutex         // one validation at a time: it fills the machine
}

func openForge(d *Daemon) (*forge, error) {
	images, err := OpenImages(d.cfg)
	if err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	f := &forge{d: d, results: newResults(), images: images, tools: map[string]*family{}, random: rand.Float64}
	f.launcher, f.broken = sandbox.Open(d.cfg.Sandbox)
	if f.broken == nil {
		f.pool = sandbox.NewPool(f.launcher, sandbox.PoolOptions{})
	}
	f.tested = onceThere(f.selfTest, func(err error) bool { return !errors.Is(err, image.ErrNoBase) })
	f.programs = onceThere(f.imagePrograms, func(names map[string]bool) bool { return names != nil })
	return f, nil
}

// onceThere remembers the first answer that lasts: `lathe setup` may make the
// images while the daemon runs.
func onceThere[T any](ask func() T, lasts func(T) bool) func() T {
	var mu sync.Mutex
	var answer T
	known := false
	return func() T {
		mu.Lock()
		defer mu.Unlock()
		if !known {
			answer = ask()
			known = lasts(answer)
		}
		return answer
	}
}

// OpenImages opens the data directory's image store on top of the one that
// holds the base images.
func OpenImages(cfg Config) (*image.Store, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil { // before the store makes it, open to all
		return nil, fmt.Errorf("data directory: %w; choose another with --data", err)
	}
	own := ImagesDir(cfg.DataDir)
	if cfg.ImagesDir == "" || cfg.ImagesDir == own {
		return image.Open(own)
	}
	return image.Open(own, image.WithBase(cfg.ImagesDir))
}

func (f *forge) root(ctx context.Context, kind image.Kind) (string, error) {
	digest, err := f.images.Base(kind)
	if err != nil {
		return "", err
	}
	return f.images.RootFS(ctx, digest)
}

// imagePrograms lists the programs of the runtime image; nil when there is no
// image yet.
func (f *forge) imagePrograms() map[string]bool {
	root, err := f.root(context.Background(), image.Runtime)
	if err != nil {
		f.d.logger.Info("runtime image not there yet; programs of tools are not checked", "err", err)
		return nil
	}
	found := map[string]bool{}
	for _, dir := range []string{"bin", "usr/bin"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			found[e.Name()] = true
		}
	}
	return found
}

func (f *forge) available(program string) bool {
	programs := f.programs()
	return programs == nil || programs[program]
}

// Run is toolforge.Runner over the sandbox.
func (f *forge) Run(ctx context.Context, spec toolforge.RunSpec) (toolforge.RunResult, error) {
	root, err := f.root(ctx, image.Kind(spec.Image))
	if err != nil {
		return toolforge.RunResult{}, err
	}
	var env []string
	for name, value := range spec.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	r, err := f.launcher.Run(ctx, &sandbox.Spec{RootFS: root, Args: spec.Args, Env: env, Dir: spec.Dir, FilesDir: spec.Dir,
		Files: spec.Files, Stdin: bytes.NewReader(spec.Stdin), Limits: sandbox.Limits{WallTime: spec.Limits.Wall, CPUTime: spec.Limits.Wall,
			MemoryBytes: int64(spec.Limits.MemoryMB) << 20, PIDs: spec.Limits.PIDs, OutputBytes: int64(spec.Limits.Output)}})
	if err != nil {
		return toolforge.RunResult{}, err
	}
	return toolforge.RunResult{ExitCode: r.ExitCode, Stdout: r.Stdout, Stderr: r.Stderr, Truncated: r.Truncated, Limit: r.Limit,
		Duration: r.Wall, MaxRSSMB: float64(r.MaxRSS) / (1 << 20), Backend: f.launcher.Name(), Degradations: r.Degradations}, nil
}

// Forged is what became of an opportunity.
type Forged struct {
	ReviewID   string                 `json:"review_id,omitempty"`
	Tool       learn.ProposedTool     `json:"tool"`
	Validation learn.ValidationResult `json:"validation"`
	// Rounds is what became of each draft, when a model wrote the tool.
	Rounds []toolforge.Round `json:"rounds,omitempty"`
}

// make goes from an opportunity to a review request: specification, scaffold,
// validation. Each step is in the ledger. A tool that does not pass gets no
// review request.
func (f *forge) make(ctx context.Context, o learn.ToolOpportunity, language string, progress func(learn.Check)) (Forged, error) {
	spec, err := toolforge.Specify(o)
	if err != nil {
		return Forged{}, err
	}
	tool, err := toolforge.ScaffoldIn(spec, language)
	if err != nil {
		return Forged{}, err
	}
	tool.Manifest.Provenance.OpportunityID = o.OpportunityID
	if o.Kind == "request" {
		tool.Manifest.Provenance.Author = authorAgent
	}
	if tool, err = toolforge.Seal(tool); err != nil {
		return Forged{}, err
	}
	return f.propose(ctx, o.ProjectID, tool, o.Evidence, progress)
}

// propose validates a tool and, if it passes, puts it before the reviewer.
func (f *forge) propose(ctx context.Context, project string, tool learn.ProposedTool, evidence []string, progress func(learn.Check)) (Forged, error) {
	out := Forged{Tool: tool}
	release, err := f.d.enter()
	if err != nil {
		return out, err
	}
	defer release()
	if tool, err = f.numbered(tool); err != nil {
		return out, err
	}
	out.Tool = tool
	now := time.Now().UTC()
	if err := f.write(ctx, learn.EntryTool, tool.ToolID, project, now, tool, evidence); err != nil {
		return out, err
	}
	if out, err = f.check(ctx, tool, progress); err != nil {
		return out, err
	}
	if err := f.write(ctx, learn.EntryValidation, tool.ToolID, project, time.Now().UTC(), out.Validation, nil); err != nil {
		return out, err
	}
	if !out.Validation.Passed {
		return out, nil
	}
	request, err := toolforge.ReviewRequest(tool, out.Validation, f.previous(tool.Manifest.Name))
	if err != nil {
		return out, err
	}
	request.Evidence = evidence
	out.ReviewID = request.ReviewID
	if err := f.write(ctx, learn.EntryReview, request.ReviewID, project, time.Now().UTC(), request, evidence); err != nil {
		return out, err
	}
	return out, f.d.ledgerSettled(ctx)
}

// check validates a tool, and nothing else.
func (f *forge) check(ctx context.Context, tool learn.ProposedTool, progress func(learn.Check)) (Forged, error) {
	out := Forged{Tool: tool}
	if err := f.tested(); err != nil {
		return out, err
	}
	f.validate.Lock()
	defer f.validate.Unlock()
	var err error
	v := toolforge.Validator{Runner: f, Where: f.where(), Known: f.results.known, Packages: f.packages}
	if out.Validation, err = v.Validate(ctx, tool, progress); err != nil {
		return out, fmt.Errorf("validate %s: %w", tool.Manifest.Name, err)
	}
	f.results.add(out.Validation)
	return out, nil
}

// previous is the version of a tool that is deployed now, or nil.
func (f *forge) previous(name string) *learn.ProposedTool {
	f.mu.Lock()
	t, err := f.find(name, "")
	f.mu.Unlock()
	if err != nil {
		return nil
	}
	it, err := f.d.queue.Get(t.reviewID)
	if err != nil || it.Tool == nil {
		return nil
	}
	return &it.Tool.Tool
}

func (f *forge) write(ctx context.Context, kind learn.EntryKind, id, project string, at time.Time, body any, evidence []string) error {
	e, err := learn.NewEntry(kind, id, project, at, body, evidence)
	if err != nil {
		return err
	}
	return ledgerLog{f.d.log}.WriteLedger(ctx, []learn.LedgerEntry{e})
}

// deploy turns an approved tool into an image and makes it active. The
// approval's signature is checked here again, over the content that is built.
func (f *forge) deploy(ctx context.Context, it review.Item) (learn.ToolManifest, error) {
	tool := it.Tool.Tool
	hash, err := toolforge.ContentHash(tool)
	if err != nil {
		return learn.ToolManifest{}, err
	}
	decision, err := f.d.queue.Approval(it.ID, hash)
	if err != nil {
		return learn.ToolManifest{}, fmt.Errorf("%s is not deployed: %w", tool.Manifest.Name, err)
	}
	if err := f.mayDeploy(it); err != nil {
		return learn.ToolManifest{}, fmt.Errorf("%s %s is not deployed: %w", tool.Manifest.Name, tool.Manifest.Version, err)
	}
	digest, err := f.build(ctx, it, hash, decision)
	if err != nil {
		return learn.ToolManifest{}, fmt.Errorf("the image of %s: %w", tool.Manifest.Name, err)
	}
	change := learn.StateChange{ObjectID: it.ID, ToolName: tool.Manifest.Name, Version: tool.Manifest.Version, From: learn.StateApproved, To: learn.StateActive,
		Digest: digest, DecisionID: decision.DecisionID, Timestamp: time.Now().UTC()}
	change.Share, change.Reason = f.firstShare(tool.Manifest)
	if err := f.write(ctx, learn.EntryState, it.ID, it.Project, change.Timestamp, change, nil); err != nil {
		return learn.ToolManifest{}, err
	}
	tool.Manifest.Digest = digest
	return tool.Manifest, f.d.ledgerSettled(ctx)
}

// build makes the image of an approved tool and signs it; of a tool that was
// pulled it takes the image that came.
func (f *forge) build(ctx context.Context, it review.Item, hash string, decision learn.Decision) (string, error) {
	tool := it.Tool.Tool
	if o := it.Tool.Origin; o != nil {
		tool.Manifest.Digest = o.Digest
		return o.Digest, f.signed(ctx, tool.Manifest, hash)
	}
	base, err := f.images.Base(image.Runtime)
	if err != nil {
		return "", err
	}
	files, err := folder(tool)
	if err != nil {
		return "", err
	}
	brought, err := f.addPackages(ctx, tool, files)
	if err != nil {
		return "", err
	}
	digest, err := f.images.AddTool(ctx, base, files, map[string]string{annotationContent: hash, "org.lathe.manifest": string(files["tool.json"])},
		tool.Manifest.Name, tool.Manifest.Version)
	if err != nil {
		return "", err
	}
	return digest, f.sign(digest, base, it, files, brought, decision)
}

// folder is a tool as the files of its folder.
func folder(tool learn.ProposedTool) (files map[string][]byte, err error) {
	tmp, err := os.MkdirTemp("", "lathe-tool-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	dir := filepath.Join(tmp, "tool")
	if err := toolforge.WriteFolder(dir, tool); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files = map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// lookup draws which version of a tool a call goes to, and returns it after
// checking that what lies in its folder is what the reviewer signed. The image
// below it, which is large, its signature and the sandbox are checked once in
// the daemon's life.
func (f *forge) lookup(ctx context.Context, name string) (*deployed, string, error) {
	f.mu.Lock()
	m := f.tools[name]
	if m == nil || m.current == nil {
		f.mu.Unlock()
		return nil, "", fmt.Errorf("there is no generated tool %.128q; active are: %s", name, f.names())
	}
	shared, t := m.draw(f.random)
	f.mu.Unlock()
	dir, err := f.images.ToolDir(ctx, t.manifest.Digest)
	if err != nil {
		return nil, "", err
	}
	if !t.checked {
		if err := f.tested(); err != nil {
			return nil, "", err
		}
		if err := f.signed(ctx, t.manifest, t.hash); err != nil {
			return nil, "", err
		}
		if err := f.images.Verify(t.manifest.Digest); err != nil {
			return nil, "", fmt.Errorf("the image of %s is damaged: %w", name, err)
		}
	}
	if err := f.approved(t, dir); err != nil {
		return nil, "", err
	}
	f.mu.Lock()
	shared.checked = shared.checked || shared.manifest.Digest == t.manifest.Digest
	f.mu.Unlock()
	return t, dir, nil
}

// approved checks a tool's folder, a few small files, against the signature.
func (f *forge) approved(t *deployed, dir string) error {
	name := t.manifest.Name
	tool, err := toolforge.LoadFolder(dir)
	if err != nil {
		return fmt.Errorf("the image of %s is not what was approved: %w", name, err)
	}
	hash, err := toolforge.ContentHash(tool)
	if err != nil {
		return err
	}
	if hash != t.hash {
		return fmt.Errorf("the image of %s holds %s, approved was %s: it is not run", name, hash, t.hash)
	}
	if _, err := f.d.queue.Approval(t.reviewID, hash); err != nil {
		return fmt.Errorf("%s is not run: %w", name, err)
	}
	return nil
}

func (f *forge) names() string {
	var names []string
	for _, m := range f.active() {
		names = append(names, m.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Failed says in a sentence what a sandbox's self-test found wrong: which
// abuses were not held, and why the first was not.
func Failed(r *sandbox.SelfTestReport) string {
	var names []string
	why := ""
	for _, c := range r.Checks {
		if c.OK {
			continue
		}
		names = append(names, c.Name)
		if why == "" {
			why = c.Detail
		}
	}
	return fmt.Sprintf("%d of %d checks failed (%s): %s", len(names), len(r.Checks), strings.Join(names, "; "), why)
}
