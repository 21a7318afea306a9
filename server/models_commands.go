package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/llm"
)

// Bounds of what is kept of a project's commands.
const (
	maxHeads    = 500 // programs with their subcommands
	maxOperands = 200 // words of one
	maxProjects = 2000
)

// commands is the learner that knows which command lines a project ran with
// success, as program and subcommand with the words that followed: a model's
// command is shown only when it is made of them. What a tool printed never
// gets in.
type commands struct {
	mu    sync.RWMutex
	words map[string]map[string]map[string]bool // project -> head -> word
}

func newCommands() *commands {
	return &commands{words: map[string]map[string]map[string]bool{}}
}

func (*commands) Name() string { return "commands" }

func (c *commands) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || ev.Status != learn.StatusSuccess || !simple(o.Action.Command) {
		return nil
	}
	head := llm.HeadOf(o.Action)
	if head == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	heads := c.words[ev.ProjectID]
	if heads == nil {
		if len(c.words) >= maxProjects {
			return nil
		}
		heads = map[string]map[string]bool{}
		c.words[ev.ProjectID] = heads
	}
	words := heads[head]
	if words == nil {
		if len(heads) >= maxHeads {
			return nil
		}
		words = map[string]bool{}
		heads[head] = words
	}
	for _, w := range strings.Fields(o.Action.Command) {
		if len(words) < maxOperands {
			words[w] = true
		}
	}
	return nil
}

// simple reports whether a command line is one short command of plain words:
// nothing that a shell would read otherwise.
func simple(command string) bool {
	return command != "" && len(command) <= 200 && len(strings.Fields(command)) <= 12 && !strings.Contains(command, "//") &&
		strings.Trim(command, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+=,- ") == ""
}

// vouched reports whether a project's history stands for a command line: its
// program and subcommand ran here with success, and so did every other word
// with them. What deletes, leaves the machine, or is not understood is never
// vouched for, whatever ran before: it worked then, on something else.
func (c *commands) vouched(project, command string) bool {
	if !simple(command) || strings.Contains(command, "..") {
		return false
	}
	act := action.ParseCommand(command)
	switch act.Intent {
	case learn.IntentDelete, learn.IntentNetwork, learn.IntentSubmit, learn.IntentVCS, learn.IntentOther:
		return false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	words := c.words[project][llm.HeadOf(act)]
	for _, w := range strings.Fields(command) {
		if !words[w] {
			return false
		}
	}
	return len(words) > 0
}

func (c *commands) Snapshot() ([]byte, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	lists := map[string]map[string][]string{}
	for project, heads := range c.words {
		lists[project] = map[string][]string{}
		for head, words := range heads {
			for w := range words {
				lists[project][head] = append(lists[project][head], w)
			}
			slices.Sort(lists[project][head])
		}
	}
	return json.Marshal(lists)
}

func (c *commands) Restore(raw []byte) error {
	var lists map[string]map[string][]string
	if err := json.Unmarshal(raw, &lists); err != nil {
		return fmt.Errorf("commands: %w", err)
	}
	words := map[string]map[string]map[string]bool{}
	for project, heads := range lists {
		words[project] = map[string]map[string]bool{}
		for head, list := range heads {
			words[project][head] = map[string]bool{}
			for _, w := range list {
				words[project][head][w] = true
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.words = words
	return nil
}

// headOf is program and subcommand of a command line.
func headOf(command string) string {
	if strings.TrimSpace(command) == "" {
		return ""
	}
	return llm.HeadOf(action.ParseCommand(command))
}
