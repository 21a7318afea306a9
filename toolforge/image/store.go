package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// Errors that callers decide on.
var (
	// ErrNoBase says that a base image has not been made on this machine yet.
	ErrNoBase = errors.New("image: no base image; run `lathe setup` to build it")
	// ErrNotFound says that the store has no image with that digest or tag.
	ErrNotFound = errors.New("image: not in the store")
	// ErrCorrupt says that stored bytes do not match their digest.
	ErrCorrupt = errors.New("image: stored bytes do not match their digest")
	// ErrHostile says that an image was refused for what its layers try to do.
	ErrHostile = errors.New("image: refused")
)

// Annotation keys that the store itself sets.
const (
	annRef     = "org.opencontainers.image.ref.name"
	annVersion = "org.opencontainers.image.version"
	annTitle   = "org.opencontainers.image.title"
	annBase    = "org.opencontainers.image.base.digest"
	annKind    = "lathe.base.kind"
)

// Kind names a base image.
type Kind string

// The base images.
const (
	Runtime    Kind = "runtime"    // Python and a small userland: what tools run in
	Validation Kind = "validation" // the same with the analysers and test tools
)

// Store is an OCI image layout directory with its unpacked images. Safe for
// concurrent use, by several processes too.
type Store struct {
	dir    string
	base   *Store // read through for what is not here; may be nil
	limits Limits
	mu     sync.Mutex // guards index.json within the process, the flock between
	unpack sync.Mutex // one unpacking at a time
	whole  whole      // layers that need not be read again
}

// Option changes how a store is opened.
type Option func(*Store) error

// WithBase reads images that the store lacks from the store in otherDir, which
// is never written: a throwaway store on top of a user's own.
func WithBase(otherDir string) Option {
	return func(s *Store) error {
		b, err := Open(otherDir)
		s.base = b
		return err
	}
}

// WithLimits replaces DefaultLimits.
func WithLimits(l Limits) Option {
	return func(s *Store) error { s.limits = l; return nil }
}

// Open opens the store in dir and makes it if it is missing.
func Open(dir string, opts ...Option) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("image: open store %s: %w", dir, err)
	}
	s := &Store{dir: abs, limits: DefaultLimits}
	for _, o := range opts {
		if err := o(s); err != nil {
			return nil, err
		}
	}
	// 0755 below a directory that the caller keeps private: the sandbox's
	// unprivileged user must be able to read what is unpacked here.
	for _, d := range []string{s.layoutDir(), s.rootDir(), s.toolDir()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("image: open store %s: %w", dir, err)
		}
	}
	return s, s.locked(func() error {
		if _, err := os.Stat(filepath.Join(s.layoutDir(), "index.json")); err == nil {
			return nil
		}
		if _, err := layout.Write(s.layoutDir(), empty.Index); err != nil {
			return fmt.Errorf("image: make layout in %s: %w", dir, err)
		}
		return nil
	})
}

func (s *Store) layoutDir() string { return filepath.Join(s.dir, "oci") }
func (s *Store) rootDir() string   { return filepath.Join(s.dir, "rootfs") }
func (s *Store) toolDir() string   { return filepath.Join(s.dir, "tools") }

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

// locked runs fn with the store to itself, among threads and processes.
func (s *Store) locked(fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := flock.New(filepath.Join(s.dir, ".lock"))
	if err := l.Lock(); err != nil {
		return fmt.Errorf("image: lock store %s: %w", s.dir, err)
	}
	defer l.Unlock()
	return fn()
}

// image finds an image here or in the base store.
func (s *Store) image(digest string) (v1.Image, *Store, error) {
	h, err := v1.NewHash(digest)
	if err != nil || h.Algorithm != "sha256" {
		return nil, nil, fmt.Errorf("image: %q is not a digest (sha256: and 64 hex digits): %w", clip(digest), ErrNotFound)
	}
	for at := s; at != nil; at = at.base {
		img, err := layout.Path(at.layoutDir()).Image(h)
		if err == nil {
			return img, at, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: %s", ErrNotFound, digest)
}

// Entry is one image of a store.
type Entry struct {
	Digest  string `json:"digest"`
	Size    int64  `json:"size"`           // bytes of all blobs, compressed
	Kind    Kind   `json:"kind,omitempty"` // of a base image
	Name    string `json:"name,omitempty"` // of a tool
	Version string `json:"version,omitempty"`
	Tag     string `json:"tag,omitempty"`  // name:version that points here
	Base    string `json:"base,omitempty"` // digest of a tool's base
}

// List returns what is in the store and its base store, by tag and digest.
func (s *Store) List() ([]Entry, error) {
	seen := map[string]bool{}
	var out []Entry
	for at := s; at != nil; at = at.base {
		m, err := at.index()
		if err != nil {
			return nil, err
		}
		for _, d := range m.Manifests {
			key := d.Digest.String() + " " + d.Annotations[annRef]
			if seen[key] || d.Annotations[annSubject] != "" {
				continue // signatures are listed nowhere: they belong to their image
			}
			seen[key] = true
			e := Entry{Digest: d.Digest.String(), Tag: d.Annotations[annRef], Kind: Kind(d.Annotations[annKind])}
			if img, _, err := at.image(e.Digest); err == nil {
				describe(img, &e)
			}
			out = append(out, e)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Tag+" "+out[i].Digest < out[j].Tag+" "+out[j].Digest
	})
	return out, nil
}

func describe(img v1.Image, e *Entry) {
	m, err := img.Manifest()
	if err != nil {
		return
	}
	e.Size = m.Config.Size
	for _, l := range m.Layers {
		e.Size += l.Size
	}
	e.Name, e.Version, e.Base = m.Annotations[annTitle], m.Annotations[annVersion], m.Annotations[annBase]
}

func (s *Store) index() (*v1.IndexManifest, error) {
	ii, err := layout.Path(s.layoutDir()).ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("image: read index of %s: %w", s.dir, err)
	}
	m, err := ii.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("image: read index of %s: %w", s.dir, err)
	}
	return m, nil
}

