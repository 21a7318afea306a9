package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"lathe/learn"
	"lathe/toolforge"
	"lathe/toolforge/image"
)

// deployed is one version of a tool.
type deployed struct {
	manifest learn.ToolManifest
	reviewID string
	hash     string // content that was approved
	checked  bool   // signature and image were checked since the daemon's start

	state      learn.State // active, superseded, deprecated, quarantined, rolled_back
	tenure     string      // ledger entry that began the time that it is served for
	share      float64     // of the calls, while it is tried
	changed    time.Time
	reason     string // of the last change; the message to callers, when deprecated
	replacedBy string
	generated  learn.GeneratedCall // how a call of it was drawn; of copies only
}

func (v *deployed) version() learn.ToolVersion {
	return learn.ToolVersion{Version: v.manifest.Version, Digest: v.manifest.Digest, ReviewID: v.reviewID, Tenure: v.tenure}
}

// usable reports whether a version may come back.
func (v *deployed) usable() bool {
	return v.state == learn.StateActive || v.state == learn.StateSuperseded || v.state == learn.StateDeprecated
}

// family is a tool with its versions. It is a projection of the ledger.
type family struct {
	versions  []*deployed // oldest first
	current   *deployed   // that calls go to; nil when there is none
	candidate *deployed   // that takes a share of them
	former    []*deployed // that were current, latest last
	withdrawn string      // tenure that an automatic change ended last
}

func (m *family) byReview(id string) *deployed {
	for _, v := range m.versions {
		if v.reviewID == id {
			return v
		}
	}
	return nil
}

// fallback is the version that would come back for the current one.
func (m *family) fallback() *deployed {
	for i := len(m.former) - 1; i >= 0; i-- {
		if v := m.former[i]; v != m.current && v != m.candidate && v.usable() {
			return v
		}
	}
	return nil
}

// drop takes a version out of service.
func (m *family) drop(v *deployed) {
	if m.current == v {
		m.current = nil
	}
	if m.candidate == v {
		m.candidate = nil
	}
	m.former = slices.DeleteFunc(m.former, func(x *deployed) bool { return x == v })
}

// serve makes a version the one that all calls go to.
func (m *family) serve(v *deployed) {
	if old := m.current; old != nil && old != v {
		m.former = append(slices.DeleteFunc(m.former, func(x *deployed) bool { return x == old }), old)
		if old.state == learn.StateActive {
			old.state = learn.StateSuperseded
		}
	}
	if m.candidate == v {
		m.candidate = nil
	}
	m.former = slices.DeleteFunc(m.former, func(x *deployed) bool { return x == v })
	m.current, v.state, v.share, v.reason, v.replacedBy = v, learn.StateActive, 1, "", ""
}

// try gives a version a share of the calls beside the current one.
func (m *family) try(v *deployed, share float64) {
	if old := m.candidate; old != nil && old != v {
		old.state = learn.StateSuperseded
	}
	m.candidate, v.state, v.share = v, learn.StateActive, share
}

// apply projects state changes of tools.
func (f *forge) apply(e learn.LedgerEntry) error {
	if e.Kind != learn.EntryState {
		return nil
	}
	var s learn.StateChange
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return err
	}
	if s.ToolName == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.tools[s.ToolName]
	if m == nil {
		m = &family{}
		f.tools[s.ToolName] = m
	}
	v := m.byReview(s.ObjectID)
	if v == nil {
		if s.To != learn.StateActive {
			return nil
		}
		it, err := f.d.queue.Get(s.ObjectID)
		if err != nil || it.Tool == nil {
			return fmt.Errorf("active tool %s without its review request: %w", s.ToolName, err)
		}
		v = &deployed{manifest: it.Tool.Tool.Manifest, reviewID: s.ObjectID, hash: it.ContentHash}
		m.versions = append(m.versions, v)
	}
	m.change(v, s, e.ID)
	return nil
}

// change brings one entry into the family. entry is its id.
func (m *family) change(v *deployed, s learn.StateChange, entry string) {
	automatic := s.By == learn.ByTrials
	if automatic && !m.concerns(v, s) {
		return // about a tenure that is over: a person was faster, or the log is read again
	}
	v.changed = s.Timestamp
	if s.Digest != "" && v.manifest.Digest != s.Digest {
		v.manifest.Digest, v.checked = s.Digest, false
	}
	switch s.To {
	case learn.StateActive:
		if !automatic || s.From != learn.StateActive { // not just another share
			v.tenure = entry
		}
		if s.Share > 0 && s.Share < 1 && m.current != nil && m.current != v {
			m.try(v, s.Share)
		} else {
			m.serve(v)
		}
	case learn.StateDeprecated:
		v.state, v.reason, v.replacedBy = s.To, s.Reason, s.ReplacedBy
	default:
		if automatic {
			m.withdrawn = v.tenure
		}
		v.state, v.share, v.reason = s.To, 0, s.Reason
		m.drop(v)
	}
}

