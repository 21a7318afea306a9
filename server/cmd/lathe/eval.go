package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/learn/recovery"
	"lathe/server"
	"lathe/server/intake"
)

type evalFlags struct {
	server.EvalOptions
	train, test []string
	format      string
	explain     string
	nextAction  bool
}

func (a *app) evalCmd() *cobra.Command {
	var f evalFlags
	c := &cobra.Command{
		Use:   "eval [PATH...]",
		Short: "Replay recorded sessions: would the advice have been right?",
		Long: `Replays sessions in time order. Each failure is asked about when it happens,
before anything later is seen; what the session then did is the truth.

Without a path it replays your own log, learning from the earlier half of the
sessions and predicting the later half. With paths it replays those files
instead, and touches neither log nor daemon; --train and --test name what to
learn from and what to predict.

What is measured. A failure is resolved by the first later success of the same
purpose (and target) before the same error returns. What was done between and
what changed in the call is the truth. It is specific when it can be said: another command,
other options, something installed, created or checked out first. An edit, a
script of the agent's own and another look around are not, and are never
offered; but an answer to a failure that one of them resolved counts as wrong.
  hit@1, hit@3, MRR   ranking, of the specific ones, whatever the threshold
  coverage            share of the failures that get an answer at the threshold
  precision           share of the answers whose first suggestion was right
  saved               calls between failure and resolution, beyond the remedy's
                      own, that right answers would have spared
An answer is right when it is what was done; it is right to the word when the
commands, as filled for the failure, are those that were run.
Intervals are 95 %, from resampling whole sessions.`,
		Example: `  lathe eval
  lathe eval sessions.tar.gz --format mini-swe-agent --unseen
  lathe eval --train january/ --test february/ --frozen --json
  lathe eval --explain 84c1a767`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.eval(cmd.Context(), args, f) },
	}
	fl := c.Flags()
	fl.StringSliceVar(&f.train, "train", nil, "learn from these files")
	fl.StringSliceVar(&f.test, "test", nil, "predict on these files")
	fl.StringVar(&f.format, "format", "", "format of the files (default: found out): "+strings.Join(intake.Formats(), ", "))
	fl.Float64Var(&f.Share, "share", 0.5, "share of the sessions, the earliest, to learn from")
	fl.Float64Var(&f.Confidence, "confidence", 0, "least confidence of an answer (default: what advice needs)")
	fl.BoolVar(&f.Frozen, "frozen", false, "learn nothing from what is predicted")
	fl.BoolVar(&f.Unseen, "unseen", false, "predict on projects that were not learned from")
	fl.IntVar(&f.Samples, "samples", 1000, "samples for the intervals")
	fl.BoolVar(&f.nextAction, "next-action", false, "measure instead how well the next action of a session is foreseen")
	fl.StringVar(&f.explain, "explain", "", "show one failure: what was offered, what really fixed it, and why (the beginning of its event's id)")
	return c
}

func (a *app) eval(ctx context.Context, paths []string, f evalFlags) error {
	switch {
	case len(f.train) > 0 != (len(f.test) > 0):
		return usagef("--train and --test go together")
	case len(f.train) > 0 && len(paths) > 0:
		return usagef("give paths, or --train and --test, not both")
	case f.format != "" && !slices.Contains(intake.Formats(), f.format):
		return usagef("there is no format %q; there are %s", f.format, strings.Join(intake.Formats(), ", "))
	case f.Confidence < 0 || f.Confidence > 1:
		return usagef("--confidence %v: between 0 and 1", f.Confidence)
	case f.Share <= 0 || f.Share >= 1:
		return usagef("--share %v: between 0 and 1", f.Share)
	}
	if f.nextAction {
		return a.evalNext(ctx, paths, f)
	}
	r, err := a.replay(ctx, paths, f)
	if err != nil {
		return err
	}
	switch {
	case f.explain != "":
		return a.explainCase(&r, f.explain)
	case a.json:
		return a.print(r)
	}
	a.printEval(&r)
	return nil
}

func (a *app) replay(ctx context.Context, paths []string, f evalFlags) (r server.EvalReport, err error) {
	if len(paths)+len(f.train) == 0 {
		client, _, err := a.client(ctx)
		if err != nil {
			return r, err
		}
		err = client.Call(ctx, http.MethodPost, "/v1/eval", f.EvalOptions, &r)
		return r, err
	}
	e, err := server.NewEvaluation()
	if err != nil {
		return r, err
	}
	if err := a.readAllForEval(ctx, e, paths, f); err != nil {
		return r, err
	}
	return e.Run(ctx, f.EvalOptions)
}

