package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"lathe/learn"
	"lathe/server"
	"lathe/server/review"
	"lathe/toolforge"
)

func (a *app) toolEditCmd() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "edit NAME", Short: "Change a tool in $EDITOR; it is validated again and goes back into the queue", Args: cobra.ExactArgs(1),
		Long: `Change a tool in $VISUAL or $EDITOR. NAME is a tool's name or a proposal's id; of
several versions the newest is opened. What comes out is validated (parts that
did not change are not run again), has a content hash of its own, and needs a
decision of its own; the proposal that it was made from is withdrawn. A tool that
does not pass stays in its folder, which is named, for another try with
lathe tool propose DIR.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			it, err := a.newestTool(cmd, args[0])
			if err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "lathe-edit-")
			if err != nil {
				return err
			}
			folder := filepath.Join(dir, it.Tool.Tool.Manifest.Name)
			if err := toolforge.WriteFolder(folder, it.Tool.Tool); err != nil {
				return errors.Join(err, os.RemoveAll(dir))
			}
			opened := file
			if opened == "" {
				opened = toolforge.SourceName(it.Tool.Tool.Manifest.Language)
			}
			if err := openEditor(filepath.Join(folder, opened)); err != nil {
				return fmt.Errorf("%w; the tool lies in %s", err, folder)
			}
			tool, err := toolforge.LoadFolder(folder)
			if err != nil {
				return fmt.Errorf("%w; mend it there and run: lathe tool propose %s", err, folder)
			}
			if tool.ContentHash == it.ContentHash {
				fmt.Fprintln(a.errs, "nothing was changed")
				return os.RemoveAll(dir)
			}
			tool.Manifest.Provenance.Author = "person"
			if tool, err = toolforge.Seal(tool); err != nil {
				return err
			}
			if err := a.forge(cmd, server.ForgeCall{Tool: &tool, Replaces: it.ID}); err != nil {
				return fmt.Errorf("%w; mend it and run: lathe tool propose %s", err, folder)
			}
			return os.RemoveAll(dir)
		}}
	c.Flags().StringVar(&file, "file", "", "tool.py or tool.sh (the source, when nothing is said), test_tool.py, README.md or tool.json")
	c.PreRunE = func(*cobra.Command, []string) error {
		switch file {
		case "", "tool.py", "tool.sh", "test_tool.py", "README.md", "tool.json":
			return nil
		}
		return usagef("--file is tool.py, tool.sh, test_tool.py, README.md or tool.json, not %q", file)
	}
	return c
}

// newestTool finds the newest proposal of a tool by its name, or one by its id.
func (a *app) newestTool(cmd *cobra.Command, name string) (review.Item, error) {
	items, err := a.reviews(cmd.Context())
	if err != nil {
		return review.Item{}, err
	}
	var found *review.Item
	for i, it := range items {
		if it.Tool != nil && it.Tool.Tool.Manifest.Name == name && it.State != learn.StateRejected && (found == nil || it.Created.After(found.Created)) {
			found = &items[i]
		}
	}
	if found != nil {
		return *found, nil
	}
	it, err := a.reviewItem(cmd.Context(), name)
	if err == nil && it.Tool == nil {
		err = fmt.Errorf("%s is a change to a plan, not a tool", clean(it.Title))
	}
	return it, err
}

// openEditor runs the person's editor on a file and waits. The variable may
// hold flags, so it goes through the shell; the path is an argument of its own.
func openEditor(path string) error {
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	if editor == "" {
		editor = "vi"
	}
	cmd := exec.Command("sh", "-c", editor+` "$1"`, "sh", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("editor %q: %w; set $EDITOR", editor, err)
	}
	return nil
}
