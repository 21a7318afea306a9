package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
)

func (a *app) reviewerCmd() *cobra.Command {
	c := &cobra.Command{Use: "reviewer", Short: "Who may approve", Long: `Who may approve: the person who has the passphrase that lathe reviewer init sets.
It opens the key that signs decisions, on a terminal, on the review page, or in
an editor that was unlocked there. Agents do not have it, and cannot approve.`}
	c.AddCommand(&cobra.Command{Use: "init", Short: "Set the reviewer's passphrase; only on a terminal", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
				return fmt.Errorf("data directory: %w", err)
			}
			if _, err := review.Public(cfg.DataDir); !errors.Is(err, review.ErrNoReviewer) {
				return fmt.Errorf("there is a reviewer already in %s", cfg.DataDir)
			}
			first, err := passphrase(cmd.Context(), "New passphrase of the reviewer: ")
			if err != nil {
				return err
			}
			second, err := passphrase(cmd.Context(), "Once more: ")
			if err != nil {
				return err
			}
			if first != second {
				return errors.New("the two differ; nothing was set")
			}
			key, err := review.Create(cfg.DataDir, first)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.out, "reviewer", review.Fingerprint(key.Public()), "may approve now")
			return nil
		}})
	return c
}

// passphrase asks on the terminal, and only there: not on stdin, by flag or by
// variable, where an agent could give it. A person who gives up (Ctrl-C) gets
// the terminal back as it was, with what is typed shown again.
func passphrase(ctx context.Context, prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("a passphrase is typed on a terminal, and there is none: %w", err)
	}
	fd := int(tty.Fd())
	was, err := term.GetState(fd)
	if err != nil {
		return "", errors.Join(fmt.Errorf("the terminal: %w", err), tty.Close())
	}
	if _, err := tty.WriteString(prompt); err != nil {
		return "", errors.Join(err, tty.Close())
	}
	type typed struct {
		text []byte
		err  error
	}
	got := make(chan typed, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		got <- typed{text, err}
	}()
	select {
	case t := <-got:
		_, _ = tty.WriteString("\n")
		return string(t.text), errors.Join(t.err, tty.Close())
	case <-ctx.Done(): // the read goes on until the process ends
		_, _ = tty.WriteString("\n")
		return "", errors.Join(errors.New("nothing was typed, nothing is done"), term.Restore(fd, was))
	}
}

func (a *app) reviewCmd() *cobra.Command {
	c := &cobra.Command{Use: "review", Short: "Proposals that wait for a person; without a command a list to go through with keys", Args: cobra.NoArgs,
		Long: `Without a command, on a terminal, it is a list to go through with keys: j and k
move, / finds, Enter opens; then e shows the recorded calls behind a proposal,
a approves, r rejects, c asks back, and q leaves.

Approving and rejecting ask for the reviewer's passphrase on the terminal (lathe
reviewer init sets it) and sign the decision over exactly the content shown.

    lathe review list
    lathe review show ID
    lathe review evidence ID
    lathe review reject ID --reason "the step is optional"`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.interactiveReview(cmd.Context()) }}
	all := false
	list := &cobra.Command{Use: "list", Short: "The queue", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			items, err := a.reviews(cmd.Context())
			if err != nil {
				return err
			}
			open := []review.Item{}
			for _, it := range items {
				if all || it.State == learn.StateInReview {
					open = append(open, it)
				}
			}
			if a.json {
				return a.print(open)
			}
			var rows [][]string
			for _, it := range open {
				rows = append(rows, []string{it.ID[:min(8, len(it.ID))], string(it.Kind), cut(it.Title, 50), string(it.State), it.Risk, learn.Age(time.Since(it.Created))})
			}
			a.table("ID KIND TITLE STATE RISK AGE", rows)
			return nil
		}}
	list.Flags().BoolVar(&all, "all", false, "decided ones too")
	show := &cobra.Command{Use: "show ID", Short: "One proposal with everything that speaks for and against it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			it, err := a.reviewItem(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.print(it)
			}
			a.printItem(it)
			return nil
		}}
	c.AddCommand(list, show, a.evidenceCmd(), a.verdictCmd("approve", learn.VerdictApprove, "Approve: the tool is deployed into every live session, the plan is changed"),
		a.verdictCmd("reject", learn.VerdictReject, "Reject, with a reason (--reason)"),
		a.verdictCmd("clarify", learn.VerdictRequestClarification, "Ask back (--reason is the question)"))
	return c
}

