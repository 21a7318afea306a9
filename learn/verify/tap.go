package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	tapPlan    = lazyregexp.New(`^1\.\.(\d+)(?: *#.*)?$`)
	tapLine    = lazyregexp.New(`^(not )?ok\b(?: +(\d+))?(?: +-)?(?: +(.*))?$`)
	tapComment = lazyregexp.New(`(?i)(?:^|[^\\])# *(skip|todo)\b`)
	tapBailOut = lazyregexp.New(`^Bail out!`)
)

// tapDoc is one TAP document: what stands between a plan and the next.
type tapDoc struct {
	plan     int // -1 for none yet
	results  int
	v        learn.Verification
	failing  names
	bail     bool
	open     [tapDepth]bool // subtests were seen that no line has closed yet
	badChild [tapDepth]bool // one of them failed
}

const tapDepth = 16 // subtests deeper than that are not told apart

// readTAP reads the Test Anything Protocol (versions 12 to 14), adding up all
// documents of the output. Of subtests the innermost count. A document is
// complete when it has its plan and as many results; an incomplete one shows
// only its failures.
func readTAP(out *output, inv *invocation) []learn.Verification {
	docs := []*tapDoc{{plan: -1}}
	for _, line := range out.lines {
		d := docs[len(docs)-1]
		text := strings.TrimLeft(line, " ")
		depth := min((len(line)-len(text))/4, tapDepth-1)
		if m := tapPlan.FindStringSubmatch(line); m != nil {
			if d.plan >= 0 {
				if len(docs) >= 1000 {
					return nil
				}
				d = &tapDoc{plan: -1}
				docs = append(docs, d)
			}
			d.plan = count(m[1])
			continue
		}
		if m := tapLine.FindStringSubmatch(text); m != nil {
			if depth == 0 && d.plan >= 0 && d.results == d.plan { // the plan of the next may come last
				d = &tapDoc{plan: -1}
				docs = append(docs, d)
			}
			d.result(depth, m[1] != "", m[3])
		} else if tapBailOut.MatchString(line) {
			d.bail = true
		} else if text == "}" && depth+1 < tapDepth {
			d.open[depth+1], d.badChild[depth+1] = false, false
		}
	}
	return tapSum(docs)
}

// result takes one line. A line that opens a block ("{") or closes subtests
// that went before it only sums these up, unless it alone tells of a failure.
func (d *tapDoc) result(depth int, bad bool, text string) {
	if depth == 0 {
		d.results++
	}
	sums := strings.HasSuffix(text, "{")
	if depth+1 < tapDepth && d.open[depth+1] {
		sums = !bad || d.badChild[depth+1]
		d.open[depth+1], d.badChild[depth+1] = false, false
	}
	if depth > 0 && !strings.HasSuffix(text, "{") {
		d.open[depth] = true
		d.badChild[depth] = d.badChild[depth] || bad
	}
	if sums {
		return
	}
	name, _, _ := strings.Cut(text, " # ")
	directive := ""
	if m := tapComment.FindStringSubmatch(text); m != nil {
		directive = strings.ToLower(m[1])
	}
	switch {
	case directive == "skip", directive == "todo":
		d.v.Skipped++
	case bad:
		d.v.Failed++
		d.failing.add(name)
	default:
		d.v.Passed++
	}
}

func tapSum(docs []*tapDoc) []learn.Verification {
	sum := learn.Verification{Kind: learn.VerifyTest, Tool: "TAP"}
	var failing names
	planned, whole := false, true
	for _, d := range docs {
		planned = planned || d.plan >= 0
		whole = whole && (d.plan == d.results || d.plan < 0 && d.results == 0)
		sum.Passed += d.v.Passed
		sum.Failed += d.v.Failed
		sum.Skipped += d.v.Skipped
		for _, n := range d.failing.list {
			failing.add(n)
		}
		if d.bail {
			sum.Errors++
		}
	}
	if !planned || (!whole && sum.Failed+sum.Errors == 0) {
		return nil
	}
	sum.FailingNames = failing.list
	return []learn.Verification{conclude(sum)}
}

var (
	proveFiles  = lazyregexp.New(`^Files=\d+, Tests=(\d+), `)
	proveResult = lazyregexp.New(`^Result: (PASS|FAIL|NOTESTS)$`)
	proveName   = lazyregexp.New(`^(\S.*?) +\(Wstat: .*Tests: \d+ Failed: (\d+)\)$`)
	proveOther  = lazyregexp.New(`^ {2}(?:Parse errors|Non-zero exit status|Non-zero wait status): `)
)

// readProve reads Perl's test harness: "Files=2, Tests=6, ..." and "Result:
// FAIL". A program that ended badly without a failed test is an error.
func readProve(out *output, _ *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "prove"}
	tests, failed, broken := -1, 0, false
	endFile := func() {
		if broken && failed == 0 {
			v.Errors++
		}
		v.Failed += failed
		failed, broken = 0, false
	}
	for _, line := range out.lines {
		if m := proveName.FindStringSubmatch(line); m != nil {
			endFile()
			failed = count(m[2])
			failing.add(m[1])
		} else if proveOther.MatchString(line) {
			broken = true
		} else if m := proveFiles.FindStringSubmatch(line); m != nil {
			endFile()
			tests = count(m[1])
		} else if m := proveResult.FindStringSubmatch(line); m != nil {
			if m[1] == "FAIL" && v.Failed+v.Errors == 0 {
				v.Errors, tests = 1, 0 // how many failed was cut off
			}
			v.Passed = max(0, tests-v.Failed)
			v.FailingNames = failing.list
			v = conclude(v)
			v.OK = v.OK && m[1] == "PASS"
			if tests >= 0 || m[1] == "FAIL" {
				found = append(found, v)
			}
			v, failing, tests = learn.Verification{Kind: learn.VerifyTest, Tool: "prove"}, names{}, -1
		}
	}
	return found
}

var (
	batsEnd  = lazyregexp.New(`^(\d+) tests?, (\d+) failures?(?:, (\d+) skipped)?(?:, (\d+) not run)?(?: in [\d.]+ .*)?$`)
	batsName = lazyregexp.New(`✗ (\S.*)$`)
)

// readBats reads bats' pretty form, and its TAP, which it writes to pipes.
func readBats(out *output, inv *invocation) []learn.Verification {
	var found []learn.Verification
	var failing names
	for _, line := range out.lines {
		if m := batsName.FindStringSubmatch(line); m != nil {
			failing.add(m[1])
		} else if m := batsEnd.FindStringSubmatch(line); m != nil {
			v := learn.Verification{Kind: learn.VerifyTest, Tool: "bats", FailingNames: failing.list}
			v.Failed, v.Skipped = count(m[2]), count(m[3])
			v.Passed = max(0, count(m[1])-v.Failed-v.Skipped)
			found, failing = append(found, conclude(v)), names{}
		}
	}
	if len(found) > 0 || inv == nil {
		return found
	}
	found = readTAP(out, inv)
	for i := range found {
		found[i].Tool = "bats"
	}
	return found
}
