package image

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// ToolReference reads where a tool lies in a registry: HOST/PATH/NAME:VERSION
// or HOST/PATH/NAME@DIGEST. Name and version come from the reference, so that
// whoever keeps the registry cannot give one tool for another: version is ""
// for a digest, which says all.
func ToolReference(ref string) (r name.Reference, tool, version string, err error) {
	r, err = name.ParseReference(ref, name.WithDefaultTag(""))
	if err != nil {
		return nil, "", "", fmt.Errorf("image: %q is no reference (HOST/PATH/NAME:VERSION): %w", clip(ref), err)
	}
	if t, ok := r.(name.Tag); ok {
		version = t.TagStr()
	}
	return r, path.Base(r.Context().RepositoryStr()), version, nil
}

// PushTool sends a tool to a registry with its signature and its base image,
// and returns HOST/PATH/NAME@DIGEST. ref is HOST/PATH/NAME, with the version as
// tag or without one. It fails with ErrUnsigned and the like for a tool that
// nobody could pull: signed by none of the keys.
func (s *Store) PushTool(ctx context.Context, digest, ref string, keys []PublicKey, opts ...remote.Option) (string, error) {
	r, tool, version, err := ToolReference(ref)
	if err != nil {
		return "", err
	}
	p, err := s.Signed(ctx, digest, "", "", keys)
	if err != nil {
		return "", err
	}
	if _, byDigest := r.(name.Digest); byDigest || tool != p.Name || version != "" && version != p.Version {
		return "", fmt.Errorf("image: push %s %s to %s: %w: a tool is looked for by its name and version, so push it to HOST/PATH/%s:%s", p.Name, p.Version, clip(ref), ErrMismatch, p.Name, p.Version)
	}
	repo := r.Context()
	if p.Base != "" {
		if _, err := s.Push(ctx, p.Base, repo.Digest(p.Base).String(), opts...); err != nil {
			return "", fmt.Errorf("image: its base: %w", err)
		}
	}
	pushed, err := s.Push(ctx, digest, repo.Tag(p.Version).String(), opts...)
	if err != nil {
		return "", err
	}
	err = s.eachAttestation(digest, func(img v1.Image) error {
		d, err := img.Digest()
		if err != nil {
			return err
		}
		return remote.Write(repo.Digest(d.String()), img, append(slices.Clone(opts), remote.WithContext(ctx))...)
	})
	if err != nil {
		return "", fmt.Errorf("image: push to %s: %w", ref, err)
	}
	return pushed, nil
}

// PullTool fetches a tool that one of the keys signed as what ref names (see
// ToolReference), with its base image. The signature is checked before anything
// large is fetched, then every byte of what comes. accept, when not nil, is asked
// in between with what was signed. It returns the tool's digest in the store.
func (s *Store) PullTool(ctx context.Context, ref string, keys []PublicKey, accept func(Provenance) error, opts ...remote.Option) (Provenance, error) {
	fail := func(err error) (Provenance, error) {
		return Provenance{}, fmt.Errorf("image: pull %s: %w", clip(ref), err)
	}
	r, tool, version, err := ToolReference(ref)
	if err != nil {
		return Provenance{}, err
	}
	if _, byDigest := r.(name.Digest); !byDigest && version == "" {
		return fail(errors.New("name the version, as in " + clip(ref) + ":1.0.0, or the digest"))
	}
	opts = append(slices.Clone(opts), remote.WithContext(ctx))
	desc, err := remote.Head(r, opts...)
	if err != nil {
		return fail(err)
	}
	envelopes, err := fetchEnvelopes(r.Context().Digest(desc.Digest.String()), opts)
	if err != nil {
		return fail(err)
	}
	p, err := CheckSignature(envelopes, desc.Digest.String(), tool, version, keys)
	if err == nil && accept != nil {
		err = accept(p)
	}
	if err != nil {
		return fail(err)
	}
	if err := s.fetchTool(ctx, r.Context(), p, opts); err != nil {
		return fail(err)
	}
	for _, e := range envelopes {
		if _, err := CheckSignature([][]byte{e}, p.Digest, tool, version, keys); err != nil {
			continue // by somebody else: nothing of ours to keep
		}
		if err := s.Attach(p.Digest, e); err != nil {
			return Provenance{}, err
		}
	}
	if _, err := s.Signed(ctx, p.Digest, tool, version, keys); err != nil {
		return fail(err)
	}
	return p, nil
}

// maxReferrers bounds what is looked at of all that refers to an image.
const maxReferrers = 64

// fetchEnvelopes asks the registry for what refers to an image; one that does
// not know of referrers keeps them under a tag made of the digest. What is no
// envelope is passed over: anybody who may write to the repository can put it
// there.
func fetchEnvelopes(d name.Digest, opts []remote.Option) ([][]byte, error) {
	idx, err := remote.Referrers(d, opts...)
	if err != nil {
		return nil, fmt.Errorf("its signatures: %w", err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("its signatures: %w", err)
	}
	var out [][]byte
	for _, ref := range m.Manifests[:min(len(m.Manifests), maxReferrers)] {
		// Some registries say the configuration's type instead, or none.
		if !slices.Contains([]string{artifactProvenance, mediaEmpty, ""}, ref.ArtifactType) || len(out) == maxAttestations {
			continue
		}
		img, err := remote.Image(d.Context().Digest(ref.Digest.String()), opts...)
		if err != nil {
			return nil, fmt.Errorf("its signature %s: %w", ref.Digest, err)
		}
		raw, err := envelopeOf(img)
		if errors.Is(err, errNoEnvelope) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("its signature %s: %w", ref.Digest, err)
		}
		out = append(out, raw)
	}
	return out, nil
}

// fetchTool brings the image and its base into the store, both by the digests
// that were signed.
func (s *Store) fetchTool(ctx context.Context, repo name.Repository, p Provenance, opts []remote.Option) error {
	for _, digest := range []string{p.Base, p.Digest} {
		if _, _, err := s.image(digest); err == nil && s.Verify(digest) == nil {
			continue
		}
		img, err := remote.Image(repo.Digest(digest), opts...)
		if err != nil {
			return err
		}
		if _, err := s.admit(ctx, img); err != nil {
			return err
		}
	}
	return nil
}
