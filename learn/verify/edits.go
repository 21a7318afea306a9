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
	now := edit{Order: tk.Order, ID: ev.ID}
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
		if tk.versionControl(act, now) {
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

// versionControl notes what a version control command did to the work tree;
// false leaves it to be noted as any edit.
func (tk *task) versionControl(act *learn.Action, now edit) bool {
	if stash, pop := stashes(act.Command); stash || pop {
		// What was put aside and comes back is as old as it was.
		for f, e := range tk.Files {
			e.Clean = stash
			tk.Files[f] = e
		}
		tk.OtherEdit.Clean = stash
		return true
	}
	if !takesBack(act.Command) {
		return false
	}
	now.Clean = true
	if len(act.Writes) == 0 { // all of it
		for f := range tk.Files {
			tk.Files[f] = now
		}
		tk.OtherEdit = now
		return true
	}
	for _, w := range act.Writes {
		// What the task did not change it does not lose, and tests taken back
		// leave the code as it was verified.
		if _, known := tk.Files[w]; known && isTestFile(w) {
			e := tk.Files[w]
			e.Clean = true
			tk.Files[w] = e
		} else if known || tk.OtherEdit.Order > 0 {
			tk.wrote(w, now, false)
		}
	}
	return true
}

// stashes reports whether a command puts the task's changes aside, or brings
// them back.
func stashes(command string) (stash, pop bool) {
	for _, inv := range invocations(command, 0, false, "") {
		args := dropFlagValue(inv.args, "-C", "-c")
		if inv.program != "git" || len(args) == 0 || args[0] != "stash" {
			continue
		}
		switch {
		case len(args) == 1, args[1] == "push", args[1] == "save", isFlag(args[1]):
			stash, pop = true, false
		case args[1] == "pop", args[1] == "apply":
			stash, pop = false, true
		}
	}
	return stash, pop
}

// takesBack reports whether a version control command gives up changes of the
// work tree, and brings none in.
func takesBack(command string) bool {
	back := false
	for _, inv := range invocations(command, 0, false, "") {
		if inv.program != "git" {
			continue
		}
		switch subcommand(inv.args, "-C", "-c") {
		case "checkout", "restore", "reset", "clean":
			back = true
		case "apply", "am", "merge", "rebase", "cherry-pick", "pull", "switch", "revert":
			return false
		}
	}
	return back
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
		if !own && (path.Ext(f) == "" || isSource(f)) { // not what some run left behind
			tk.wrote(f, now, false)
		}
	}
}

// lastEdit is the latest edit that still counts; its order is 0 for none.
func (tk *task) lastEdit() edit {
	last := tk.OtherEdit
	for f, e := range tk.Files {
		if e.Order > last.Order && !tk.isScratch(f) {
			last = e
		}
	}
	return last
}

// isScratch reports whether the task made a file only to run it: nothing that
// is verified depends on it.
func (tk *task) isScratch(file string) bool {
	_, run := tk.Runs[path.Base(file)]
	return run && tk.Created[file] && !strings.Contains(file, "/")
}

// isCode reports whether a file can change what a verification says.
func isCode(file string) bool {
	for _, dir := range []string{"/tmp/", "/var/tmp/", "/dev/"} {
		if strings.HasPrefix(file, dir) {
			return false
		}
	}
	switch strings.ToLower(path.Ext(file)) {
	case ".log", ".patch", ".diff", ".md", ".rst", ".orig", ".rej", ".bak", ".png", ".svg", ".jpg", ".pdf":
		return false
	case ".txt", ".html":
		return !strings.HasPrefix(file, "docs/") && !strings.HasPrefix(file, "doc/") && !strings.Contains(file, "/docs/") && !strings.Contains(file, "/doc/")
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
