package toolforge

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lathe/learn"
	"lathe/toolforge/wheel"
)

//go:embed guest/*.py guest/*.sh
var guest embed.FS

// guestDir is where a gate's files lie in the sandbox.
const guestDir = "/work"

// Thresholds of the gates.
const (
	minLint     = 8.0 // of 10, pylint
	minCoverage = 0.8 // of the statements of tool.py
	minMutants  = 0.7 // of the mutants noticed
	mutants     = 8
)

// Validator runs the gates on a tool, each in a sandbox of its own.
type Validator struct {
	Runner Runner
	// Now is the clock of the result's timestamp; time.Now when nil.
	Now func() time.Time
	// Parallel is how many static gates run at once: 2 when zero.
	Parallel int
	// Wall bounds each gate: 3 minutes when zero.
	Wall time.Duration
	// Where names what the gates run in and on: digests of the images, the
	// backend. Results are reused only where it is the same; never when "".
	Where string
	// Known returns an earlier result that holds a passed check with this key.
	// Nil knows none.
	Known func(key string) (learn.ValidationResult, bool)
	// Packages brings the dependencies that a tool declares; nil has none. An
	// error that is wheel.ErrRefused or wheel.ErrNoSource is about the tool.
	Packages func(ctx context.Context, tool learn.ProposedTool) ([]wheel.Package, error)
}

// gate is one check of a tool.
type gate struct {
	name string
	run  func(context.Context, *job) (learn.Check, error)
}

// job is one validation under way.
type job struct {
	v    Validator
	tool learn.ProposedTool
	// packages are what the tool declares, once their gate has passed.
	packages []wheel.Package

	mu     sync.Mutex
	result learn.ValidationResult

	ruling      sync.Once
	ruled       map[string][]learn.Finding // by matter, what the rules found
	ruleFailure *learn.Check
	ruleErr     error
}

// Validate runs the static gates (syntax, types, lint, security, imports,
// complexity, contract, documentation), and only when all of them have passed the dynamic
// ones (tests, examples, schema, properties, benchmark, and after them
// mutation): before that,
// nothing of the tool is executed. progress, when not nil, is called after each gate, never by two
// goroutines at once. The error is about the sandbox, not about the tool: a
// bad tool is a result with Passed false.
func (v Validator) Validate(ctx context.Context, tool learn.ProposedTool, progress func(learn.Check)) (learn.ValidationResult, error) {
	sealed, err := Seal(tool)
	if err != nil {
		return learn.ValidationResult{}, err
	}
	if tool.ContentHash != "" && tool.ContentHash != sealed.ContentHash {
		return learn.ValidationResult{}, fmt.Errorf("validate %s: the content is %s, but it is called %s; seal the tool again",
			tool.Manifest.Name, sealed.ContentHash, tool.ContentHash)
	}
	if v.Now == nil {
		v.Now = time.Now
	}
	if progress == nil {
		progress = func(learn.Check) {}
	}
	j := &job{v: v, tool: sealed, result: learn.ValidationResult{ToolID: sealed.ToolID, ContentHash: sealed.ContentHash}}
	start := v.Now()
	if len(sealed.Manifest.Dependencies) > 0 {
		if err := j.phase(ctx, []gate{{gateDependencies, dependencies}}, 1, progress); err != nil {
			return j.result, err
		}
	}
	if j.passed() { // without its packages, the other gates would blame the tool
		if err := j.phase(ctx, staticGates(j.tool.Manifest.Language), cmp.Or(v.Parallel, 2), progress); err != nil {
			return j.result, err
		}
	}
	for _, gates := range dynamicGates() {
		if !j.passed() {
			break
		}
		if err := j.phase(ctx, gates, 1, progress); err != nil {
			return j.result, err
		}
	}
	j.judge()
	j.result.Timestamp = v.Now().UTC()
	j.result.Seconds = j.result.Timestamp.Sub(start).Seconds()
	return j.result, nil
}

