package server

import (
	"context"
	"fmt"
	"net/http"

	"lathe/learn"
	"lathe/server/review"
)

const (
	// maxChanges bounds one question of a gateway, maxDefinition one definition
	// in it, in bytes.
	maxChanges    = 4096
	maxDefinition = 256 << 10
	// maxNamed bounds what names a definition; a resource's URI may be long.
	maxNamed = 4 << 10
)

// DescriptionsCall asks what has become of changed descriptions; those
// that are not in the queue are put there.
type DescriptionsCall struct {
	Changes []learn.DescriptionChange `json:"changes"`
}

// DescriptionsAnswer has the state of each change: in_review, approved (its
// signature checked) or rejected.
type DescriptionsAnswer struct {
	States []learn.State `json:"states"`
}

// serveDescriptions adds the gateway's questions to the socket.
func (d *Daemon) serveDescriptions(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/descriptions", d.descriptions)
}

func (d *Daemon) descriptions(ctx context.Context, c DescriptionsCall) (DescriptionsAnswer, error) {
	if len(c.Changes) > maxChanges {
		return DescriptionsAnswer{}, fmt.Errorf("%d changed descriptions in one question, at most %d are allowed", len(c.Changes), maxChanges)
	}
	added := false
	for _, change := range c.Changes {
		if len(change.Old) > maxDefinition || len(change.New) > maxDefinition || change.ChangeID == "" || len(change.Server)+len(change.Kind)+len(change.Tool) > maxNamed {
			return DescriptionsAnswer{}, fmt.Errorf("%.20s %.100q of server %.100q: its definition has more than %d bytes, or it has no id", change.What(), change.Tool, change.Server, maxDefinition)
		}
		if it, err := d.queue.Get(change.ChangeID); err == nil && it.Kind == review.KindDescription {
			continue
		}
		clean, err := d.cleanDescription(change)
		if err != nil {
			return DescriptionsAnswer{}, err
		}
		if err := d.forge.write(ctx, learn.EntryDescription, change.ChangeID, "", d.now(), clean, nil); err != nil {
			return DescriptionsAnswer{}, err
		}
		added = true
	}
	if added {
		if err := d.ledgerSettled(ctx); err != nil {
			return DescriptionsAnswer{}, err
		}
	}
	out := DescriptionsAnswer{States: []learn.State{}}
	for _, change := range c.Changes {
		out.States = append(out.States, d.descriptionState(change))
	}
	return out, nil
}

// descriptionState is what was decided on exactly this definition.
func (d *Daemon) descriptionState(change learn.DescriptionChange) learn.State {
	it, err := d.queue.Get(change.ChangeID)
	if err != nil || it.ContentHash != change.ContentHash {
		return learn.StateInReview
	}
	if it.State == learn.StateApproved {
		if _, err := d.queue.Approval(it.ID, change.ContentHash); err != nil {
			return learn.StateInReview
		}
	}
	return it.State
}
