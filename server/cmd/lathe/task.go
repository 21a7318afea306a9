package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"lathe/index"
	"lathe/learn"
	"lathe/server"
)

func (a *app) taskCmd() *cobra.Command {
	c := &cobra.Command{Use: "task", Short: "A person's word on tasks, and on what fixed failures",
		Long: `What a person says of a task outranks its tests and what the agent said of it;
what is said of a remedy weighs as much as five sessions. Learning follows.

    lathe task list                  the tasks that ended last
    lathe task good ID               it is done
    lathe task fixes                 the remedies, with their ids
    lathe task bad ID --why "..."    a remedy that did not work; a task that is not done`}
	c.AddCommand(a.wordCmd("good", true, "Say that a task is done, or that a remedy worked"),
		a.wordCmd("bad", false, "Say that a task is not done, or that a remedy did not work"), a.taskListCmd(), a.fixesCmd())
	return c
}

func (a *app) wordCmd(name string, good bool, short string) *cobra.Command {
	var why, event string
	c := &cobra.Command{Use: name + " ID", Short: short, Args: cobra.ExactArgs(1),
		Long: short + ".\nID is that of a task (lathe task list; a session's id where tasks have none), or of a remedy\n(lathe task fixes, lathe diagnose), of which a beginning will do.",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			var out server.Feedback
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/feedback", server.FeedbackCall{ID: args[0], EventID: event, Good: good, Why: why}, &out); err != nil {
				return err
			}
			if a.json {
				return a.print(out)
			}
			fmt.Fprintln(a.out, clean(out.Line))
			return nil
		}}
	c.Flags().StringVar(&why, "why", "", "a few words, kept with it")
	c.Flags().StringVar(&event, "event", "", "the failure that a remedy was for")
	return c
}

func (a *app) taskListCmd() *cobra.Command {
	var q index.Query
	c := &cobra.Command{Use: "list [WORDS...]", Short: "The tasks that ended last, or those with these words", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			q.Kinds, q.Text = []string{string(learn.EntryTask)}, joined(args)
			var res index.Result
			if err := client.Call(cmd.Context(), http.MethodPost, "/v1/objects", q, &res); err != nil {
				return err
			}
			tasks := []learn.Task{}
			for _, h := range res.Hits {
				var t learn.Task
				if h.Entry != nil && json.Unmarshal(h.Entry.Body, &t) == nil {
					tasks = append(tasks, t)
				}
			}
			if a.json {
				return a.print(tasks)
			}
			var rows [][]string
			for _, t := range tasks {
				rows = append(rows, []string{t.TaskID, t.Finished.Format("2006-01-02 15:04"), cut(t.ProjectID, 24), string(t.Outcome), cut(t.OutcomeReason, 50), cut(t.Prompt, 50)})
			}
			a.some("TASK ENDED PROJECT OUTCOME BECAUSE ASKED", rows, int(res.Total), "--limit, --project or words")
			return nil
		}}
	c.Flags().StringVar(&q.Project, "project", "", "only this project")
	c.Flags().IntVar(&q.Limit, "limit", 20, "at most this many")
	return c
}

func (a *app) fixesCmd() *cobra.Command {
	return &cobra.Command{Use: "fixes", Short: "What fixed which failure, the best supported first", Args: cobra.NoArgs,
		Long: "What fixed which failure, the best supported first. WORKED is how often it did,\nwhere recent sessions count more. What is said of one (lathe task good, lathe\ntask bad) is said of it wherever it is known.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			remedies := []learn.Remedy{}
			if err := client.Call(cmd.Context(), http.MethodGet, "/v1/remedies", nil, &remedies); err != nil {
				return err
			}
			if a.json {
				return a.print(remedies)
			}
			var rows [][]string
			for _, r := range server.DistinctFixes(remedies) {
				rows = append(rows, []string{shortID(r.RemedyID), cut(r.PatternID, 34), cut(orAll(r.ProjectID), 24), fmt.Sprint(r.Support), percent(r.Posterior), cut(r.Description, 90)})
			}
			a.table("REMEDY FOR PROJECT SESSIONS WORKED WHAT", rows)
			return nil
		}}
}
