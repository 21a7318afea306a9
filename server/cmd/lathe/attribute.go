package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"lathe/learn/diagnose"
)

// attributed is what `lathe diagnose --conversation --json` prints.
type attributed struct {
	diagnose.Attribution
	Turns int `json:"turns"`
}

// attribute says who spoilt a conversation between agents. It needs no daemon.
func (a *app) attribute(file string) error {
	var r io.Reader = a.in
	if file == "-" {
		file = "stdin"
	} else {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("conversation: %w", err)
		}
		defer f.Close()
		r = f
	}
	c, err := diagnose.ReadConversation(r)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", file, err)}
	}
	found := diagnose.Attribute(c)
	if a.json {
		return a.print(attributed{found, len(c.Turns)})
	}
	if len(found.Suspects) == 0 {
		fmt.Fprintln(a.out, "Nobody contributes anything in this conversation, so nobody is to blame.")
		return nil
	}
	fmt.Fprintf(a.out, "Likeliest mistake: %s, at step %d of %d (counted from 0).\n\n", clean(found.Agent), found.Step, len(c.Turns))
	var rows [][]string
	for _, s := range found.Suspects[:min(5, len(found.Suspects))] {
		rows = append(rows, []string{strconv.Itoa(s.Step), cut(s.Agent, 32), percent(s.Score), strings.Join(s.Reasons, "; ")})
	}
	a.some("STEP AGENT SUSPICION WHY", rows, len(found.Suspects), "--json has all")
	var agents []string
	for _, g := range found.Agents[:min(5, len(found.Agents))] {
		agents = append(agents, cut(g.Agent, 32)+" "+percent(g.Score))
	}
	fmt.Fprintf(a.out, "\nBy agent: %s.\n", strings.Join(agents, ", "))
	fmt.Fprintln(a.out, "Suspicion ranks the steps; it is not the chance of being right.")
	return nil
}
