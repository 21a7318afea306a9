package verify

import (
	"encoding/xml"
	"io"
	"strings"

	"lathe/learn"
)

// junitCase is one <testcase> as far as it matters.
type junitCase struct {
	name, class, file string
	failed, errored   bool
	skipped           bool
}

// readJUnitXML adds up the test cases of all complete JUnit XML documents in
// the output. A document that was cut off shows only its failures.
func readJUnitXML(out *output, _ *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyTest, Tool: "JUnit XML"}
	var failing names
	docs, whole := 0, true
	for rest := out.text; ; {
		i := junitStart(rest)
		if i < 0 {
			whole = whole && !junitRemains(rest)
			break
		}
		whole = whole && !junitRemains(rest[:i])
		n, complete := junitDocument(rest[i:], &v, &failing)
		docs++
		whole = whole && complete
		if rest = rest[i+n:]; n == 0 || docs > 10_000 {
			break
		}
	}
	v.FailingNames = failing.list
	if docs == 0 || (!whole && v.Failed+v.Errors == 0) {
		return nil
	}
	return []learn.Verification{conclude(v)}
}

// junitRemains reports whether text outside of documents is part of one whose
// beginning was cut off.
func junitRemains(s string) bool {
	return strings.Contains(s, "</testsuite") || strings.Contains(s, "<testcase") || strings.Contains(s, "</testcase>")
}

// junitStart finds the next root element.
func junitStart(s string) int {
	for from := 0; ; {
		i := strings.Index(s[from:], "<testsuite")
		if i < 0 {
			return -1
		}
		i += from
		after := s[i+len("<testsuite"):]
		after = strings.TrimPrefix(after, "s")
		if after != "" && strings.ContainsRune(" >\n\t/", rune(after[0])) {
			return i
		}
		from = i + 1
	}
}

// junitDocument reads one document from the beginning of s and says how many
// bytes it took and whether it was complete.
func junitDocument(s string, v *learn.Verification, failing *names) (n int, complete bool) {
	d := xml.NewDecoder(strings.NewReader(s))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	depth := 0
	var c *junitCase
	for {
		tok, err := d.RawToken()
		if err != nil {
			return len(s), false
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			if t.Name.Local == "testcase" {
				c = newCase(t)
			} else if c != nil {
				c.child(t.Name.Local)
			}
		case xml.EndElement:
			depth--
			if t.Name.Local == "testcase" && c != nil {
				c.addTo(v, failing)
				c = nil
			}
			if depth <= 0 {
				return int(d.InputOffset()), true
			}
		}
	}
}

func newCase(t xml.StartElement) *junitCase {
	c := &junitCase{}
	for _, a := range t.Attr {
		switch a.Name.Local {
		case "name":
			c.name = a.Value
		case "classname":
			c.class = a.Value
		case "file":
			c.file = a.Value
		case "status": // GoogleTest's tests that did not run
			c.skipped = a.Value == "notrun"
		}
	}
	return c
}

func (c *junitCase) child(element string) {
	switch element {
	case "failure":
		c.failed = true
	case "error":
		c.errored = true
	case "skipped":
		c.skipped = true
	}
}

func (c *junitCase) addTo(v *learn.Verification, failing *names) {
	name := c.name
	if c.class != "" && c.class != "test" {
		name = c.class + "." + c.name
	}
	switch {
	case c.errored:
		v.Errors++
		failing.add(name)
	case c.failed:
		v.Failed++
		failing.add(name)
	case c.skipped:
		v.Skipped++
	default:
		v.Passed++
	}
}
