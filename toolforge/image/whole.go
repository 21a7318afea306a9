package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// whole remembers the layers that were read in full and found whole.
type whole struct {
	mu     sync.Mutex
	layers map[string]wholeLayer // by the path of the blob
}

type wholeLayer struct {
	file   os.FileInfo
	diffID v1.Hash
}

// settledAfter is how old a file's last change must be for its times to tell it
// from a later change: file systems count in steps.
const settledAfter = 2 * time.Second

// known returns the digest of a layer's uncompressed content when its file is
// the one that was read.
func (w *whole) known(path string) (v1.Hash, bool) {
	now, err := os.Stat(path)
	if err != nil {
		return v1.Hash{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l, ok := w.layers[path]
	return l.diffID, ok && os.SameFile(l.file, now) && l.file.Size() == now.Size() && l.file.ModTime().Equal(now.ModTime())
}

// add remembers a layer whose file was before as it is said when it was read.
func (w *whole) add(path string, before os.FileInfo, diffID v1.Hash) {
	if time.Since(before.ModTime()) < settledAfter {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.layers == nil {
		w.layers = map[string]wholeLayer{}
	}
	w.layers[path] = wholeLayer{file: before, diffID: diffID}
}

// verifyLayers compares the layers of an image, which lies in the store at,
// with the digests in its manifest and in its configuration.
func (s *Store) verifyLayers(img v1.Image, at *Store) error {
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	if len(layers) != len(config.RootFS.DiffIDs) {
		return fmt.Errorf("%d layers, and the configuration names %d", len(layers), len(config.RootFS.DiffIDs))
	}
	for i, l := range layers {
		diffID, err := s.verifyLayer(l, at)
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		if diffID != config.RootFS.DiffIDs[i] {
			return fmt.Errorf("layer %d holds %s, and the configuration names %s", i, diffID, config.RootFS.DiffIDs[i])
		}
	}
	return nil
}

// verifyLayer returns the digest of a layer's uncompressed content, after
// comparing its bytes with its own digest.
func (s *Store) verifyLayer(l v1.Layer, at *Store) (v1.Hash, error) {
	digest, err := l.Digest()
	if err != nil {
		return v1.Hash{}, err
	}
	path := at.blob(digest)
	if diffID, ok := s.whole.known(path); ok {
		return diffID, nil
	}
	before, err := os.Stat(path)
	if err != nil {
		return v1.Hash{}, err
	}
	sum, size, err := hashOf(l.Compressed)
	if err != nil {
		return v1.Hash{}, err
	}
	if want, err := l.Size(); err != nil || sum != digest || size != want {
		return v1.Hash{}, errors.Join(err, fmt.Errorf("%s of %d bytes instead of %s of %d", sum, size, digest, want))
	}
	diffID, _, err := hashOf(l.Uncompressed)
	if err == nil {
		s.whole.add(path, before, diffID)
	}
	return diffID, err
}

func hashOf(open func() (io.ReadCloser, error)) (v1.Hash, int64, error) {
	r, err := open()
	if err != nil {
		return v1.Hash{}, 0, err
	}
	sum, size, err := v1.SHA256(r)
	return sum, size, errors.Join(err, r.Close())
}
