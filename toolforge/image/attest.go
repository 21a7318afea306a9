package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Media types of a signature beside its image: an OCI 1.1 artifact that names
// the image as its subject, with the envelope as its one layer.
const (
	artifactProvenance = "application/vnd.in-toto.provenance+dsse"
	mediaEnvelope      = "application/vnd.dsse.envelope.v1+json"
	mediaEmpty         = "application/vnd.oci.empty.v1+json"
	emptyConfig        = "{}"
)

// annSubject marks a signature in the index with the image that it is about.
const annSubject = "lathe.signature.of"

// maxAttestations bounds the signatures of one image that are looked at.
const maxAttestations = 16

// attestation is an artifact as go-containerregistry's smallest image.
type attestation struct {
	manifest []byte
	envelope v1.Layer
	config   v1.Layer
}

func newAttestation(subject *v1.Descriptor, envelope []byte) (v1.Image, error) {
	a := attestation{envelope: static.NewLayer(envelope, mediaEnvelope), config: static.NewLayer([]byte(emptyConfig), mediaEmpty)}
	describe := func(l v1.Layer) (v1.Descriptor, error) {
		d, err := partial.Descriptor(l)
		if err != nil {
			return v1.Descriptor{}, err
		}
		return *d, nil
	}
	layer, err := describe(a.envelope)
	if err != nil {
		return nil, err
	}
	config, err := describe(a.config)
	if err != nil {
		return nil, err
	}
	a.manifest, err = json.Marshal(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: artifactProvenance,
		Config: config, Layers: []v1.Descriptor{layer},
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}})
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(a)
}

func (a attestation) RawConfigFile() ([]byte, error)      { return []byte(emptyConfig), nil }
func (a attestation) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (a attestation) RawManifest() ([]byte, error)        { return a.manifest, nil }

func (a attestation) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range []v1.Layer{a.envelope, a.config} {
		if d, err := l.Digest(); err == nil && d == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no layer %s", h)
}

// Attach stores an envelope beside the image that it is about. The same one
// again changes nothing.
func (s *Store) Attach(digest string, envelope []byte) error {
	if len(envelope) == 0 || len(envelope) > maxEnvelope {
		return fmt.Errorf("image: attach to %s: an envelope of %d bytes, must be 1 to %d", clip(digest), len(envelope), maxEnvelope)
	}
	img, _, err := s.image(digest)
	if err != nil {
		return err
	}
	subject, err := partial.Descriptor(img)
	if err != nil {
		return fmt.Errorf("image: describe %s: %w", digest, err)
	}
	art, err := newAttestation(subject, envelope)
	if err != nil {
		return fmt.Errorf("image: attach to %s: %w", digest, err)
	}
	if err := s.put(art); err != nil {
		return err
	}
	desc, err := partial.Descriptor(art)
	if err != nil {
		return fmt.Errorf("image: describe the signature of %s: %w", digest, err)
	}
	desc.Annotations = map[string]string{annSubject: digest}
	return s.editIndex(func(m *v1.IndexManifest) {
		var kept []v1.Descriptor
		for _, d := range m.Manifests {
			if d.Digest != desc.Digest {
				kept = append(kept, d)
			}
		}
		m.Manifests = append(kept, *desc)
	})
}

// Envelopes returns what was attached to an image, here or in the base store.
func (s *Store) Envelopes(digest string) ([][]byte, error) {
	var out [][]byte
	err := s.eachAttestation(digest, func(img v1.Image) error {
		raw, err := envelopeOf(img)
		if err == nil {
			out = append(out, raw)
		}
		return err
	})
	return out, err
}

func (s *Store) eachAttestation(digest string, fn func(v1.Image) error) error {
	n := 0
	for at := s; at != nil; at = at.base {
		m, err := at.index()
		if err != nil {
			return err
		}
		for _, d := range m.Manifests {
			if d.Annotations[annSubject] != digest || n == maxAttestations {
				continue
			}
			n++
			img, _, err := s.image(d.Digest.String())
			if err == nil {
				err = fn(img)
			}
			if err != nil {
				return fmt.Errorf("image: signature of %s: %w", digest, err)
			}
		}
	}
	return nil
}

var errNoEnvelope = errors.New("it is not one envelope")

// envelopeOf reads the one layer of an artifact, checked against its digest.
func envelopeOf(img v1.Image) ([]byte, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	if len(m.Layers) != 1 || m.Layers[0].Size > maxEnvelope || m.Layers[0].MediaType != mediaEnvelope {
		return nil, errNoEnvelope
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	r, err := layers[0].Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, maxEnvelope+1))
	if err != nil {
		return nil, err
	}
	if h, _, err := v1.SHA256(bytes.NewReader(raw)); err != nil || h != m.Layers[0].Digest {
		return nil, fmt.Errorf("%w: an envelope", ErrCorrupt)
	}
	return raw, nil
}

// Signed checks that an image of the store was signed with one of the keys as
// that name and version ("" asks for none), and that image and signature agree
// about them and about the base image. It does not read the layers: Verify does.
func (s *Store) Signed(_ context.Context, digest, name, version string, keys []PublicKey) (Provenance, error) {
	envelopes, err := s.Envelopes(digest)
	if err != nil {
		return Provenance{}, err
	}
	p, err := CheckSignature(envelopes, digest, name, version, keys)
	if err != nil {
		return Provenance{}, err
	}
	a, err := s.Annotations(digest)
	if err != nil {
		return Provenance{}, err
	}
	if a[annTitle] != p.Name || a[annVersion] != p.Version || a[annBase] != p.Base {
		return Provenance{}, fmt.Errorf("%w: the image says it is %s %s on %s, and was signed as %s %s on %s", ErrMismatch,
			clip(a[annTitle]), clip(a[annVersion]), clip(a[annBase]), p.Name, p.Version, p.Base)
	}
	return p, nil
}