// phase runs gates, up to parallel at once, and keeps their order.
func (j *job) phase(ctx context.Context, gates []gate, parallel int, progress func(learn.Check)) error {
	checks := make([]learn.Check, len(gates))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	var say sync.Mutex
	for i, g := range gates {
		group.Go(func() error {
			c, err := j.once(ctx, g)
			if err != nil {
				return fmt.Errorf("gate %s of %s: %w", g.name, j.tool.Manifest.Name, err)
			}
			checks[i] = c
			say.Lock()
			defer say.Unlock()
			progress(c)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	j.result.Checks = append(j.result.Checks, checks...)
	return nil
}

func (j *job) passed() bool {
	return !slices.ContainsFunc(j.result.Checks, func(c learn.Check) bool { return !c.Passed })
}

// judge sets the verdict, the score and the risk.
//
//	score = 0.30 × share of tests passed + 0.25 × share of mutants noticed
//	      + 0.20 × coverage + 0.15 × lint/10 + 0.10 × share of gates passed
//
// and at most 0.49 for a tool that is refused. Risk is high for a refused
// tool, and for one that may write or use the network; medium for one that
// reads files, brings packages or scores below 0.8; else low. No model has a say in it.
func (j *job) judge() {
	r := &j.result
	r.Passed = j.passed()
	passed, lint := 0, 0.0
	for _, c := range r.Checks {
		lint = max(lint, c.Rating)
		if c.Passed {
			passed++
		}
	}
	total := r.TestsPassed + r.TestsFailed
	r.Score = 0.30*float64(r.TestsPassed)/float64(max(total, 1)) + 0.25*float64(r.Noticed)/float64(max(r.Mutants, 1)) + 0.20*r.Coverage +
		0.15*lint/10 + 0.10*float64(passed)/float64(len(r.Checks))
	if !r.Passed {
		r.Score = min(r.Score, 0.49)
	}
	p := j.tool.Manifest.Permissions
	switch {
	case !r.Passed || p.Filesystem == "write" || len(p.Network) > 0:
		r.Risk = "high"
	case p.Filesystem == "read" || r.Score < 0.8 || len(j.tool.Manifest.Dependencies) > 0:
		r.Risk = "medium"
	default:
		r.Risk = "low"
	}
}

// run runs one program beside the tool's files. Scripts are those of guest/.
func (j *job) run(ctx context.Context, stdin any, extra map[string]string, args ...string) (RunResult, error) {
	files := map[string][]byte{}
	seen, narrowed := ctx.Value(filesOf{}).([]string)
	for name, content := range j.tool.Files {
		if !narrowed || slices.Contains(seen, name) {
			files["tool/"+name] = []byte(content)
		}
	}
	for name, content := range extra {
		files[name] = []byte(content)
	}
	if err := withShell(j.tool, files); err != nil {
		return RunResult{}, err
	}
	env := map[string]string{"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "HOME": "/tmp", "LC_ALL": "C.UTF-8"}
	j.withPackages(files, env)
	scripts, err := guest.ReadDir("guest")
	if err != nil {
		return RunResult{}, err
	}
	for _, s := range scripts {
		if files["gate/"+s.Name()], err = guest.ReadFile("guest/" + s.Name()); err != nil {
			return RunResult{}, err
		}
	}
	var input []byte
	if stdin != nil {
		if input, err = json.Marshal(stdin); err != nil {
			return RunResult{}, err
		}
	}
	r, err := j.v.Runner.Run(ctx, RunSpec{Image: ImageValidation, Args: args, Files: files, Dir: guestDir, Stdin: input,
		Env:    env,
		Limits: RunLimits{Wall: cmp.Or(j.v.Wall, 3*time.Minute), MemoryMB: 1024, PIDs: 128, Output: 4 << 20}})
	if err != nil {
		return r, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result.Backend = r.Backend
	for _, d := range r.Degradations {
		if !slices.Contains(j.result.Degradations, d) {
			j.result.Degradations = append(j.result.Degradations, d)
		}
	}
	return r, nil
}

// Gates is how many checks a validation has when none fails: one more with
// dependencies, one less of a script.
const Gates = 14
