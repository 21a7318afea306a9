package main

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed scenarios/*.txt
var scenarios embed.FS

// area is one file of scenarios.
type area struct {
	Name       string
	Begin, End string
	Scenarios  []scenario
}

// scenario is one command that fails.
type scenario struct {
	ID      string // area/NUMBER/pattern, unique
	Pattern string // "" for any
	Setup   string
	Command string
	Root    bool
	NPM     bool
	MCP     bool
	Agent   bool
	Ask     bool // the agent has to ask before it acts, and nobody answers
	Limit   time.Duration
	Near    []string
}

const defaultLimit = 90 * time.Second

// loadAreas parses the embedded scenarios.
func loadAreas() ([]area, error) {
	names, err := fs.Glob(scenarios, "scenarios/*.txt")
	if err != nil {
		return nil, err
	}
	var out []area
	for _, name := range names {
		raw, err := fs.ReadFile(scenarios, name)
		if err != nil {
			return nil, err
		}
		a, err := parseArea(strings.TrimSuffix(path.Base(name), ".txt"), string(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, a)
	}
	return out, nil
}

func parseArea(name, text string) (area, error) {
	a := area{Name: name}
	count := map[string]int{}
	for _, part := range strings.Split("\n"+text, "\n== ")[1:] {
		head, body, _ := strings.Cut(part, "\n")
		words := strings.Fields(head)
		body = strings.Trim(body, "\n")
		switch {
		case len(words) == 0:
			return a, fmt.Errorf("a scenario without a name: %q", part)
		case words[0] == "begin":
			a.Begin = body
			continue
		case words[0] == "end":
			a.End = body
			continue
		}
		s, err := parseScenario(words, body)
		if err != nil {
			return a, fmt.Errorf("scenario %q: %w", head, err)
		}
		count[words[0]]++
		s.ID = fmt.Sprintf("%s/%s/%d", name, words[0], count[words[0]])
		a.Scenarios = append(a.Scenarios, s)
	}
	return a, nil
}

func parseScenario(words []string, body string) (scenario, error) {
	s := scenario{Pattern: words[0], Limit: defaultLimit}
	if s.Pattern == "any" {
		s.Pattern = ""
	}
	if before, after, found := strings.Cut("\n"+body, "\n--\n"); found {
		s.Setup, s.Command = strings.TrimPrefix(before, "\n"), after
	} else {
		s.Command = body
	}
	if s.Command == "" {
		return s, fmt.Errorf("no command")
	}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "root":
			s.Root = true
		case "npm":
			s.NPM = true
		case "mcp":
			s.MCP = true
		case "agent":
			s.Agent = true
		case "ask":
			s.Ask = true
		case "near":
			s.Near = append(s.Near, value)
		case "seconds":
			n, err := strconv.Atoi(value)
			if err != nil {
				return s, fmt.Errorf("flag %s: %w", w, err)
			}
			s.Limit = time.Duration(n) * time.Second
		default:
			return s, fmt.Errorf("flag %s is none of %v", w, []string{"root", "npm", "mcp", "agent", "ask", "near", "seconds"})
		}
	}
	slices.Sort(s.Near)
	return s, nil
}