func (a *app) verdictCmd(name string, v learn.Verdict, short string) *cobra.Command {
	var reason string
	c := &cobra.Command{Use: name + " ID", Short: short, Args: cobra.ExactArgs(1),
		Long: short + `.
ID is that of a proposal (lathe review list), or its beginning, or a tool's name.
What is decided on is shown, and the reviewer's passphrase asked for on the
terminal; a decision holds for exactly that content. ` + map[learn.Verdict]string{
			learn.VerdictApprove:              "An approved plan change is\nwritten into its file at once; lathe undo takes it back.",
			learn.VerdictReject:               "Kinds of change that\nare always rejected stop being proposed (lathe digest --json names them).",
			learn.VerdictRequestClarification: "The answer, from the\nrecorded evidence or a language model, comes to the proposal in the queue.",
		}[v],
		RunE: func(cmd *cobra.Command, args []string) error {
			if v != learn.VerdictApprove && strings.TrimSpace(reason) == "" {
				return usagef("%s needs --reason: what is learned from it, or the question", name)
			}
			it, err := a.reviewItem(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			cfg, _, err := a.config()
			if err != nil {
				return err
			}
			if _, err := review.Public(cfg.DataDir); err != nil {
				return err
			}
			fmt.Fprintf(a.errs, "%s %s\n%s\n", name, clean(it.Title), cleanLines(it.Summary))
			if it.Plan != nil {
				fmt.Fprintf(a.errs, "\n%s\n", cleanLines(it.Plan.Diff))
			}
			if it.Tool != nil && v == learn.VerdictApprove {
				a.showBefore(it)
			}
			fmt.Fprintf(a.errs, "content %s\n", it.ContentHash)
			pass, err := passphrase(cmd.Context(), "Reviewer's passphrase: ")
			if err != nil {
				return err
			}
			key, err := review.Unlock(cfg.DataDir, pass)
			if err != nil {
				return err
			}
			out, err := a.decide(cmd.Context(), key, it, v, reason)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(out)
			}
			fmt.Fprintf(a.out, "%s is %s\n", clean(out.Item.Title), out.Item.State)
			if out.Deployed != nil {
				fmt.Fprintf(a.out, "deployed as %s, and in every live session\n", out.Deployed.Digest)
			}
			if w := out.Written; w != nil {
				fmt.Fprintf(a.out, "written to %s (lathe undo %s takes it back)\n", clean(w.Template), w.ProposalID[:8])
			}
			return nil
		}}
	c.Flags().StringVar(&reason, "reason", "", "why, or the question")
	return c
}

func (a *app) decide(ctx context.Context, key *review.Key, it review.Item, v learn.Verdict, reason string) (server.Decided, error) {
	client, _, err := a.client(ctx)
	if err != nil {
		return server.Decided{}, err
	}
	var out server.Decided
	err = client.Call(ctx, http.MethodPost, "/v1/decisions", key.Decide(it.ID, it.ContentHash, v, reason, time.Now()), &out)
	return out, err
}

func (a *app) reviews(ctx context.Context) ([]review.Item, error) {
	client, _, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	var items []review.Item
	err = client.Call(ctx, http.MethodGet, "/v1/reviews", nil, &items)
	return items, err
}

func (a *app) reviewItem(ctx context.Context, id string) (review.Item, error) {
	items, err := a.reviews(ctx)
	if err != nil {
		return review.Item{}, err
	}
	var found []review.Item
	for _, it := range items {
		if it.ID == id {
			return it, nil
		}
		if strings.HasPrefix(it.ID, id) || it.Tool != nil && it.Tool.Tool.Manifest.Name == id {
			found = append(found, it)
		}
	}
	switch len(found) {
	case 0:
		return review.Item{}, fmt.Errorf("there is no proposal %q: see `lathe review list --all`", id)
	case 1:
		return found[0], nil
	}
	return review.Item{}, fmt.Errorf("%q fits %d proposals: give more of the id", id, len(found))
}