// Annotations returns the annotations of an image's manifest.
func (s *Store) Annotations(digest string) (map[string]string, error) {
	img, _, err := s.image(digest)
	if err != nil {
		return nil, err
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("image: manifest of %s: %w", digest, err)
	}
	return m.Annotations, nil
}

// Base returns the digest of the base image of that kind, or ErrNoBase.
func (s *Store) Base(kind Kind) (string, error) {
	for at := s; at != nil; at = at.base {
		m, err := at.index()
		if err != nil {
			return "", err
		}
		for _, d := range m.Manifests {
			if d.Annotations[annKind] == string(kind) {
				return d.Digest.String(), nil
			}
		}
	}
	return "", fmt.Errorf("%w (%s)", ErrNoBase, kind)
}

// SetBase makes an image of the store the base image of that kind.
func (s *Store) SetBase(kind Kind, digest string) error {
	if kind != Runtime && kind != Validation {
		return fmt.Errorf("image: %q is not a kind of base image (runtime, validation)", clip(string(kind)))
	}
	return s.point(digest, annKind, string(kind))
}

var tagPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,127}:[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$`)

// SaveTag lets name:version point at an image. An existing tag moves.
func (s *Store) SaveTag(name, version, digest string) error {
	tag := name + ":" + version
	if !tagPattern.MatchString(tag) {
		return fmt.Errorf("image: %q is not a tag (lower-case name:version)", clip(tag))
	}
	return s.point(digest, annRef, tag)
}

// ResolveTag returns the digest that name:version points at, or ErrNotFound.
func (s *Store) ResolveTag(name, version string) (string, error) {
	for at := s; at != nil; at = at.base {
		m, err := at.index()
		if err != nil {
			return "", err
		}
		for _, d := range m.Manifests {
			if d.Annotations[annRef] == name+":"+version {
				return d.Digest.String(), nil
			}
		}
	}
	return "", fmt.Errorf("%w: %s", ErrNotFound, clip(name+":"+version))
}

// point adds a descriptor of digest with key=value, and takes it from all others.
func (s *Store) point(digest, key, value string) error {
	img, at, err := s.image(digest)
	if err != nil {
		return err
	}
	if at != s {
		if err := s.put(img); err != nil {
			return err
		}
	}
	desc, err := partial.Descriptor(img)
	if err != nil {
		return fmt.Errorf("image: describe %s: %w", digest, err)
	}
	desc.Annotations = map[string]string{key: value}
	return s.editIndex(func(m *v1.IndexManifest) {
		m.Manifests = append(withoutMark(m.Manifests, desc.Digest, key, value), *desc)
	})
}

// withoutMark takes the mark key=value off whatever has it. An image that loses
// its last mark stays listed without one, and so in the store; the one that is
// about to get it needs no unmarked line.
func withoutMark(list []v1.Descriptor, digest v1.Hash, key, value string) []v1.Descriptor {
	var kept, lost []v1.Descriptor
	listed := map[v1.Hash]bool{digest: true}
	for _, d := range list {
		switch {
		case d.Annotations[key] == value:
			d.Annotations = nil
			lost = append(lost, d)
		case len(d.Annotations) > 0 || d.Digest != digest:
			kept = append(kept, d)
			listed[d.Digest] = true
		}
	}
	for _, d := range lost {
		if !listed[d.Digest] {
			listed[d.Digest] = true
			kept = append(kept, d)
		}
	}
	return kept
}

// editIndex changes index.json atomically.
func (s *Store) editIndex(edit func(*v1.IndexManifest)) error {
	return s.locked(func() error { return s.rewriteIndex(edit) })
}

// rewriteIndex is editIndex for who holds the lock.
func (s *Store) rewriteIndex(edit func(*v1.IndexManifest)) error {
	m, err := s.index()
	if err != nil {
		return err
	}
	m = m.DeepCopy()
	edit(m)
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("image: encode index: %w", err)
	}
	return writeAtomic(filepath.Join(s.layoutDir(), "index.json"), raw)
}

func clip(s string) string {
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
