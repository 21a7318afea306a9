package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"lathe/learn"
	"lathe/learn/recall"
	"lathe/learn/verify"
	"lathe/mcp"
)

// maxDone is the number of a session's last steps that are looked at.
const maxDone = 200

// taskOf gathers what is known of the task that somebody asks about.
func (d *Daemon) taskOf(s mcp.Scope, q mcp.RecallQuery) recall.Task {
	t := recall.Task{Project: s.ProjectID, Text: q.Prompt, Languages: languagesIn(s.Root), Errors: map[string]bool{},
		Uses: func(a string) bool { return d.learners.next.Uses(s.ProjectID, a) }}
	if q.Prompt != "" {
		t.Problem = verify.ProblemType(q.Prompt)
	}
	if q.Plan != nil {
		t.Text += "\n" + q.Plan.Name
		for _, step := range q.Plan.Tasks[:min(len(q.Plan.Tasks), maxDone)] {
			t.Planned = append(t.Planned, recall.StepOf(step.ToolName, step.Arguments))
			t.Text += "\n" + step.ToolName + " " + string(step.Arguments)
		}
	}
	steps := d.learners.tracker.History(s.ProjectID, s.SessionID)
	for _, st := range steps[max(0, len(steps)-maxDone):] {
		t.Done = append(t.Done, recall.StepDone(st.Tool, st.Skeleton, st.Intent))
		if st.Status.Failed() {
			for _, sig := range st.Signatures {
				t.Errors[sig] = true
			}
		}
	}
	return t
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