// concerns reports whether an automatic change is about what is served now.
func (m *family) concerns(v *deployed, s learn.StateChange) bool {
	if s.To == learn.StateActive && s.From != learn.StateActive { // the one before comes back
		return m.current == nil && m.withdrawn == s.Tenure && v.usable()
	}
	return v.tenure == s.Tenure && (m.current == v || m.candidate == v)
}

// served is the manifest that sessions see: the current version's, with its
// schema, whatever share another one takes.
func (m *family) served() (learn.ToolManifest, bool) {
	if m == nil || m.current == nil {
		return learn.ToolManifest{}, false
	}
	out := m.current.manifest
	if note := m.current.notice(); note != "" {
		out.Description = "DEPRECATED: " + note + " " + out.Description
	}
	return out, true
}

// notice is what callers of a deprecated version are told.
func (v *deployed) notice() string {
	if v.state != learn.StateDeprecated {
		return ""
	}
	note := v.reason
	if v.replacedBy != "" {
		note += " Use " + v.replacedBy + " instead."
	}
	return note
}

// draw decides which version a call goes to, and returns a copy of it that
// says how. The lock is held.
func (m *family) draw(random func() float64) (shared, served *deployed) {
	v := m.current
	if m.candidate != nil && random() < m.candidate.share {
		v = m.candidate
	}
	out := *v
	out.generated = learn.GeneratedCall{ToolVersion: v.version()}
	if m.candidate != nil {
		out.generated.Trial = &learn.VersionTrial{Candidate: m.candidate.version(), Share: m.candidate.share}
	} else if b := m.fallback(); b != nil {
		back := b.version()
		out.generated.Fallback = &back
	}
	return v, &out
}

// active lists the deployed tools by name, as sessions see them.
func (f *forge) active() []learn.ToolManifest {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]learn.ToolManifest, 0, len(f.tools))
	for _, m := range f.tools {
		if t, ok := m.served(); ok {
			out = append(out, t)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// deployedVersion finds a version of a tool; "" is the current one.
func (f *forge) deployedVersion(name, version string) (learn.ToolManifest, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.find(name, version)
	if err != nil {
		return learn.ToolManifest{}, err
	}
	return v.manifest, nil
}

// find is deployedVersion for who holds the lock.
func (f *forge) find(name, version string) (*deployed, error) {
	m := f.tools[name]
	if m == nil || len(m.versions) == 0 {
		return nil, fmt.Errorf("there is no generated tool %.128q: see `lathe tool list`", name)
	}
	if version == "" {
		if m.current == nil {
			return nil, fmt.Errorf("no version of %s is active: see `lathe tool versions %s`", name, name)
		}
		return m.current, nil
	}
	for i := len(m.versions) - 1; i >= 0; i-- {
		if m.versions[i].manifest.Version == version {
			return m.versions[i], nil
		}
	}
	return nil, fmt.Errorf("%s has no version %.40q: see `lathe tool versions %s`", name, version, name)
}

// newest is the highest version known of a tool and its image; "" when none is.
func (f *forge) newest(name string) (version, digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.tools[name]; m != nil {
		for _, v := range m.versions {
			if version == "" || toolforge.CompareVersions(v.manifest.Version, version) > 0 {
				version, digest = v.manifest.Version, v.manifest.Digest
			}
		}
	}
	return version, digest
}

// mayCome decides whether a signed tool may come into the queue.
func (f *forge) mayCome(p image.Provenance, downgrade bool) error {
	if err := f.nameFree(p.Name); err != nil {
		return err
	}
	if known, err := f.images.ResolveTag(p.Name, p.Version); err == nil && known != p.Digest {
		return fmt.Errorf("%s %s is known here as the image %s, and this is %s: a version never changes; its maker must give it a new one", p.Name, p.Version, known, p.Digest)
	} else if err != nil && !errors.Is(err, image.ErrNotFound) {
		return err
	}
	newest, err := f.newestKnown(p.Name)
	if err != nil {
		return err
	}
	if newest != "" && toolforge.CompareVersions(p.Version, newest) < 0 && !downgrade {
		return fmt.Errorf("%s %s is older than %s, which is known here: a downgrade is taken only with --allow-downgrade", p.Name, p.Version, newest)
	}
	return nil
}

// newestKnown is the highest version of a tool that was deployed here or waits
// for its review; "" when none is known.
func (f *forge) newestKnown(name string) (string, error) {
	newest, _ := f.newest(name)
	entries, err := f.images.List()
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Name == name && e.Tag == name+":"+e.Version && (newest == "" || toolforge.CompareVersions(e.Version, newest) > 0) {
			newest = e.Version
		}
	}
	return newest, nil
}
