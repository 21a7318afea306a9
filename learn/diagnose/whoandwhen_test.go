package diagnose

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// labelled is a failed conversation with a person's label.
type labelled struct {
	name  string
	group string
	c     Conversation
	agent string
	step  int
}

// readLabelled reads the archive of labelled failures, sorted by name.
func readLabelled(t testing.TB) []labelled {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "who-and-when.tar.gz"))
	if err != nil {
		t.Fatalf("the labelled failures are missing: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []labelled
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".json") {
			continue
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ReadConversation(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		var label struct {
			Agent string `json:"mistake_agent"`
			Step  string `json:"mistake_step"`
		}
		if err := json.Unmarshal(raw, &label); err != nil {
			t.Fatal(err)
		}
		step, err := strconv.Atoi(label.Step)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, labelled{h.Name, filepath.Base(filepath.Dir(h.Name)), c, label.Agent, step})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// verdict is one guess.
type verdict struct {
	agent string
	step  int
}

func guessers(cases []labelled) map[string]func(labelled) verdict {
	ours := map[string]verdict{}
	for _, l := range cases {
		a := Attribute(l.c)
		ours[l.name] = verdict{a.Agent, a.Step}
	}
	at := func(c Conversation, i int) verdict {
		i = min(i, len(c.Turns)-1)
		return verdict{c.Turns[i].Agent, i}
	}
	return map[string]func(labelled) verdict{
		"attribute":             func(l labelled) verdict { return ours[l.name] },
		"first speaker, step 0": func(l labelled) verdict { return at(l.c, 0) },
		"step 1":                func(l labelled) verdict { return at(l.c, 1) },
		"most frequent speaker": func(l labelled) verdict {
			n, best := map[string]int{}, 0
			for i, t := range l.c.Turns {
				n[t.Agent]++
				if n[t.Agent] > n[l.c.Turns[best].Agent] {
					best = i
				}
			}
			agent := l.c.Turns[best].Agent
			first := slices.IndexFunc(l.c.Turns, func(t Turn) bool { return t.Agent == agent })
			return verdict{agent, first}
		},
		"last step": func(l labelled) verdict { return at(l.c, len(l.c.Turns)-1) },
	}
}

// rates are the shares of right agents and of steps within 0, 1, 3 and 5.
func rates(cases []labelled, guess func(labelled) verdict) [5]float64 {
	var out [5]float64
	for _, l := range cases {
		g := guess(l)
		if g.agent == l.agent {
			out[0]++
		}
		for k, within := range []int{0, 1, 3, 5} {
			if abs(g.step-l.step) <= within {
				out[k+1]++
			}
		}
	}
	for i := range out {
		out[i] /= float64(len(cases))
	}
	return out
}

func abs(x int) int { return max(x, -x) }

// interval is the 95 % bootstrap interval of one of the rates.
func interval(cases []labelled, guess func(labelled) verdict, rate int) (lo, hi float64) {
	rng := rand.New(rand.NewPCG(7, 7))
	known := map[string]verdict{}
	for _, l := range cases {
		known[l.name] = guess(l)
	}
	var all []float64
	for range 1000 {
		sample := make([]labelled, len(cases))
		for i := range sample {
			sample[i] = cases[rng.IntN(len(cases))]
		}
		all = append(all, rates(sample, func(l labelled) verdict { return known[l.name] })[rate])
	}
	sort.Float64s(all)
	return all[25], all[975]
}

// On labelled failures of groups of agents, the attribution must beat every
// trivial guess at the agent and at the step.
func TestAttributeOnLabelledFailures(t *testing.T) {
	cases := readLabelled(t)
	if len(cases) < 30 {
		t.Fatalf("%d labelled failures", len(cases))
	}
	groups := map[string][]labelled{"all": cases}
	for _, l := range cases {
		groups[l.group] = append(groups[l.group], l)
	}
	for i, l := range cases {
		half := fmt.Sprintf("half %d", i%2)
		groups[half] = append(groups[half], l)
	}
	all := guessers(cases)
	for _, g := range []string{"all", "Algorithm-Generated", "Hand-Crafted", "half 0", "half 1"} {
		t.Logf("%s: %d failures; agent, step exact, within 1, 3, 5", g, len(groups[g]))
		for name, guess := range all {
			r := rates(groups[g], guess)
			alo, ahi := interval(groups[g], guess, 0)
			slo, shi := interval(groups[g], guess, 1)
			t.Logf("  %-22s agent %.2f [%.2f, %.2f]  step %.2f [%.2f, %.2f]  %.2f %.2f %.2f", name, r[0], alo, ahi, r[1], slo, shi, r[2], r[3], r[4])
		}
	}
	ours := rates(cases, all["attribute"])
	for name, guess := range all {
		if r := rates(cases, guess); name != "attribute" && (r[0] >= ours[0] || r[1] >= ours[1]) {
			t.Errorf("always the %s is right on agent %.2f, step %.2f; the attribution on %.2f, %.2f", name, r[0], r[1], ours[0], ours[1])
		}
	}
}
