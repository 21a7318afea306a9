package main

import (
	"context"
	"fmt"
	"net/http"

	"lathe/server"
)

// evalNext measures how well the next action of a session is foreseen.
func (a *app) evalNext(ctx context.Context, paths []string, f evalFlags) error {
	if f.explain != "" {
		return usagef("--explain shows a failure; --next-action has none")
	}
	r, err := a.replayNext(ctx, paths, f)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(r)
	}
	a.printNext(&r)
	return nil
}

func (a *app) replayNext(ctx context.Context, paths []string, f evalFlags) (r server.NextReport, err error) {
	if len(paths)+len(f.train) == 0 {
		client, _, err := a.client(ctx)
		if err != nil {
			return r, err
		}
		err = client.Call(ctx, http.MethodPost, "/v1/eval/next-action", f.EvalOptions, &r)
		return r, err
	}
	e, err := server.NewEvaluation()
	if err != nil {
		return r, err
	}
	e.ForNextAction()
	if err := a.readAllForEval(ctx, e, paths, f); err != nil {
		return r, err
	}
	return e.RunNext(ctx, f.EvalOptions)
}

func (a *app) printNext(r *server.NextReport) {
	fmt.Fprintf(a.out, "%d actions of %d sessions were predicted, each before it was seen, out of %d different ones. Split %s.\n\n",
		r.Events, r.Predicted, r.Labels, clean(r.Split))
	var rows [][]string
	for _, m := range r.Methods {
		rows = append(rows, []string{m.Name, rateText(m.Top1), rateText(m.Top3)})
	}
	rows = append(rows, []string{"gain over order 2", rateText(r.Gain.Top1), rateText(r.Gain.Top3)})
	a.table("METHOD TOP-1 TOP-3", rows)
	rows = nil
	for _, g := range r.ByProject[:min(20, len(r.ByProject))] {
		rows = append(rows, []string{cut(g.Project, 40), fmt.Sprint(g.Steps), fmt.Sprintf("%.2f", g.Top1), fmt.Sprintf("%.2f", g.Top3), fmt.Sprintf("%.2f", g.Order2)})
	}
	fmt.Fprintln(a.out)
	a.some("PROJECT ACTIONS TOP-1 TOP-3 ORDER-2-TOP-1", rows, len(r.ByProject), "--json has all")
}
