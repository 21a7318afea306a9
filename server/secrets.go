package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"lathe/learn"
)

// clean takes the secrets out of texts that go into the ledger or an answer and
// that no record brings: records lose theirs at the door. It returns how many
// it found. An error says that the rules cannot be used: nothing may be stored
// then.
func (d *Daemon) clean(texts ...*string) (found int, err error) {
	r, err := d.secrets()
	if err != nil {
		return 0, fmt.Errorf("rules for secrets: %w", err)
	}
	for _, t := range texts {
		clean, n := r.String(*t)
		*t = clean
		found += n
	}
	return found, nil
}

// cleanJSON is clean for documents.
func (d *Daemon) cleanJSON(docs ...*json.RawMessage) (found int, err error) {
	r, err := d.secrets()
	if err != nil {
		return 0, fmt.Errorf("rules for secrets: %w", err)
	}
	for _, doc := range docs {
		if len(*doc) == 0 {
			continue
		}
		clean, n := r.JSON(*doc)
		*doc = clean
		found += n
	}
	return found, nil
}

// cleanRequest takes the secrets out of what somebody asks a tool for: the
// command becomes examples, tests and the words of a proposal.
func (d *Daemon) cleanRequest(c RequestCall) (RequestCall, error) {
	c.Examples = slices.Clone(c.Examples)
	texts := []*string{&c.ProjectID, &c.Name, &c.Description, &c.Command}
	for i := range c.Examples {
		texts = append(texts, &c.Examples[i])
	}
	_, err := d.clean(texts...)
	return c, err
}

// cleanDescription takes the secrets out of a definition as it is stored and
// shown, and says so to the reviewer. Its hash stays that of the definition
// itself: it is what is decided on.
func (d *Daemon) cleanDescription(c learn.DescriptionChange) (learn.DescriptionChange, error) {
	c.Findings = slices.Clone(c.Findings)
	texts := []*string{&c.Server, &c.Kind, &c.Tool}
	for i := range c.Findings {
		texts = append(texts, &c.Findings[i])
	}
	_, err := d.clean(texts...)
	found, docs := d.cleanJSON(&c.Old, &c.New)
	if found > 0 {
		c.Findings = append(c.Findings, "a text that looks like a secret, which is not shown")
	}
	return c, errors.Join(err, docs)
}

// errSecretReason says that a decision was not made for what its reason holds.
var errSecretReason = errors.New("the reason looks as if it held a secret, and a decision is kept for good: decide again with another reason")

// cleanProposal takes the secrets out of what is shown of a change of a plan. A
// change that itself holds one is not proposed: what is signed and written is
// kept word for word.
func (d *Daemon) cleanProposal(p learn.PlanModificationProposal) (_ learn.PlanModificationProposal, holds bool, err error) {
	changes := p.Modifications
	n, err := d.cleanJSON(&changes)
	_, shown := d.clean(&p.Diff, &p.Rationale)
	return p, n > 0, errors.Join(err, shown)
}
