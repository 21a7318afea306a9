package server

import (
	"context"
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
	"lathe/server/review"
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

// writePlan brings an approved change into its file: the signature is checked
// over the content, the file must be what the change was made for, and the
// ledger knows before the file does. A change that is in the file already needs
// no write.
func (d *Daemon) writePlan(ctx context.Context, id string) (*learn.PlanWrite, error) {
	d.plans.writing.Lock()
	defer d.plans.writing.Unlock()
	it, err := d.queue.Get(id)
	if err != nil {
		return nil, err
	}
	decision, err := d.queue.Approval(it.ID, refine.ContentHash(*it.Plan))
	if err != nil {
		return nil, err
	}
	return d.writeChange(ctx, it, decision.DecisionID, nil)
}

// writeChange brings a change into its file; plans.writing is held. by is the
// decision or the autonomous act that it rests on, and announce, if there is
// one, goes before the first thing that is written.
func (d *Daemon) writeChange(ctx context.Context, it review.Item, by string, announce func() error) (*learn.PlanWrite, error) {
	p := it.Plan
	t, err := openTemplate(p.Workspace, p.TargetPlanTemplate)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	if !d.plans.descends(planFile(p.Workspace, p.TargetPlanTemplate), learn.ContentHash(t.text), p.BaseHash) {
		return nil, fmt.Errorf("%w since this was proposed: %s was edited. It is proposed again for what the file is now", errPlanChanged, t.name)
	}
	f, err := refine.Parse(t.name, t.text)
	if err != nil {
		return nil, err
	}
	next, log := refine.Refine(f, []learn.PlanModificationProposal{*p}, d.toolsOf(it.Project))
	if strings.HasPrefix(log[0].Line, "left out") {
		return nil, fmt.Errorf("%w: %s", errPlanChanged, log[0].Line)
	}
	if announce != nil {
		if err := announce(); err != nil {
			return nil, err
		}
	}
	if !log[0].Changed {
		return nil, errors.Join(d.planState(ctx, it, learn.StateActive, by, "it is in "+t.name+" already"), d.ledgerSettled(ctx))
	}
	w := planWrite(t, next.Text())
	w.ProposalID, w.DecisionID, w.Workspace, w.Template, w.Timestamp = it.ID, by, p.Workspace, p.TargetPlanTemplate, d.now()
	w.WriteID = learn.UUIDv8("plan write", w.ProposalID, w.DecisionID, w.Before, w.After)
	if err := d.put(ctx, t, w, it.Project, next.Text()); err != nil {
		return nil, err
	}
	return &w, errors.Join(d.planState(ctx, it, learn.StateActive, by, "written to "+t.name), d.ledgerSettled(ctx))
}

// put announces a write in the ledger and does it.
func (d *Daemon) put(ctx context.Context, t *template, w learn.PlanWrite, project string, text []byte) error {
	if err := d.forge.write(ctx, learn.EntryPlanWrite, w.WriteID, project, w.Timestamp, w, nil); err != nil {
		return fmt.Errorf("%s is not written, for the ledger could not be: %w", t.name, err)
	}
	return t.replace(text)
}

// planWrite is the one edit between a file's text and a new one.
func planWrite(t *template, text []byte) learn.PlanWrite {
	old := t.text
	head, tail := 0, 0
	for head < len(old) && head < len(text) && old[head] == text[head] {
		head++
	}
	for tail < len(old)-head && tail < len(text)-head && old[len(old)-1-tail] == text[len(text)-1-tail] {
		tail++
	}
	// Not within a character: the ledger is JSON, which has whole ones.
	for head > 0 && (inside(old, head) || inside(text, head)) {
		head--
	}
	for tail > 0 && (inside(old, len(old)-tail) || inside(text, len(text)-tail)) {
		tail--
	}
	return learn.PlanWrite{Before: learn.ContentHash(old), After: learn.ContentHash(text), Offset: head,
		Removed: string(old[head : len(old)-tail]), Inserted: string(text[head : len(text)-tail])}
}

// inside reports whether an offset lies within a UTF-8 character.
func inside(text []byte, at int) bool { return at < len(text) && text[at]&0xc0 == 0x80 }

// descends reports whether a text came from base by Lathe's own writes alone.
func (p *plans) descends(file, hash, base string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	writes := p.writes[file]
	for i := len(writes) - 1; hash != base; i-- {
		for ; i >= 0 && writes[i].After != hash; i-- {
		}
		if i < 0 {
			return false
		}
		hash = writes[i].Before
	}
	return true
}

// writeApproved writes the approved changes of a template that are not in its
// file yet, oldest first.
func (d *Daemon) writeApproved(ctx context.Context, at planPlace) ([]learn.PlanWrite, error) {
	release, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer release()
	if at.workspace == "" {
		return nil, fmt.Errorf("only a template is written: a file %s/NAME.json in a workspace", plansDir)
	}
	var out []learn.PlanWrite
	for _, it := range d.queue.List(learn.StateApproved) {
		if it.Plan == nil || it.Plan.Workspace != at.workspace || it.Plan.TargetPlanTemplate != at.template {
			continue
		}
		w, err := d.writePlan(ctx, it.ID)
		if err != nil {
			return out, fmt.Errorf("%s is not written: %w", it.Title, err)
		}
		if w != nil {
			out = append(out, *w)
		}
	}
	return out, nil
}
