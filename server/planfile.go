package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"lathe/learn"
	"lathe/learn/refine"
)

// maxTemplates bounds the plan templates of a workspace that are looked at.
const maxTemplates = 200

var (
	// errTemplate means that a template's file cannot be used.
	errTemplate = errors.New("the plan template cannot be used")
	// errPlanChanged means that a file is not what a change was made for.
	errPlanChanged = errors.New("the file has changed")
)

// templates lists a workspace's plan templates, by name.
func templates(root string) ([]string, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	defer r.Close()
	entries, err := fs.ReadDir(r.FS(), plansDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTemplate, err)
	}
	var names []string
	for _, e := range entries {
		name := path.Join(plansDir, e.Name())
		if len(names) < maxTemplates && !strings.HasPrefix(e.Name(), ".") && goodTemplate(name) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// TemplatePlace is the workspace and the name of a plan template, given the
// absolute path of its file; both are "" of a file that is none.
func TemplatePlace(file string) (workspace, name string) {
	dir, ok := strings.CutSuffix(filepath.ToSlash(filepath.Dir(file)), "/"+plansDir)
	if name = path.Join(plansDir, filepath.Base(file)); !ok || dir == "" || goodTemplate(name) != nil {
		return "", ""
	}
	return filepath.FromSlash(dir), name
}

// template is a plan template's file, held open by its workspace so that no
// link leads out of it. Close it.
type template struct {
	root *os.Root
	path string // in root, after links
	name string
	info fs.FileInfo
	text []byte
}

func (t *template) Close() error { return t.root.Close() }

// openTemplate reads a plan template. A link is followed only within the
// workspace; pipes and devices are not opened.
func openTemplate(workspace, name string) (t *template, err error) {
	if err := goodTemplate(name); err != nil {
		return nil, fmt.Errorf("%w: %w", errTemplate, err)
	}
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return nil, fmt.Errorf("%w: workspace: %w", errTemplate, err)
	}
	t = &template{root: root, name: name}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w: %s: %w", errTemplate, name, err), root.Close())
			t = nil
		}
	}()
	if t.path, err = within(workspace, name); err != nil {
		return t, err
	}
	f, err := root.OpenFile(t.path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe does not make this wait
	if err != nil {
		return t, err
	}
	defer f.Close()
	if t.info, err = f.Stat(); err != nil {
		return t, err
	}
	if !t.info.Mode().IsRegular() {
		return t, errors.New("it is not an ordinary file")
	}
	t.text, err = readText(f)
	return t, err
}

func readText(f io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(f, refine.MaxText+1))
	if err == nil && len(text) > refine.MaxText {
		err = fmt.Errorf("it has more than %d bytes", refine.MaxText)
	}
	return text, err
}

// within is the path of a file in its workspace after all links.
func within(workspace, name string) (string, error) {
	top, err := filepath.EvalSymlinks(workspace)
	if err != nil {
		return "", err
	}
	full, err := filepath.EvalSymlinks(filepath.Join(workspace, filepath.FromSlash(name)))
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(top, full)
	if err != nil || !filepath.IsLocal(rel) {
		return "", errors.New("it is a link that leaves the workspace: Lathe does not follow it")
	}
	return rel, nil
}

// readTemplate is the text of a plan template.
func readTemplate(workspace, name string) ([]byte, error) {
	t, err := openTemplate(workspace, name)
	if err != nil {
		return nil, err
	}
	return t.text, t.Close()
}

// replace writes the file anew in one step: the old text or the new one is
// there, never a part. Mode and owner stay. It refuses when the file is not
// what was read any more.
func (t *template) replace(text []byte) (err error) {
	dir := filepath.Dir(t.path)
	suffix := make([]byte, 6)
	_, _ = rand.Read(suffix) // never fails
	tmp := filepath.Join(dir, "."+filepath.Base(t.path)+".lathe-"+hex.EncodeToString(suffix))
	f, err := t.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write beside %s: %w", t.name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.root.Remove(tmp))
		}
	}()
	_, werr := f.Write(text)
	err = errors.Join(werr, f.Chmod(t.info.Mode().Perm()), t.keepOwner(f), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write beside %s: %w", t.name, err)
	}
	if err := t.unchanged(); err != nil {
		return err
	}
	if err := t.root.Rename(tmp, t.path); err != nil {
		return fmt.Errorf("put the new text into the place of %s: %w", t.name, err)
	}
	if d, derr := t.root.Open(dir); derr == nil { // the new name is durable with its folder
		_ = d.Sync() // some file systems have no such thing
		_ = d.Close()
	}
	return nil
}

// keepOwner gives the new file to the old one's owner, when that is another.
func (t *template) keepOwner(f *os.File) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	was, ok := t.info.Sys().(*syscall.Stat_t)
	is, same := now.Sys().(*syscall.Stat_t)
	if !ok || !same || was.Uid == is.Uid && was.Gid == is.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}

// unchanged reads the file again.
func (t *template) unchanged() error {
	f, err := t.root.Open(t.path)
	if err != nil {
		return fmt.Errorf("%w meanwhile: %w", errPlanChanged, err)
	}
	defer f.Close()
	text, err := readText(f)
	if err != nil {
		return fmt.Errorf("%w meanwhile: %s: %w", errPlanChanged, t.name, err)
	}
	if learn.ContentHash(text) != learn.ContentHash(t.text) {
		return fmt.Errorf("%w meanwhile: %s was written by somebody else at the same moment; try again", errPlanChanged, t.name)
	}
	return nil
}
