package server

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/recovery"
	"lathe/server/intake"
)

// What an agent is told of a call that it is about to make: nothing, a word
// beside the call, or a refusal with the form that works.
const (
	beforeOff     = "off"
	beforeContext = "context"
	beforeDeny    = "deny"
)

// HooksConfig says what agents' hooks answer.
type HooksConfig struct {
	Before string // off, context or deny
}

func defaultHooks() HooksConfig { return HooksConfig{Before: beforeContext} }

func hookSettings() []setting {
	return []setting{{"hooks.before", true, func(c *Config) string { return c.Hooks.Before }, func(c *Config, v string) error {
		if v != beforeOff && v != beforeContext && v != beforeDeny {
			return fmt.Errorf("it is %s, %s or %s", beforeOff, beforeContext, beforeDeny)
		}
		c.Hooks.Before = v
		return nil
	}}}
}

// beforeSure is the confidence from which a call is answered before it ran:
// well above AdviceThreshold, because it did not fail yet.
const beforeSure = 0.8

// maxRefused bounds the calls whose refusal is remembered.
const maxRefused = 4096

// refusedOnce remembers which calls were refused, so that an agent that insists
// gets its way.
type refusedOnce struct {
	mu   sync.Mutex
	seen map[[2]string]bool // session, command
}

// first reports whether this is the first time, and remembers it.
func (r *refusedOnce) first(session, command string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{session, command}
	if r.seen[key] {
		return false
	}
	if r.seen == nil || len(r.seen) >= maxRefused {
		r.seen = map[[2]string]bool{}
	}
	r.seen[key] = true
	return true
}

// beforeCall answers a call to come when it is known to fail here and another
// form is known to work; nil otherwise. It asks memory only.
func (d *Daemon) beforeCall(ctx context.Context, format string, h *intake.Hook) any {
	mode := d.cfg.Hooks.Before
	ev := h.Before
	command := ev.Command()
	if mode == beforeOff || command == "" {
		return nil
	}
	nameProjects([]learn.Record{{Action: ev}})
	act := action.Parse(ev)
	known, ok := d.learners.failing.known(ev.ProjectID, &act)
	if !ok {
		return nil
	}
	if _, silent := d.mutes.silent(ev.ProjectID, []learn.ErrorSignature{known.Signature}, d.now()); silent {
		return nil
	}
	offer, ok := d.instead(ev, act, known.Signature)
	if _, silent := d.mutes.silent(ev.ProjectID, []learn.ErrorSignature{known.Signature}, d.now()); !ok || silent {
		return nil
	}
	text := fmt.Sprintf("Lathe: this command failed the last %d times here, in %d sessions (%s). What worked instead: %s (%.0f %%, %d sessions)",
		known.Fails, len(known.Sessions), learn.Shown(known.Signature.Name, 60), learn.Shown(offer.Actions[0].Command, maxInstead), 100*offer.Confidence, offer.Support)
	deny := mode == beforeDeny
	if deny {
		text += ". Run the same command again if it has to be that one."
	}
	answer := beforeAnswer(format, h.Event, text, deny)
	if answer == nil || deny && !d.refused.first(ev.SessionID, command) {
		return nil
	}
	if !d.assign(ctx, assignment{kind: learn.AdvicePitfall, object: offer.RemedyID, project: ev.ProjectID, task: taskOf(ev), door: doorBefore, advised: offer.Actions}) {
		return nil
	}
	return answer
}

// maxInstead is the length, in bytes, of a command that is told before a call;
// a longer one is left out, since a cut one must not be run.
const maxInstead = 300

// instead is the one command that works where a call is known to fail.
func (d *Daemon) instead(ev *learn.ActionOutcome, act learn.Action, sig learn.ErrorSignature) (learn.RemedyOffer, bool) {
	offers := d.learners.recovery.Offer(recovery.Query{ProjectID: ev.ProjectID, SessionID: ev.SessionID, Language: sig.Language,
		Signatures: []learn.ErrorSignature{sig}, Action: act, Trusted: d.learners.vocabulary.trusted(ev.ProjectID)})
	if len(offers) == 0 {
		return learn.RemedyOffer{}, false
	}
	o := offers[0]
	if o.Kind != recovery.KindChangedCommand || o.Confidence < beforeSure || o.Support < 2 || len(o.Actions) != 1 ||
		d.learners.trial.Retired(learn.AdvicePitfall, o.RemedyID) || d.learners.trial.Retired(learn.AdviceRemedy, o.RemedyID) {
		return o, false
	}
	c := o.Actions[0].Command
	return o, c != "" && len(c) <= maxInstead && !strings.ContainsAny(c, "{}") && strings.TrimSpace(c) != strings.TrimSpace(act.Command)
}
