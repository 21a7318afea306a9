package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"lathe/learn"
	"lathe/toolforge"
	"lathe/toolforge/image"
)

// transferTime bounds a push or a pull.
const transferTime = 10 * time.Minute

type (
	// PushCall sends a deployed tool to a registry.
	PushCall struct {
		Name      string `json:"name"`
		Version   string `json:"version,omitempty"` // the active one when absent
		Reference string `json:"reference"`         // HOST/PATH/NAME, with :VERSION or without
	}
	// Pushed says under which digest others should pull.
	Pushed struct {
		Name      string `json:"name"`
		Version   string `json:"version"`
		Reference string `json:"reference"`
	}
	// PullCall fetches a tool from a registry into the review queue.
	PullCall struct {
		Reference      string `json:"reference"`
		AllowDowngrade bool   `json:"allow_downgrade,omitempty"`
	}
	// Pulled is what came, and where it waits.
	Pulled struct {
		ReviewID   string           `json:"review_id"`
		State      learn.State      `json:"state"`
		Provenance image.Provenance `json:"provenance"`
	}
)

// distributionRoutes mounts what moves tools between installations.
func (d *Daemon) distributionRoutes(mux *http.ServeMux) {
	answer(d, mux, "POST /v1/tools/push", d.forge.push)
	answer(d, mux, "POST /v1/tools/pull", d.forge.pull)
	answer(d, mux, "GET /v1/tools/keys", func(context.Context, nothing) (ToolKeys, error) {
		_, keys, err := OpenToolKeys(d.cfg)
		return keys, err
	})
}

// push sends a tool with its signature and its base image.
func (f *forge) push(ctx context.Context, c PushCall) (Pushed, error) {
	m, err := f.deployedVersion(c.Name, c.Version)
	if err != nil {
		return Pushed{}, err
	}
	_, keys, err := f.keys()
	if err != nil {
		return Pushed{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, transferTime)
	defer cancel()
	ref, err := f.images.PushTool(ctx, m.Digest, c.Reference, keys, image.Credentials())
	return Pushed{Name: m.Name, Version: m.Version, Reference: ref}, err
}

// pull fetches a tool that a trusted key signed and puts it before this
// installation's reviewer. It is not active before they approve it.
func (f *forge) pull(ctx context.Context, c PullCall) (Pulled, error) {
	release, err := f.d.enter()
	if err != nil {
		return Pulled{}, err
	}
	defer release()
	_, keys, err := f.keys()
	if err != nil {
		return Pulled{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, transferTime)
	defer cancel()
	p, err := f.images.PullTool(ctx, c.Reference, keys, func(p image.Provenance) error { return f.mayCome(p, c.AllowDowngrade) }, image.Credentials())
	if errors.Is(err, image.ErrUntrusted) {
		return Pulled{}, fmt.Errorf("%w; a key is trusted when it stands under trusted_keys in the [tools] of your configuration (`lathe tool keys` on the other side prints it)", err)
	}
	if err != nil {
		return Pulled{}, err
	}
	return f.receive(ctx, c.Reference, p)
}

// receive puts a pulled tool into the review queue.
func (f *forge) receive(ctx context.Context, ref string, p image.Provenance) (Pulled, error) {
	dir, err := f.images.ToolDir(ctx, p.Digest)
	if err != nil {
		return Pulled{}, err
	}
	tool, err := toolforge.LoadFolder(dir)
	if err != nil {
		return Pulled{}, fmt.Errorf("the image of %s is signed, but is no tool that can be used here: %w", p.Name, err)
	}
	if tool.ContentHash != p.ContentHash || tool.Manifest.Name != p.Name || tool.Manifest.Version != p.Version {
		return Pulled{}, fmt.Errorf("%w: the folder in the image is %s %s with content %s, signed was %s %s with %s", image.ErrMismatch,
			tool.Manifest.Name, tool.Manifest.Version, tool.ContentHash, p.Name, p.Version, p.ContentHash)
	}
	if err := f.images.SaveTag(p.Name, p.Version, p.Digest); err != nil { // so that it is not swept away while it waits
		return Pulled{}, err
	}
	validation, words, err := f.again(ctx, tool, dir, p.Validation)
	if err != nil {
		return Pulled{}, err
	}
	request, err := toolforge.ReviewRequest(tool, validation, f.previous(p.Name))
	if err != nil {
		return Pulled{}, err
	}
	request.Origin = &learn.ToolOrigin{Reference: ref, Digest: p.Digest, Key: p.Key, Builder: p.Builder, Built: p.Finished, Reviewer: p.Decision.Reviewer}
	request.Rationale = originWords(ref, p) + " " + words
	request.Summary = request.Rationale + "\n" + request.Summary
	for _, w := range []struct {
		kind learn.EntryKind
		id   string
		body any
	}{{learn.EntryTool, tool.ToolID, tool}, {learn.EntryValidation, tool.ToolID, validation}, {learn.EntryReview, request.ReviewID, request}} {
		if err := f.write(ctx, w.kind, w.id, "", f.d.now(), w.body, nil); err != nil {
			return Pulled{}, err
		}
	}
	if err := f.d.ledgerSettled(ctx); err != nil {
		return Pulled{}, err
	}
	it, err := f.d.queue.Get(request.ReviewID)
	return Pulled{ReviewID: request.ReviewID, State: it.State, Provenance: p}, err
}

// originWords says where a pulled tool comes from.
func originWords(ref string, p image.Provenance) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Pulled from %.200q. Built and signed on %s by the installation %s (a trusted key). ", ref, p.Finished.UTC().Format(time.DateOnly), p.Builder)
	fmt.Fprintf(&b, "Approved there by the reviewer %.40q. Image %s on the base %s.",
		p.Decision.Reviewer, p.Digest, p.Base)
	return b.String()
}
