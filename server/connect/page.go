package connect

import (
	"fmt"
	"strings"
)

// documented is the machine of the documentation's snippets.
func documented() (Lathe, Where) {
	return Lathe{Program: "lathe", Hook: "lathe-hook"}, Where{Home: "~", GOOS: "linux", Getenv: nil}
}

// Page is the page of the documentation that shows what `lathe connect` writes,
// made from the same table.
func Page() (string, error) {
	var b strings.Builder
	b.WriteString(pageHead)
	l, w := documented()
	for _, agents := range []bool{true, false} {
		b.WriteString(map[bool]string{true: "\n## Agents\n", false: "\n## Editors\n"}[agents])
		for _, c := range Clients() {
			if c.Agent != agents {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n`lathe connect %s` writes:\n", c.Title, c.Name)
			for _, f := range c.files(l, w) {
				text, err := f.edit.apply("")
				if err != nil {
					return "", fmt.Errorf("%s: %s: %w", c.Name, f.path, err)
				}
				if _, own := f.edit.(fileEdit); own && f.lang == "js" {
					fmt.Fprintf(&b, "\n`%s` (%s)\n", f.path, f.what)
					continue
				}
				fmt.Fprintf(&b, "\n`%s` (%s)\n\n```%s\n%s```\n", f.path, f.what, f.lang, text)
			}
			if c.Note != "" {
				fmt.Fprintf(&b, "\n%s\n", c.Note)
			}
		}
	}
	return b.String(), nil
}

const pageHead = `# Connecting agents and editors

<!-- Made by go test ./server/connect -update from the table in server/connect. -->

` + "```" + `
lathe connect                     what there is, and what is connected
lathe connect claude-code         show what changes, ask, write
lathe connect claude-code --remove
` + "```" + `

` + "`lathe connect NAME`" + ` shows the difference to each settings file and asks before it writes (` + "`--yes`" + ` does not ask). It changes only the places shown, keeps comments and formatting, and changes nothing the second time. ` + "`--remove`" + ` gives back the very bytes from before when nobody changed the file since; otherwise it takes out only what is Lathe's. What was there before is kept in ` + "`connect/`" + ` of the data directory until it is removed. ` + "`lathe connect --server-json NAME`" + ` prints a ` + "`server.json`" + ` for the MCP registry.

In place of ` + "`lathe`" + ` and ` + "`lathe-hook`" + ` it writes their full paths. The small program ` + "`lathe-hook`" + ` should lie beside ` + "`lathe`" + ` (build both: ` + "`go build -o DIR ./server/cmd/lathe ./server/cmd/lathe-hook`" + `); without it hooks run ` + "`lathe hook`" + `, which starts more slowly.

Hooks record every call without the agent's help, and answer a failing call with what fixed it before. A command that failed each time it was run here, in several sessions, and for which another is known to work, is answered before it runs, where the agent's hooks can: with a word beside the call, or, with the setting ` + "`hooks.before = \"deny\"`" + `, with a refusal that names what works (the same command again is let through); ` + "`off`" + ` is silence. Cursor, Gemini CLI and opencode can only refuse, so with the default they are told after the failure. Hooks, the gateway, telemetry and imported sessions may tell of one call: it is one event, by the agent's id of it, or else by its tool, parameters and time (within ten seconds). Hooks end within two seconds and never fail a call; without a daemon events go to the spool, without their secrets. An event that needs no advice is answered before it is on disk: a crash of the daemon loses what came in within the last hundredths of a second.
`
