package verify

import (
	"path"
	"strings"

	"lathe/learn"
)

// edits reports whether an action may have changed what verifications are
// about, so that earlier ones no longer count. Not counted: failed edits,
// files outside of the work tree's code (in the temporary directory, logs,
// patches, prose), and removing files that the task itself made.
func (tk *task) edits(ev *learn.ActionOutcome, act *learn.Action) bool {
	switch act.Intent {
	case learn.IntentEdit, learn.IntentCreate, learn.IntentDelete, learn.IntentFormat:
	case learn.IntentVCS:
		return ev.Status != learn.StatusFailure && rewritesTree(act.Command)
	default:
		// A test run that writes its log, a command substitution, ...: its
		// files count only when they may be code.
		if len(act.Writes) == 0 {
			return false
		}
	}
	if ev.Status == learn.StatusFailure && len(act.Programs) <= 1 {
		return false
	}
	if len(act.Writes) == 0 {
		return true
	}
	relevant := false
	for _, w := range act.Writes {
		switch {
		case !isCode(w):
		case act.Intent == learn.IntentDelete:
			relevant = relevant || !tk.Created[w]
		default:
			relevant = true
			if act.Intent == learn.IntentCreate && len(tk.Created) < maxWrites {
				if tk.Created == nil {
					tk.Created = make(map[string]bool)
				}
				tk.Created[w] = true
			}
		}
	}
	return relevant
}

// isCode reports whether a file can change what a verification says.
func isCode(file string) bool {
	for _, dir := range []string{"/tmp/", "/var/tmp/", "/dev/"} {
		if strings.HasPrefix(file, dir) {
			return false
		}
	}
	switch strings.ToLower(path.Ext(file)) {
	case ".log", ".patch", ".diff", ".md", ".rst", ".orig", ".rej":
		return false
	}
	return true
}

// rewritesTree reports whether a git (or similar) command changes files of the
// work tree.
func rewritesTree(command string) bool {
	for _, inv := range invocations(command, 0, false) {
		switch inv.program {
		case "git", "hg", "jj", "svn":
		default:
			continue
		}
		switch subcommand(inv.args, "-C", "-c") {
		case "checkout", "switch", "restore", "reset", "stash", "apply", "am", "revert", "merge",
			"rebase", "cherry-pick", "pull", "clean", "mv", "rm", "update", "import", "unshelve":
			return true
		}
	}
	return false
}
