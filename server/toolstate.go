package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"lathe/learn"
	"lathe/learn/trial"
)

// byPerson is who says so when a person at the command line changes what is
// served. It can only be what was approved before.
const byPerson = "command line"

// ToolVersionInfo is one version of a tool, with what its calls came to beside
// what its validation measured.
type ToolVersionInfo struct {
	Name       string            `json:"name"`
	Version    string            `json:"version"`
	Digest     string            `json:"digest"`
	ReviewID   string            `json:"review_id"`
	State      learn.State       `json:"state"`
	Current    bool              `json:"current"`
	Share      float64           `json:"share,omitempty"` // of the calls, while it is tried
	Changed    time.Time         `json:"changed"`
	Reason     string            `json:"reason,omitempty"`
	ReplacedBy string            `json:"replaced_by,omitempty"`
	Use        *trial.VersionUse `json:"use,omitempty"`
	ColdMS     float64           `json:"validated_cold_ms"`
	WarmMS     float64           `json:"validated_warm_ms"`
	MemoryMB   float64           `json:"validated_memory_mb"`
}

// ToolStateCall changes what is served of a tool.
type ToolStateCall struct {
	Name       string `json:"name"`
	Version    string `json:"version,omitempty"` // "" is the current one; of a rollback, the one before it
	Reason     string `json:"reason,omitempty"`
	ReplacedBy string `json:"replaced_by,omitempty"`
}

// toolStateRoutes mounts the life of tools. These are on the socket alone: no
// agent's door has them.
func (d *Daemon) toolStateRoutes(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/tools/versions", func(_ context.Context, c ToolStateCall) ([]ToolVersionInfo, error) { return d.forge.history(c.Name) })
	answer(d, mux, "POST /v1/tools/rollback", d.forge.rollback)
	answer(d, mux, "POST /v1/tools/deprecate", d.forge.deprecate)
	answer(d, mux, "POST /v1/tools/quarantine", d.forge.quarantine)
}

// history lists a tool's versions, the latest first.
func (f *forge) history(name string) ([]ToolVersionInfo, error) {
	f.mu.Lock()
	m := f.tools[name]
	if m == nil || len(m.versions) == 0 {
		f.mu.Unlock()
		return nil, fmt.Errorf("there is no generated tool %.128q: see `lathe tool list`", name)
	}
	out := []ToolVersionInfo{}
	for _, v := range m.versions {
		out = append(out, ToolVersionInfo{Name: name, Version: v.manifest.Version, Digest: v.manifest.Digest, ReviewID: v.reviewID, State: v.state,
			Current: v == m.current, Share: v.share, Changed: v.changed, Reason: v.reason, ReplacedBy: v.replacedBy})
	}
	f.mu.Unlock()
	use := f.d.learners.versions.Use(name)
	for i := range out {
		if u, ok := use[out[i].Digest]; ok {
			out[i].Use = &u
		}
		if it, err := f.d.queue.Get(out[i].ReviewID); err == nil && it.Tool != nil {
			v := it.Tool.Validation
			out[i].ColdMS, out[i].WarmMS, out[i].MemoryMB = v.ColdMS, v.WarmMS, v.MemoryMB
		}
	}
	slices.Reverse(out)
	return out, nil
}

