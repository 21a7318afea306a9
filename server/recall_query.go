package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/verify"
	"lathe/mcp"
)

// facts are what is known of the task that somebody asks about.
type facts struct {
	project   string
	text      string
	words     []uint32 // of the prompt and the plan, sorted
	shown     map[uint32]string
	weights   []float64 // of the words; see weigh
	all       float64
	problem   string
	languages map[string]bool // file extensions of the workspace, "" when unknown
	errors    map[string]bool // signatures of the failures in this session
	done      []stepKey       // the session's steps so far
	planned   []stepKey
	steps     []stepKey                // both
	uses      func(action string) bool // whether the project ever did; of "", whether it did anything
}

// maxDone is the number of a session's last steps that are looked at.
const maxDone = 200

// factsOf gathers what is known of a query.
func (d *Daemon) factsOf(s mcp.Scope, q mcp.RecallQuery) *facts {
	f := &facts{project: s.ProjectID, text: q.Prompt, problem: verify.ProblemType(q.Prompt), languages: languagesIn(s.Root),
		errors: map[string]bool{}, shown: map[uint32]string{},
		uses: func(a string) bool { return d.learners.next.Uses(s.ProjectID, a) }}
	if q.Prompt == "" {
		f.problem = ""
	}
	if q.Plan != nil {
		f.text += "\n" + q.Plan.Name
		for _, t := range q.Plan.Tasks[:min(len(q.Plan.Tasks), maxDone)] {
			f.planned = append(f.planned, stepOf(t.ToolName, t.Arguments))
			f.text += "\n" + t.ToolName + " " + string(t.Arguments)
		}
	}
	for _, w := range splitWords(f.text[:min(len(f.text), 16<<10)]) {
		h := hashWord(w)
		if f.shown[h] == "" {
			f.shown[h] = w
			f.words = append(f.words, h)
		}
	}
	slices.Sort(f.words)
	task := s.SessionID
	steps := d.learners.tracker.History(s.ProjectID, task)
	for _, st := range steps[max(0, len(steps)-maxDone):] {
		f.done = append(f.done, stepKey{st.Tool, stepHead(st.Tool, st.Skeleton), st.Intent})
		if st.Status.Failed() {
			for _, sig := range st.Signatures {
				f.errors[sig] = true
			}
		}
	}
	f.steps = append(slices.Clone(f.done), f.planned...)
	return f
}

// manifests are files that tell a workspace's language, as the extension of
// its sources.
func manifests() map[string][]string {
	return map[string][]string{
		"go.mod": {"go"}, "package.json": {"js", "ts"}, "tsconfig.json": {"ts"}, "pyproject.toml": {"py"}, "setup.py": {"py"}, "requirements.txt": {"py"},
		"Cargo.toml": {"rs"}, "pom.xml": {"java"}, "build.gradle": {"java", "kt"}, "Gemfile": {"rb"}, "composer.json": {"php"}, "CMakeLists.txt": {"c", "cc", "cpp", "h"},
	}
}

// maxRootFiles is the number of files of a workspace's root that are looked at.
const maxRootFiles = 500

// languagesIn are the extensions that the files in a workspace's root speak
// for. It is empty when the workspace is not known.
func languagesIn(root string) map[string]bool {
	out := map[string]bool{}
	if root == "" {
		return out
	}
	dir, err := os.Open(root)
	if err != nil {
		return out // a workspace of another machine
	}
	defer func() { _ = dir.Close() }() // only read
	names, _ := dir.Readdirnames(maxRootFiles)
	known := manifests()
	for _, n := range names {
		for _, ext := range known[n] {
			out[ext] = true
		}
		if ext := strings.TrimPrefix(filepath.Ext(n), "."); sourceExtension(ext) {
			out[ext] = true
		}
	}
	return out
}

func sourceExtension(ext string) bool {
	switch ext {
	case "go", "py", "js", "ts", "rs", "java", "kt", "rb", "php", "c", "cc", "cpp", "h", "sh":
		return true
	}
	return false
}

// progress tells how far steps have come in a strategy: the number of its steps
// that are among them in order, from its first one on.
func progress(strategy, steps []stepKey) int {
	n := 0
	for _, s := range steps {
		if n < len(strategy) && strategy[n].fits(s) {
			n++
		}
	}
	return n
}

// callText is a step of a strategy as it is shown.
func callText(t learn.PlanTask) string {
	if len(t.Arguments) == 0 || string(t.Arguments) == "null" || string(t.Arguments) == "{}" {
		return t.ToolName
	}
	var args map[string]any
	if json.Unmarshal(t.Arguments, &args) == nil && len(args) == 1 {
		for name, v := range args {
			text, ok := v.(string)
			switch {
			case ok && name == "command":
				return t.ToolName + ": " + text
			case ok && name == "intent":
				return text
			}
		}
	}
	return t.ToolName + " " + string(t.Arguments)
}