// readAllForEval reads what the command line names.
func (a *app) readAllForEval(ctx context.Context, e *server.Evaluation, paths []string, f evalFlags) error {
	for _, part := range []struct {
		paths []string
		train bool
	}{{f.train, true}, {append(paths, f.test...), false}} {
		if len(part.paths) == 0 {
			continue
		}
		e.Train = part.train
		if err := a.readForEval(ctx, e, part.paths, f.format); err != nil {
			return err
		}
	}
	return nil
}

// readForEval reads recorded sessions. Where no format was named, each path is
// read in the one that finds most calls in it.
func (a *app) readForEval(ctx context.Context, e *server.Evaluation, paths []string, format string) error {
	for _, p := range paths {
		as := format
		if as == "" {
			var err error
			if as, err = formatOf(ctx, p); err != nil {
				return err
			}
		}
		s, err := intake.Import(ctx, intake.ImportOptions{Format: as, Paths: []string{p}}, e)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.errs, "%s: %s, %d sessions, %d calls, %d rejected\n", clean(p), as, s.Sessions, s.Calls, s.Rejected)
	}
	return nil
}

// counting is a Sink that keeps nothing.
type counting struct{}

func (counting) Accept(context.Context, []learn.Record) (intake.Receipt, error) {
	return intake.Receipt{}, nil
}