func (a *app) printItem(it review.Item) {
	fmt.Fprintf(a.out, "%s  %s, %s, risk %s\n%s\n\n", clean(it.Title), it.State, it.ID, it.Risk, cleanLines(it.Summary))
	if p := it.Plan; p != nil {
		if p.Rationale != it.Summary {
			fmt.Fprintf(a.out, "%s\n\n", clean(p.Rationale))
		}
		fmt.Fprintln(a.out, cleanLines(p.Diff))
	}
	if t := it.Tool; t != nil {
		fmt.Fprintf(a.out, "permissions  %s\nwhy          %s\n", clean(t.PermissionsWords), clean(t.Rationale))
		if t.Tool.Spec.CommandTemplate != "" {
			fmt.Fprintf(a.out, "does what    %s\n", clean(t.Tool.Spec.CommandTemplate))
		}
		a.printEvidence(t)
		fmt.Fprintln(a.out)
		a.printChecks(t.Validation)
		if t.Diff != "" {
			fmt.Fprint(a.out, "\nchange to the former version:\n")
			a.source(a.out, ".diff", t.Diff)
		}
		a.printTool(t)
	}
	fmt.Fprintf(a.out, "\ncontent  %s\n", it.ContentHash)
	for _, q := range it.Questions {
		fmt.Fprintf(a.out, "asked    %s (not answered yet)\n", clean(q))
	}
	for _, c := range it.Answers {
		fmt.Fprintf(a.out, "asked    %s\nanswer   (by %s)\n", clean(c.Question), clean(c.By))
		for _, l := range c.Answer {
			fmt.Fprintf(a.out, "         %s\n", clean(l))
		}
	}
	if it.Tool != nil && it.State == learn.StateInReview && len(it.Questions)+len(it.Answers) > 0 {
		fmt.Fprintf(a.out, "change   lathe tool edit %s\n", it.ID[:min(8, len(it.ID))])
	}
	if n := len(it.Evidence); n > 0 {
		fmt.Fprintf(a.out, "evidence %s: lathe review evidence %s\n", counted(n, "recorded event"), shortID(it.ID))
	}
}

func (a *app) printChecks(v learn.ValidationResult) {
	var rows [][]string
	for _, ch := range v.Checks {
		mark := "passed"
		if !ch.Passed {
			mark = "FAILED"
		}
		if ch.Reused {
			mark = "reused"
		}
		rows = append(rows, []string{ch.Name, mark, fmt.Sprintf("%.1f s", ch.Seconds), cut(ch.Summary, 100)})
	}
	a.table("CHECK RESULT TIME SUMMARY", rows)
	a.printVerdict(v)
}

// printVerdict sums a validation up. What was not run has no numbers.
func (a *app) printVerdict(v learn.ValidationResult) {
	var refused []string
	for _, c := range v.Checks {
		if !c.Passed {
			refused = append(refused, c.Name)
		}
	}
	verdict := "passed"
	if !v.Passed {
		verdict = "refused by " + strings.Join(refused, ", ")
	}
	parts := []string{fmt.Sprintf("score %.2f", v.Score), "risk " + v.Risk}
	if v.TestsPassed+v.TestsFailed > 0 {
		parts = append(parts, fmt.Sprintf("%d tests", v.TestsPassed), fmt.Sprintf("coverage %.0f %%", 100*v.Coverage))
	} else {
		parts = append(parts, "nothing of it was executed")
	}
	if v.MemoryMB > 0 {
		parts = append(parts, fmt.Sprintf("cold %.0f ms", v.ColdMS), fmt.Sprintf("%.0f MB", v.MemoryMB))
	}
	fmt.Fprintf(a.out, "%s: %s, on %s in %.1f s\n", verdict, strings.Join(parts, ", "), v.Backend, v.Seconds)
	if len(v.Degradations) > 0 {
		fmt.Fprintf(a.out, "not enforced on this machine: %s\n", strings.Join(v.Degradations, "; "))
	}
}
