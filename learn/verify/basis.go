package verify

import "lathe/learn"

// basis is what an outcome rests on.
type basis string

const (
	basisExtended     basis = "tests_extended"       // the project's tests pass, among them such as the task added to its test files
	basisFixed        basis = "tests_fixed"          // the project's tests pass, among them such as failed before the task changed anything
	basisTests        basis = "tests"                // the project's tests pass, which they may have done before
	basisOwn          basis = "own_tests"            // only tests that the task wrote pass
	basisPlain        basis = "unknown_runner"       // a runner that is not known says that all passed
	basisUnrelated    basis = "unrelated_tests"      // tests of another language pass
	basisNoEdit       basis = "tests_no_edit"        // tests pass, but nothing was changed
	basisContradicted basis = "contradicted"         // tests pass, a check script of the task's fails
	basisRegression   basis = "regression"           // tests fail that passed before
	basisTestsFailed  basis = "tests_failed"         // tests fail, and none passes
	basisPartlyFailed basis = "partly_failed"        // some of many tests fail; whether they did before was not seen
	basisNotRun       basis = "tests_not_run"        // only errors: the code, the call or the environment may be wrong
	basisOwnFailed    basis = "own_tests_failed"     // tests that the task wrote fail
	basisStale        basis = "stale"                // everything was verified before the last edit
	basisSelf         basis = "self_reported"        // the agent's own word that it did well
	basisSelfFailed   basis = "self_reported_failed" // the agent's own word that it did not
	basisNone         basis = "none"
)

func goodBasis(kind learn.VerificationKind) basis { return basis(kind) }

func badBasis(kind learn.VerificationKind) basis { return basis(kind) + "_failed" }

// goodRank orders the bases of success.
func goodRank(b basis) int {
	switch b {
	case basisExtended:
		return 4
	case basisFixed:
		return 3
	case basisTests:
		return 2
	case basisPlain:
		return 1
	}
	return 0
}

// prior is how often an inference on a basis is expected to be right before
// any verdict is known: a judgement of how directly the basis bears on the
// task, not a measurement. It weighs as much as priorWeight verdicts.
func prior(b basis) float64 {
	switch b {
	case basisExtended, basisFixed, basisRegression, "build_failed":
		return 0.9
	case basisTests, basisTestsFailed, "typecheck_failed", basisSelfFailed:
		return 0.8
	case basisOwn, basisPlain, basisUnrelated, basisOwnFailed, basisPartlyFailed:
		return 0.6
	}
	return 0.5
}

const (
	priorWeight     = 8
	leastConfidence = 0.7
)

// rates counts per basis how often inferences were confirmed or refuted by a
// benchmark's or a user's verdict on the same task, so that confidence follows
// what is seen here.
type rates struct {
	Right map[basis]int `json:"right,omitempty"`
	Wrong map[basis]int `json:"wrong,omitempty"`
}

// confidence is the mean of the Beta posterior of being right.
func (r *rates) confidence(b basis) float64 {
	right, wrong := float64(r.Right[b]), float64(r.Wrong[b])
	return (priorWeight*prior(b) + right) / (priorWeight + right + wrong)
}

// learn notes what a verdict says of the inference that would have been made
// without it; a verdict that changed is first taken back.
func (r *rates) learn(tk *task) {
	truth := learn.OutcomeUnknown
	for _, kind := range []learn.VerificationKind{learn.VerifyBenchmark, learn.VerifyUserFeedback} {
		if v, ok := tk.verdict(kind); ok {
			truth = v.Outcome
		}
	}
	d := tk.infer()
	if tk.Rated != "" {
		r.add(basis(tk.Rated), tk.RatedRight, -1)
		tk.Rated = ""
	}
	if truth == learn.OutcomeUnknown || d.leaning == "" {
		return
	}
	tk.Rated, tk.RatedRight = string(d.basis), d.leaning == truth
	r.add(d.basis, tk.RatedRight, 1)
}

func (r *rates) add(b basis, right bool, n int) {
	if r.Right == nil {
		r.Right, r.Wrong = make(map[basis]int), make(map[basis]int)
	}
	if right {
		r.Right[b] += n
	} else {
		r.Wrong[b] += n
	}
}