func formatOf(ctx context.Context, path string) (string, error) {
	best, most := "", 0
	var unreadable *fs.PathError
	for _, f := range intake.Formats() {
		s, err := intake.Import(ctx, intake.ImportOptions{Format: f, Paths: []string{path}}, counting{})
		if errors.As(err, &unreadable) && s.Files == 0 { // what is of another format fails otherwise
			return "", err
		}
		if s.Calls > most {
			best, most = f, s.Calls
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	if best == "" {
		return "", fmt.Errorf("%s: no session of a known format was found in it; name one with --format", path)
	}
	return best, nil
}

func shareText(s recovery.Share) string {
	if math.IsNaN(float64(s)) {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(s))
}

func rateText(r server.Interval) string {
	if math.IsNaN(float64(r.Value)) {
		return "-"
	}
	return fmt.Sprintf("%s (%s to %s)", shareText(r.Value), shareText(r.Low), shareText(r.High))
}

func (a *app) printEval(r *server.EvalReport) {
	m := r.Measures
	fmt.Fprintf(a.out, "%d events of %d sessions in %d projects. Split %s.\n", r.Events, r.Sessions, r.Projects, clean(r.Split))
	fmt.Fprintf(a.out, "%d failures were resolved, %d of them by something specific; an answer needs confidence %.2f and %d sessions.\n\n",
		m.Cases, m.Specific, r.Threshold.Confidence, r.Threshold.Support)
	var rows [][]string
	line := func(name string, h1, h3, mrr, answered, precision, saved string) {
		rows = append(rows, []string{name, h1, h3, mrr, answered, precision, saved})
	}
	line("lathe", rateText(r.Intervals["hit_at_1"]), shareText(m.Hit3), shareText(m.MRR), fmt.Sprint(m.Answered), rateText(r.Intervals["precision"]), fmt.Sprint(m.CallsSaved))
	by := r.BySaved
	line("lathe, by calls saved", shareText(by.Hit1), shareText(by.Hit3), shareText(by.MRR), fmt.Sprint(by.Answered), shareText(by.Precision), fmt.Sprint(by.CallsSaved))
	for _, b := range recovery.Baselines() {
		v := r.Baselines[b]
		line(strings.ReplaceAll(b, " ", " "), shareText(v.Hit1), shareText(v.Hit3), shareText(v.MRR), fmt.Sprint(v.Answered), shareText(v.Precision), fmt.Sprint(v.CallsSaved))
	}
	line("oracle, same project", shareText(r.OracleHere), "", "", "", "", "")
	line("oracle, any project", shareText(r.OracleAnywhere), "", "", "", "", "")
	a.table("METHOD HIT@1 HIT@3 MRR ANSWERS PRECISION SAVED", rows)
	fmt.Fprintf(a.out, "\nof the %d answers %d were right in what to run, %d of them to the word (%s)\n", m.Answered, m.Right, m.InWords, rateText(r.Intervals["words_precision"]))
	fmt.Fprintf(a.out, "coverage %s of all resolved failures, %s of the specific ones; %d calls saved by the %d right answers\n",
		rateText(r.Intervals["coverage"]), rateText(r.Intervals["coverage_specific"]), m.CallsSaved, m.Right)
	a.printCurve(r)
	for _, g := range []struct {
		name   string
		groups []recovery.Group
	}{{"PURPOSE", r.ByIntent}, {"PROJECT", r.ByProject}, {"ERROR", r.ByPattern}} {
		a.printGroups(g.name, g.groups)
	}
}

func (a *app) printCurve(r *server.EvalReport) {
	var rows [][]string
	for i, p := range r.Curve {
		if i%2 == 0 || p.Threshold == r.Threshold.Confidence {
			rows = append(rows, []string{fmt.Sprintf("%.2f", p.Threshold), fmt.Sprint(p.Answered), shareText(p.Coverage), shareText(p.Reached), shareText(p.Precision)})
		}
	}
	fmt.Fprintln(a.out, "\nPrecision against coverage")
	a.table("CONFIDENCE ANSWERS COVERAGE OF-SPECIFIC PRECISION", rows)
	rows = nil
	for _, b := range r.Reliability {
		rows = append(rows, []string{fmt.Sprintf("%.1f to %.1f", b.Low, b.High), fmt.Sprint(b.N), fmt.Sprintf("%.2f", b.Said), fmt.Sprintf("%.2f", b.Right)})
	}
	fmt.Fprintf(a.out, "\nCalibration of the first suggestion, whatever the threshold (mean error %.3f)\n", r.CalibrationError)
	a.table("CONFIDENCE FAILURES SAID RIGHT", rows)
}

func (a *app) printGroups(name string, groups []recovery.Group) {
	var rows [][]string
	for _, g := range groups[:min(10, len(groups))] {
		m := g.Measures
		rows = append(rows, []string{cut(g.Value, 40), fmt.Sprint(m.Cases), fmt.Sprint(m.Specific), shareText(m.Hit1), shareText(m.Hit3), fmt.Sprint(m.Answered), shareText(m.Precision)})
	}
	fmt.Fprintln(a.out)
	a.some(name+" RESOLVED SPECIFIC HIT@1 HIT@3 ANSWERS PRECISION", rows, len(groups), "--json has all")
}

// findCase is the one failure of a replay whose id begins with id.
func findCase(r *server.EvalReport, id string) (*recovery.Case, error) {
	var found []*recovery.Case
	for i := range r.Cases {
		if strings.HasPrefix(r.Cases[i].EventID, id) {
			found = append(found, &r.Cases[i])
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("no resolved failure of the predicted sessions begins with %q; `lathe eval --json` lists them under cases", id)
	case len(found) > 1 && found[0].EventID != id:
		return nil, fmt.Errorf("%d resolved failures begin with %q, like %s and %s; give more characters", len(found), id, clean(found[0].EventID), clean(found[1].EventID))
	}
	return found[0], nil
}

// explainCase shows one failure of a replay.
func (a *app) explainCase(r *server.EvalReport, id string) error {
	c, err := findCase(r, id)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(c)
	}
	fmt.Fprintf(a.out, "failure     %s  %s  %s, session %s\n", clean(c.EventID), c.At.Format("2006-01-02 15:04"), clean(c.Project), clean(c.Session))
	fmt.Fprintf(a.out, "call        %s\nerror       %s  (%s)\n", cut(c.Call, 200), cut(c.Salient, 200), clean(c.Pattern))
	fmt.Fprintf(a.out, "fixed by    %s: %s, %d calls later\n", cut(c.Truth, 200), cut(strings.Join(c.Fix, "; "), 200), c.Calls)
	known := "had never worked before: no memory could know it"
	if c.SeenHere {
		known = "had worked in this project before"
	} else if c.SeenAnywhere {
		known = "had worked in another project before"
	}
	fmt.Fprintf(a.out, "            %s\n", known)
	if len(c.Offers) == 0 {
		fmt.Fprintln(a.out, "offered     nothing")
	}
	for _, o := range c.Offers[:min(5, len(c.Offers))] {
		verdict := "below the threshold"
		if o.Confidence >= r.Threshold.Confidence && o.Support >= r.Threshold.Support {
			verdict = "offered"
		}
		if o.Class == c.Truth {
			verdict += ", right"
		}
		fmt.Fprintf(a.out, "%.2f        %s  [%s]\n            %s; %d sessions\n", o.Confidence, cut(o.Class, 200), verdict, clean(o.Why), o.Support)
	}
	for _, b := range recovery.Baselines() {
		fmt.Fprintf(a.out, "            %s would have said: %s\n", clean(b), cut(strings.Join(c.Baselines[b], " | "), 400))
	}
	return nil
}
