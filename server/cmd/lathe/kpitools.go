package main

import (
	"fmt"
	"strings"

	"lathe/server"
)

// maxToolRows bounds the tools that are listed.
const maxToolRows = 8

// printToolList prints what the list of tools costs in each session, the tools
// that cost most, and those that nobody calls.
func (a *app) printToolList(l server.ToolList) {
	fmt.Fprintf(a.out, "\nthe tool list has %d tools, which each session reads: %d bytes, about %d tokens (%d of them output schemas, which many clients keep from the model)\n",
		l.Tools, l.Bytes, l.Tokens, l.OutputSchemas/4)
	var rows [][]string
	for _, t := range l.ByTool[:min(maxToolRows, len(l.ByTool))] {
		name := t.Name
		if t.Server != "" {
			name += " (" + t.Server + ")"
		}
		used := t.LastUsed
		if used == "" {
			used = "-"
		}
		rows = append(rows, []string{cut(name, 40), t.Kind, fmt.Sprint(t.Tokens), fmt.Sprint(t.Calls), fmt.Sprint(t.Failures), used})
	}
	a.some("TOOL-ON-OFFER KIND TOKENS CALLS FAILED LAST-USED", rows, len(l.ByTool), "lathe kpi --json has all")
	if len(l.Unused) > 0 {
		fmt.Fprintf(a.out, "never called: %s\n", cut(strings.Join(l.Unused, ", "), 300))
	}
	fmt.Fprintln(a.out, "calls of Lathe's own tools are counted since the daemon started; tokens are estimated at 4 bytes each")
}

// kilo prints a number of bytes.
func kilo(bytes int64) string {
	switch {
	case bytes <= 0:
		return "-"
	case bytes < 1000:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
