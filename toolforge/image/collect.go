package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Collected is what a collection removed, or would remove.
type Collected struct {
	Images   []string `json:"images"`   // digests
	Blobs    int      `json:"blobs"`    // layers, configurations, manifests
	Unpacked int      `json:"unpacked"` // directories, half-made ones too
	Bytes    int64    `json:"bytes"`    // of all these on disk
}

// Collect removes images that nothing needs: without a tag, not the base image
// of a kind, not the base of a tool that stays, not named in keep, and older
// than minAge, so that what was just imported can still be tagged. With them go
// their blobs and unpacked directories, and what an interrupted import left.
// With dry it only says what it would remove. The store that this one reads
// through is never touched.
func (s *Store) Collect(ctx context.Context, minAge time.Duration, keep []string, dry bool) (Collected, error) {
	c := &collection{store: s, before: time.Now().Add(-minAge), dry: dry, images: map[v1.Hash]bool{}, blobs: map[v1.Hash]bool{},
		out: Collected{Images: []string{}}}
	for _, digest := range keep {
		h, err := v1.NewHash(digest)
		if err != nil {
			return Collected{}, fmt.Errorf("image: collect: %q is not a digest: %w", clip(digest), ErrNotFound)
		}
		c.images[h] = true
	}
	s.unpack.Lock() // before the other lock, as whoever unpacks
	defer s.unpack.Unlock()
	err := s.locked(func() error { return c.run(ctx) })
	if err != nil {
		return c.out, fmt.Errorf("image: collect in %s: %w", s.dir, err)
	}
	return c.out, nil
}

type collection struct {
	store  *Store
	before time.Time
	dry    bool
	images map[v1.Hash]bool // that stay
	blobs  map[v1.Hash]bool // that they need
	out    Collected
}

func (c *collection) run(ctx context.Context) error {
	m, err := c.store.index()
	if err != nil {
		return err
	}
	if err := c.mark(m); err != nil {
		return err
	}
	for _, d := range m.Manifests {
		if !c.images[d.Digest] {
			c.out.Images = append(c.out.Images, d.Digest.String())
		}
	}
	if len(c.out.Images) > 0 && !c.dry {
		// First out of the list, then off the disk: what is listed is there.
		err := c.store.rewriteIndex(func(m *v1.IndexManifest) {
			var kept []v1.Descriptor
			for _, d := range m.Manifests {
				if c.images[d.Digest] {
					kept = append(kept, d)
				}
			}
			m.Manifests = kept
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(c.sweepBlobs(ctx), c.sweepUnpacked(ctx, c.store.rootDir()), c.sweepUnpacked(ctx, c.store.toolDir()), c.sweepHalfMade(ctx))
}

// mark finds what stays. An image that cannot be read stays with an error:
// what it needs is unknown, so nothing may go.
func (c *collection) mark(m *v1.IndexManifest) error {
	for _, d := range m.Manifests {
		fi, err := os.Stat(c.store.blob(d.Digest))
		if err != nil {
			return fmt.Errorf("%w: the manifest of %s is listed and not there: import or build it again", ErrCorrupt, d.Digest)
		}
		if d.Annotations[annSubject] != "" {
			continue // see below
		}
		if len(d.Annotations) > 0 || fi.ModTime().After(c.before) {
			c.images[d.Digest] = true
		}
	}
	for _, d := range m.Manifests { // tools first: they say which bases stay
		if !c.images[d.Digest] {
			continue
		}
		img, _, err := c.store.image(d.Digest.String())
		if err != nil {
			return err
		}
		manifest, err := img.Manifest()
		if err != nil {
			return fmt.Errorf("%w: manifest of %s: %v", ErrCorrupt, d.Digest, err)
		}
		if base, err := v1.NewHash(manifest.Annotations[annBase]); err == nil {
			c.images[base] = true
		}
	}
	for _, d := range m.Manifests { // a signature stays as long as what it is about
		if h, err := v1.NewHash(d.Annotations[annSubject]); err == nil && c.images[h] {
			c.images[d.Digest] = true
		}
	}
	for _, d := range m.Manifests {
		if !c.images[d.Digest] {
			continue
		}
		if err := c.need(d.Digest); err != nil {
			return err
		}
	}
	return nil
}

// need marks the blobs of an image.
func (c *collection) need(digest v1.Hash) error {
	img, _, err := c.store.image(digest.String())
	if err != nil {
		return err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return fmt.Errorf("%w: manifest of %s: %v", ErrCorrupt, digest, err)
	}
	c.blobs[digest], c.blobs[manifest.Config.Digest] = true, true
	for _, l := range manifest.Layers {
		c.blobs[l.Digest] = true
	}
	return nil
}

func (c *collection) sweepBlobs(ctx context.Context) error {
	dir := filepath.Join(c.store.layoutDir(), "blobs", "sha256")
	return c.sweep(ctx, dir, func(name string, _ fs.FileInfo) bool {
		return !c.blobs[v1.Hash{Algorithm: "sha256", Hex: name}]
	}, func() { c.out.Blobs++ })
}

// sweepUnpacked removes the directories of images that are gone. One that
// was unpacked from the store below stays as long as that has the image.
func (c *collection) sweepUnpacked(ctx context.Context, dir string) error {
	return c.sweep(ctx, dir, func(name string, fi fs.FileInfo) bool {
		if strings.HasPrefix(name, ".") {
			return fi.ModTime().Before(c.before)
		}
		h := v1.Hash{Algorithm: "sha256", Hex: name}
		if c.images[h] {
			return false
		}
		if c.store.base != nil {
			_, _, err := c.store.base.image(h.String())
			return errors.Is(err, ErrNotFound)
		}
		return true
	}, func() { c.out.Unpacked++ })
}

func (c *collection) sweepHalfMade(ctx context.Context) error {
	return c.sweep(ctx, c.store.dir, func(name string, fi fs.FileInfo) bool {
		for _, prefix := range []string{".import-", ".admit-", ".export-", ".build-"} {
			if strings.HasPrefix(name, prefix) {
				return fi.ModTime().Before(c.before)
			}
		}
		return strings.HasPrefix(name, ".gone-")
	}, func() { c.out.Unpacked++ })
}

// sweep removes the entries of dir that gone says are not needed.
func (c *collection) sweep(ctx context.Context, dir string, gone func(string, fs.FileInfo) bool, count func()) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		if !gone(e.Name(), fi) {
			continue
		}
		c.out.Bytes += diskSize(path)
		count()
		if c.dry {
			continue
		}
		// Renamed first: a directory that is half gone must not pass for whole.
		aside := filepath.Join(dir, ".gone-"+strings.TrimLeft(e.Name(), "."))
		if err := os.Rename(path, aside); err != nil {
			return err
		}
		if err := os.RemoveAll(aside); err != nil {
			return err
		}
	}
	return nil
}

// diskSize is what a file or tree takes on disk, in bytes; what cannot be read
// counts nothing.
func diskSize(path string) int64 {
	var n int64
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			n += fi.Size()
		}
		return nil
	})
	return n
}
