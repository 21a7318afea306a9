package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	mochaTerm    = lazyregexp.New(`^ {1,4}(\d+) (passing|pending|failing)(?: \(\d+m?s?m?\))?$`)
	mochaName    = lazyregexp.New(`^ {1,4}\d+\) (.+)$`)
	nodeTerm     = lazyregexp.New(`^(?:# |ℹ )(tests|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$`)
	nodeNotOK    = lazyregexp.New(`^ *not ok \d+ - (.+)$`)
	nodeSpecName = lazyregexp.New(`^✖ (.+) \([\d.]+ms\)$`)
)

// readMocha reads mocha's "2 passing", "1 pending", "1 failing" and the list
// of failures below.
func readMocha(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	var v *learn.Verification
	var failing names
	end := func() {
		if v != nil {
			v.FailingNames = failing.list
			found = append(found, out.wholly(conclude(*v), inv, "  1 failing")...)
		}
		v, failing = nil, names{}
	}
	for i, line := range out.lines {
		if m := mochaTerm.FindStringSubmatch(line); m != nil {
			if m[2] == "passing" || v == nil {
				end()
				v = &learn.Verification{Kind: learn.VerifyTest, Tool: "mocha"}
			}
			addTerms(v, [][]string{m})
			continue
		}
		if m := mochaName.FindStringSubmatch(line); m != nil && v != nil && v.Failed > 0 {
			failing.add(mochaTitle(m[1], out.lines[i+1:]))
		}
	}
	end()
	if len(found) == 0 {
		return readMochaJSON(out)
	}
	return found
}

// mochaTitle joins the lines of a title, the last of which ends in a colon.
func mochaTitle(first string, rest []string) string {
	title := first
	for i := 0; i < len(rest) && i < 8 && !strings.HasSuffix(title, ":"); i++ {
		part := strings.TrimSpace(rest[i])
		if part == "" {
			break
		}
		title += " > " + part
	}
	return strings.TrimSuffix(title, ":")
}

func runsNodeTest(inv *invocation) bool {
	if inv.program != "node" {
		return false
	}
	for _, a := range inv.args {
		if a == "--test" || strings.HasPrefix(a, "--test=") {
			return true
		}
	}
	return false
}

// readNodeTest reads the closing counts of Node's own runner in its TAP and
// spec forms; "duration_ms" ends them.
func readNodeTest(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "node:test"}
	terms, listed := 0, false
	for i, line := range out.lines {
		m := nodeTerm.FindStringSubmatch(line)
		switch {
		case m == nil:
			listed = listed || line == "✖ failing tests:"
			if n := nodeNotOK.FindStringSubmatch(line); n != nil && !tapSuite(out.lines[i+1:]) {
				failing.add(n[1])
			} else if n := nodeSpecName.FindStringSubmatch(line); n != nil && listed {
				failing.add(n[1])
			}
		case m[1] == "duration_ms":
			if terms > 0 {
				found = append(found, conclude(v))
			}
			v, terms = learn.Verification{Kind: learn.VerifyTest, Tool: "node:test"}, 0
		default:
			terms++
			addTerms(&v, [][]string{{"", m[2], m[1]}})
		}
	}
	if len(found) > 0 && !found[len(found)-1].OK {
		found[len(found)-1].FailingNames = failing.list
	}
	return found
}

// tapSuite reports whether the details under a "not ok" are a suite's, which
// only repeats what failed inside.
func tapSuite(details []string) bool {
	for i := 0; i < len(details) && i < 8; i++ {
		switch strings.TrimSpace(details[i]) {
		case "type: 'suite'", "failureType: 'subtestsFailed'":
			return true
		case "...":
			return false
		}
	}
	return false
}
