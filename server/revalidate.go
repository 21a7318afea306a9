package server

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"lathe/learn"
	"lathe/toolforge"
	"lathe/toolforge/image"
	"lathe/toolforge/wheel"
)

// again validates a tool that was built elsewhere: what its maker says of it
// is no reason to believe it. Where nothing can be validated, the maker's
// result is shown for what it is. The words say which it was.
func (f *forge) again(ctx context.Context, tool learn.ProposedTool, dir string, theirs learn.ValidationResult) (learn.ValidationResult, string, error) {
	for i := range theirs.Checks { // only what was run here is reused here
		theirs.Checks[i].Key = ""
	}
	notHere := func(why string) (learn.ValidationResult, string, error) {
		return theirs, fmt.Sprintf("The validation below is the SENDER'S, and was NOT repeated here: %s.", why), nil
	}
	if err := f.tested(); err != nil {
		return notHere(learn.Shown(err.Error(), 200))
	}
	if _, err := f.images.Base(image.Validation); err != nil {
		return notHere("there is no validation image (`lathe setup` builds it)")
	}
	f.validate.Lock()
	defer f.validate.Unlock()
	v := toolforge.Validator{Runner: f, Where: f.where(), Known: f.results.known,
		Packages: func(ctx context.Context, tool learn.ProposedTool) ([]wheel.Package, error) {
			return inImage(ctx, f, tool, dir)
		}}
	ours, err := v.Validate(ctx, tool, nil)
	if err != nil {
		return ours, "", fmt.Errorf("validate %s, which was pulled: %w", tool.Manifest.Name, err)
	}
	f.results.add(ours)
	if ours.Passed {
		return ours, "It was validated again here, and passed.", nil
	}
	return ours, fmt.Sprintf("It was validated again here and DID NOT PASS, though its maker says that it did: %s.", learn.Shown(failedChecks(ours), 600)), nil
}

// inImage are a pulled tool's packages: fetched and checked against their pins,
// and the same as those that came in its image, file by file. A pin says what
// was asked for; only both together say what runs.
func inImage(ctx context.Context, f *forge, tool learn.ProposedTool, dir string) ([]wheel.Package, error) {
	all, err := f.packages(ctx, tool)
	if err != nil {
		return nil, err
	}
	want := wheel.Together(all)
	root := filepath.Join(dir, toolforge.DependencyFolder)
	err = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if expected, ok := want[rel]; !ok || string(expected) != string(text) {
			return fmt.Errorf("%w: the image holds %.120q, which is not what the pinned packages hold", wheel.ErrRefused, rel)
		}
		delete(want, rel)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for name := range want {
		return nil, fmt.Errorf("%w: the image lacks %.120q of the pinned packages", wheel.ErrRefused, name)
	}
	return all, nil
}
