package verify

import (
	"path"
	"strings"

	"lathe/learn"
)

// edits notes what an action may have changed of what verifications are about,
// so that earlier ones no longer count. Not noted: failed edits, and files
// outside of the work tree's code (in the temporary directory, logs, patches,
// prose). A file that the task made and removed again never mattered.
func (tk *task) edits(ev *learn.ActionOutcome, act *learn.Action) {
	failed := ev.Status == learn.StatusFailure && len(act.Programs) <= 1
	now := edit{tk.Order, ev.ID}
	switch act.Intent {
	case learn.IntentDelete:
		if !failed {
			tk.deleted(act.Writes, now)
		}
		return
	case learn.IntentVCS:
		if failed || !rewritesTree(act.Command) {
			return
		}
	case learn.IntentEdit, learn.IntentCreate, learn.IntentFormat:
		if failed {
			return
		}
	default:
		// A test run that writes its log, a script made and run, ...
		if failed || len(act.Writes) == 0 {
			return
		}
	}
	if len(act.Writes) == 0 {
		tk.OtherEdit = now
	}
	for _, w := range act.Writes {
		tk.wrote(w, now, act.Intent != learn.IntentEdit && act.Intent != learn.IntentFormat && act.Intent != learn.IntentVCS)
	}
}

// wrote notes a write to file; fresh says that the action makes files rather
// than changing them.
func (tk *task) wrote(file string, now edit, fresh bool) {
	if !isCode(file) {
		return
	}
	_, known := tk.Files[file]
	if !known && len(tk.Files) >= maxWrites {
		tk.OtherEdit = now
		return
	}
	if tk.Files == nil {
		tk.Files, tk.Created = make(map[string]edit), make(map[string]bool)
	}
	tk.Files[file] = now
	if fresh && !known {
		tk.Created[file] = true
	}
}

// deleted notes the removal of files or folders.
func (tk *task) deleted(files []string, now edit) {
	if len(files) == 0 {
		tk.OtherEdit = now
	}
	for _, f := range files {
		own := false
		for made := range tk.Created {
			if made == f || strings.HasPrefix(made, strings.TrimSuffix(f, "/")+"/") {
				own = true
				delete(tk.Created, made)
				delete(tk.Files, made)
			}
		}
		if !own {
			tk.wrote(f, now, false)
		}
	}
}

// lastEdit is the latest edit that still counts; its order is 0 for none.
func (tk *task) lastEdit() edit {
	last := tk.OtherEdit
	for _, e := range tk.Files {
		if e.Order > last.Order {
			last = e
		}
	}
	return last
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
	for _, inv := range invocations(command, 0, false, "") {
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
