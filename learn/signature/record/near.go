package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"lathe/learn"
	"lathe/learn/signature"
)

// nearMiss is a line of another failure that resembles a pattern's own.
type nearMiss struct {
	Pattern   string `json:"pattern"`
	Recording string `json:"recording"`
	Line      string `json:"line"`
}

// text is what one recording shows.
type text struct {
	id       string
	lines    []string
	grams    []map[string]bool // of the lines
	patterns map[string]bool   // of its signatures
}

// writeNear picks the near misses: for each pattern, of all lines of recordings
// in which it has no part, the likest to one that it takes.
func writeNear(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "recorded", "*.jsonl"))
	if err != nil {
		return err
	}
	analyser, err := signature.New()
	if err != nil {
		return err
	}
	var texts []text
	own := map[string][]map[string]bool{} // pattern to the lines that it takes
	for _, f := range files {
		recs, err := readRecordings(f)
		if err != nil {
			return err
		}
		for i := range recs {
			texts = append(texts, readText(analyser, &recs[i], own))
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, p := range analyser.Patterns() {
		re, err := regexp.Compile(p.Regexp)
		if err != nil {
			return err
		}
		if near := nearest(p.ID, re, own[p.ID], texts); near == nil {
			fmt.Fprintf(os.Stderr, "%s: no recorded line resembles it\n", p.ID)
		} else if err := enc.Encode(near); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "near.jsonl"), b.Bytes(), 0o644)
}

// readText reads a recording, and adds the lines that patterns take to own.
func readText(analyser *signature.Analyser, r *recording, own map[string][]map[string]bool) text {
	t := text{id: r.ID, patterns: map[string]bool{r.Pattern: true}}
	ev := &learn.ActionOutcome{ToolName: "bash", Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Content: r.Output, ExitCode: r.Exit}}
	if r.Timeout {
		ev.Status = learn.StatusTimeout
	}
	if r.Code != "" {
		ev.ErrorDetails = &learn.ErrorDetails{Code: r.Code, Message: r.Message}
	}
	lines := strings.Split(r.Output, "\n")
	for _, sig := range analyser.Match(ev, learn.Action{Program: program(r.Command)}) {
		t.patterns[sig.PatternID] = true
		own[sig.PatternID] = append(own[sig.PatternID], gramsOf(sig.Salient))
		if len(t.patterns) <= 2 && strings.TrimSpace(r.Output) == "" {
			lines = append(lines, sig.Salient) // what is read into the exit status
		}
	}
	for _, l := range lines {
		if l = strings.TrimSpace(l); len(l) > 3 && len(l) < 300 {
			t.lines = append(t.lines, l)
			t.grams = append(t.grams, gramsOf(l))
		}
	}
	return t
}

func program(command string) string {
	first, _, _ := strings.Cut(command, " ")
	return filepath.Base(first)
}

// gramsOf is the set of a line's runs of three characters.
func gramsOf(s string) map[string]bool {
	out := map[string]bool{}
	s = strings.ToLower(s)
	for i := 0; i+3 <= len(s); i++ {
		out[s[i:i+3]] = true
	}
	return out
}

// likeness is the Jaccard index of two sets.
func likeness(a, b map[string]bool) float64 {
	if len(a) > len(b) {
		a, b = b, a
	}
	both := 0
	for w := range a {
		if b[w] {
			both++
		}
	}
	return float64(both) / float64(max(1, len(a)+len(b)-both))
}

func nearest(id string, re *regexp.Regexp, own []map[string]bool, texts []text) *nearMiss {
	var best *nearMiss
	score := 0.0
	for _, t := range texts {
		if t.patterns[id] {
			continue
		}
		for i, l := range t.lines {
			for _, o := range own[:min(len(own), 4)] {
				if s := likeness(o, t.grams[i]); s > score && !re.MatchString(l) {
					best, score = &nearMiss{id, t.id, l}, s
				}
			}
		}
	}
	return best
}
