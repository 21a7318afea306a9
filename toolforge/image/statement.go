package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// Types of what is signed: in-toto attestation framework v1 with SLSA
// provenance v1. The build type says what the fields of ExternalParameters
// mean; there is no web page behind it.
const (
	payloadInToto   = "application/vnd.in-toto+json"
	statementType   = "https://in-toto.io/Statement/v1"
	provenanceType  = "https://slsa.dev/provenance/v1"
	buildType       = "urn:lathe:build:tool-image:v1"
	builderPrefix   = "urn:lathe:installation:"
	dependencyBase  = "base-image"
	byValidation    = "validation"
	byDecision      = "decision"
	maxDependencies = 2 * maxToolFiles
)

// Statement is an in-toto statement whose predicate is SLSA provenance.
type Statement struct {
	Type          string       `json:"_type"`
	Subject       []Descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     Predicate    `json:"predicate"`
}

// Descriptor is an in-toto resource descriptor.
type Descriptor struct {
	Name      string            `json:"name,omitempty"`
	URI       string            `json:"uri,omitempty"`
	Digest    map[string]string `json:"digest,omitempty"` // algorithm to hex
	Content   []byte            `json:"content,omitempty"`
	MediaType string            `json:"mediaType,omitempty"`
}

// Predicate is SLSA provenance v1, as far as it says something here.
type Predicate struct {
	BuildDefinition struct {
		BuildType            string         `json:"buildType"`
		ExternalParameters   ToolParameters `json:"externalParameters"`
		ResolvedDependencies []Descriptor   `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID      string            `json:"id"`
			Version map[string]string `json:"version,omitempty"`
		} `json:"builder"`
		Metadata struct {
			InvocationID string    `json:"invocationId,omitempty"` // the review
			FinishedOn   time.Time `json:"finishedOn"`
		} `json:"metadata"`
		Byproducts []Descriptor `json:"byproducts,omitempty"` // the validation and the decision
	} `json:"runDetails"`
}

// ToolParameters are what a tool image was built for.
type ToolParameters struct {
	Name          string                  `json:"name"`
	Version       string                  `json:"version"`
	ContentHash   string                  `json:"content_hash"`
	Permissions   learn.Permissions       `json:"permissions"`
	Specification learn.ToolSpecification `json:"specification"`
}

// Build is what is known of a tool image that was built here.
type Build struct {
	Tool       learn.ProposedTool
	Digest     string // of the image
	Base       string // of its base image
	Files      map[string][]byte
	Materials  []Material // that Files were made of beside the source
	Validation learn.ValidationResult
	Decision   learn.Decision
	Review     string // review id
	Lathe      string // version of the builder
	Finished   time.Time
}

// Material is something from elsewhere that went into a tool image.
type Material struct{ Name, URI, SHA256 string }

// Provenance is what a verified statement says of a tool image.
type Provenance struct {
	ToolParameters
	Digest     string                 `json:"digest"`
	Base       string                 `json:"base"`
	Builder    string                 `json:"builder"` // id of the installation's key
	Key        string                 `json:"key"`     // id of the key that signed
	Finished   time.Time              `json:"finished"`
	Validation learn.ValidationResult `json:"validation"`
	Decision   learn.Decision         `json:"decision"`
}

// maxDetails bounds what a gate's check brings into a statement.
const maxDetails = 20

// Sign makes the signed statement about a build. What was recorded stays at
// home: the specification goes without recorded examples and event ids.
func (k *SigningKey) Sign(b Build) ([]byte, error) {
	s := Statement{Type: statementType, PredicateType: provenanceType,
		Subject: []Descriptor{{Name: b.Tool.Manifest.Name + ":" + b.Tool.Manifest.Version, Digest: digestMap(b.Digest)}}}
	d, r := &s.Predicate.BuildDefinition, &s.Predicate.RunDetails
	spec := b.Tool.Spec
	spec.Examples, spec.Evidence = nil, nil
	d.BuildType = buildType
	d.ExternalParameters = ToolParameters{Name: b.Tool.Manifest.Name, Version: b.Tool.Manifest.Version, ContentHash: b.Tool.ContentHash,
		Permissions: b.Tool.Manifest.Permissions, Specification: spec}
	d.ResolvedDependencies = []Descriptor{{Name: dependencyBase, Digest: digestMap(b.Base)}}
	for _, m := range b.Materials {
		d.ResolvedDependencies = append(d.ResolvedDependencies, Descriptor{Name: m.Name, URI: m.URI, Digest: map[string]string{"sha256": m.SHA256}})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Files)) {
		d.ResolvedDependencies = append(d.ResolvedDependencies, Descriptor{Name: name, Digest: digestOf(b.Files[name])})
	}
	r.Builder.ID, r.Builder.Version = builderPrefix+k.Public().ID(), map[string]string{"lathe": b.Lathe}
	r.Metadata.InvocationID, r.Metadata.FinishedOn = b.Review, b.Finished.UTC().Truncate(time.Second)
	v := b.Validation
	v.Checks = slices.Clone(v.Checks)
	for i := range v.Checks {
		v.Checks[i].Details = v.Checks[i].Details[:min(len(v.Checks[i].Details), maxDetails)]
		v.Checks[i].Findings = v.Checks[i].Findings[:min(len(v.Checks[i].Findings), maxDetails)]
	}
	for _, part := range []struct {
		name string
		body any
	}{{byValidation, v}, {byDecision, b.Decision}} {
		raw, err := json.Marshal(part.body)
		if err != nil {
			return nil, fmt.Errorf("image: statement: %w", err)
		}
		r.Byproducts = append(r.Byproducts, Descriptor{Name: part.name, MediaType: "application/json", Content: raw, Digest: digestOf(raw)})
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("image: statement: %w", err)
	}
	return k.Seal(payloadInToto, raw)
}

// CheckSignature finds among envelopes one that a key signed about the image of
// that digest, and returns what it says. Without envelopes it fails with
// ErrUnsigned, without one by these keys with ErrUntrusted, and with
// ErrMismatch when what they signed is about another image, or about another
// name or version than asked for ("" asks for none).
func CheckSignature(envelopes [][]byte, digest, name, version string, keys []PublicKey) (Provenance, error) {
	if len(envelopes) == 0 {
		return Provenance{}, fmt.Errorf("%w: %s; its maker pushes it with `lathe tool push`, which brings the signature along", ErrUnsigned, clip(digest))
	}
	var first error
	for _, raw := range envelopes {
		p, err := openStatement(raw, keys)
		if err == nil {
			err = p.about(digest, name, version)
		}
		if err == nil {
			return p, nil
		}
		// That it is about something else says more than that another
		// signature is by somebody unknown.
		if first == nil || errors.Is(err, ErrMismatch) && !errors.Is(first, ErrMismatch) {
			first = err
		}
	}
	return Provenance{}, first
}

func (p Provenance) about(digest, name, version string) error {
	switch {
	case p.Digest != digest:
		return fmt.Errorf("%w: the signature is about the image %s, and this is %s", ErrMismatch, p.Digest, clip(digest))
	case name != "" && p.Name != name:
		return fmt.Errorf("%w: asked for was the tool %s, and the image was signed as %s %s: it was re-tagged", ErrMismatch, clip(name), p.Name, p.Version)
	case version != "" && p.Version != version:
		return fmt.Errorf("%w: asked for was %s %s, and the image was signed as version %s: it was re-tagged", ErrMismatch, p.Name, clip(version), p.Version)
	}
	return nil
}

// openStatement checks an envelope and reads the statement in it.
func openStatement(raw []byte, keys []PublicKey) (Provenance, error) {
	payload, key, err := OpenEnvelope(raw, payloadInToto, keys)
	if err != nil {
		return Provenance{}, err
	}
	var s Statement
	decode := json.NewDecoder(bytes.NewReader(payload))
	if err := decode.Decode(&s); err != nil {
		return Provenance{}, fmt.Errorf("%w: the statement is not readable: %w", ErrMismatch, err)
	}
	d, r := s.Predicate.BuildDefinition, s.Predicate.RunDetails
	switch {
	case s.Type != statementType || s.PredicateType != provenanceType || d.BuildType != buildType:
		return Provenance{}, fmt.Errorf("%w: the statement is of type %.80q, %.80q, %.80q, and not about the building of a tool", ErrMismatch, s.Type, s.PredicateType, d.BuildType)
	case len(s.Subject) != 1 || len(d.ResolvedDependencies) > maxDependencies:
		return Provenance{}, fmt.Errorf("%w: the statement is about %d things made of %d, must be one", ErrMismatch, len(s.Subject), len(d.ResolvedDependencies))
	}
	p := Provenance{ToolParameters: d.ExternalParameters, Digest: digestText(s.Subject[0].Digest), Key: key.ID(),
		Builder: strings.TrimPrefix(r.Builder.ID, builderPrefix), Finished: r.Metadata.FinishedOn}
	for _, m := range d.ResolvedDependencies {
		if m.Name == dependencyBase {
			p.Base = digestText(m.Digest)
		}
	}
	for _, b := range r.Byproducts {
		var err error
		switch b.Name {
		case byValidation:
			err = json.Unmarshal(b.Content, &p.Validation)
		case byDecision:
			err = json.Unmarshal(b.Content, &p.Decision)
		}
		if err != nil {
			return Provenance{}, fmt.Errorf("%w: the statement's %s is not readable: %w", ErrMismatch, b.Name, err)
		}
	}
	if h := p.ContentHash; p.Validation.ContentHash != h || p.Decision.ContentHash != h || p.Decision.Verdict != learn.VerdictApprove {
		return Provenance{}, fmt.Errorf("%w: validation and approval in the statement are not about the content that was built", ErrMismatch)
	}
	return p, nil
}

const sha256Prefix = "sha256:"

func digestMap(digest string) map[string]string {
	return map[string]string{"sha256": strings.TrimPrefix(digest, sha256Prefix)}
}

func digestText(d map[string]string) string { return sha256Prefix + d["sha256"] }

func digestOf(b []byte) map[string]string {
	sum := sha256.Sum256(b)
	return map[string]string{"sha256": hex.EncodeToString(sum[:])}
}