// rollback brings back the version before the current one, or the one that is
// named. It was approved when it was deployed; its signature is checked again
// at its next call.
func (f *forge) rollback(ctx context.Context, c ToolStateCall) (ToolVersionInfo, error) {
	f.mu.Lock()
	m := f.tools[c.Name]
	var back, gone *deployed
	var err error
	switch {
	case m == nil:
		err = fmt.Errorf("there is no generated tool %.128q: see `lathe tool list`", c.Name)
	case c.Version != "":
		back, err = f.find(c.Name, c.Version)
	default:
		if back = m.fallback(); back == nil && m.candidate != nil {
			back = m.current // what is tried goes, what all know stays
		}
		if back == nil {
			err = fmt.Errorf("%s has no earlier version: `lathe tool quarantine %s` takes it out of service", c.Name, c.Name)
		}
	}
	if err == nil {
		if gone = m.current; m.candidate != nil && back == m.current {
			gone = m.candidate
		}
		if back == gone {
			err = fmt.Errorf("%s %s is the current version already", c.Name, back.manifest.Version)
		}
	}
	f.mu.Unlock()
	if err != nil {
		return ToolVersionInfo{}, err
	}
	if _, err := f.d.queue.Approval(back.reviewID, back.hash); err != nil {
		return ToolVersionInfo{}, fmt.Errorf("%s %s cannot come back: %w", c.Name, back.manifest.Version, err)
	}
	if gone != nil {
		if err := f.become(ctx, gone, learn.StateRolledBack, c, "rolled back to "+back.manifest.Version); err != nil {
			return ToolVersionInfo{}, err
		}
	}
	return f.changed(ctx, back, learn.StateActive, c, "brought back")
}

// deprecate goes on serving a version, and tells its callers not to rely on it.
func (f *forge) deprecate(ctx context.Context, c ToolStateCall) (ToolVersionInfo, error) {
	if strings.TrimSpace(c.Reason) == "" {
		return ToolVersionInfo{}, wrongUsef("say why, for those who call it: --message")
	}
	v, err := f.version(c)
	if err != nil {
		return ToolVersionInfo{}, err
	}
	return f.changed(ctx, v, learn.StateDeprecated, c, "")
}

// quarantine takes a version out of service at once; the one before it comes
// back, if there is one.
func (f *forge) quarantine(ctx context.Context, c ToolStateCall) (ToolVersionInfo, error) {
	v, err := f.version(c)
	if err != nil {
		return ToolVersionInfo{}, err
	}
	f.mu.Lock()
	m := f.tools[c.Name]
	var back *deployed
	if m.current == v {
		back = m.fallback()
	}
	f.mu.Unlock()
	out, err := f.changed(ctx, v, learn.StateQuarantined, c, "quarantined by a person")
	if err != nil || back == nil {
		return out, err
	}
	if _, err := f.d.queue.Approval(back.reviewID, back.hash); err != nil {
		return out, nil // it stays out of service, which is what was asked
	}
	return out, f.become(ctx, back, learn.StateActive, ToolStateCall{Name: c.Name}, "comes back for "+v.manifest.Version)
}

func (f *forge) version(c ToolStateCall) (*deployed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(c.Name, c.Version)
}

// changed is become, with the version as it is then.
func (f *forge) changed(ctx context.Context, v *deployed, to learn.State, c ToolStateCall, why string) (ToolVersionInfo, error) {
	if err := f.become(ctx, v, to, c, why); err != nil {
		return ToolVersionInfo{}, err
	}
	all, err := f.history(c.Name)
	if err != nil {
		return ToolVersionInfo{}, err
	}
	i := slices.IndexFunc(all, func(x ToolVersionInfo) bool { return x.ReviewID == v.reviewID })
	return all[max(i, 0)], nil
}

// become writes a change of state, and waits until every session knows it.
func (f *forge) become(ctx context.Context, v *deployed, to learn.State, c ToolStateCall, why string) error {
	if c.Reason != "" {
		why = c.Reason
	}
	it, err := f.d.queue.Get(v.reviewID)
	if err != nil {
		return err
	}
	if _, err := f.d.clean(&why, &c.ReplacedBy); err != nil {
		return err
	}
	f.mu.Lock()
	change := learn.StateChange{ObjectID: v.reviewID, ToolName: c.Name, Version: v.manifest.Version, From: v.state, To: to, Digest: v.manifest.Digest,
		Reason: learn.Shown(why, 500), ReplacedBy: learn.Shown(c.ReplacedBy, 128), By: byPerson, Timestamp: f.d.now()}
	f.mu.Unlock()
	if err := f.write(ctx, learn.EntryState, v.reviewID, it.Project, change.Timestamp, change, nil); err != nil {
		return err
	}
	if err := f.d.ledgerSettled(ctx); err != nil {
		return err
	}
	return f.d.tools.wait(ctx)
}
