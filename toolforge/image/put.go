package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// put writes an image's blobs and lists it in the index. Blobs that are there
// but damaged are replaced.
func (s *Store) put(img v1.Image) error {
	digest, err := img.Digest()
	if err != nil {
		return fmt.Errorf("image: digest: %w", err)
	}
	desc, err := partial.Descriptor(img)
	if err != nil {
		return fmt.Errorf("image: describe %s: %w", digest, err)
	}
	desc.Annotations = nil
	// Listed under the same lock as written: Collect removes what no list names.
	err = s.locked(func() error {
		if err := s.dropDamaged(img); err != nil {
			return err
		}
		if err := s.putSmall(img); err != nil {
			return err
		}
		if err := layout.Path(s.layoutDir()).WriteImage(img); err != nil {
			return err
		}
		return s.rewriteIndex(func(m *v1.IndexManifest) {
			for _, d := range m.Manifests {
				if d.Digest == digest {
					return
				}
			}
			m.Manifests = append(m.Manifests, *desc)
		})
	})
	if err != nil {
		return fmt.Errorf("image: store %s: %w", digest, err)
	}
	return nil
}

// dropDamaged removes layers of img whose stored bytes are wrong: WriteImage
// compares sizes only.
func (s *Store) dropDamaged(img v1.Image) error {
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	for _, l := range m.Layers {
		path := s.blob(l.Digest)
		sum, err := hashFile(path)
		if os.IsNotExist(err) || (err == nil && sum == l.Digest.Hex) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// putSmall writes configuration and manifest atomically: the layout library
// writes them in place, and takes a torn one for complete later.
func (s *Store) putSmall(img v1.Image) error {
	cfgName, err := img.ConfigName()
	if err != nil {
		return err
	}
	cfg, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	if err := writeAtomic(s.blob(cfgName), cfg); err != nil {
		return err
	}
	return writeAtomic(s.blob(digest), manifest)
}

func (s *Store) blob(h v1.Hash) string {
	return filepath.Join(s.layoutDir(), "blobs", h.Algorithm, h.Hex)
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func writeAtomic(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// Verify reads every byte of an image and compares it with its digests, and
// answers ErrCorrupt when one is wrong. A layer that was found whole before is
// read again only when its file changed: the tools on one base share its large
// layer.
func (s *Store) Verify(digest string) error {
	img, at, err := s.image(digest)
	if err != nil {
		return err
	}
	h, _ := v1.NewHash(digest)
	sum, err := hashFile(at.blob(h))
	if err != nil {
		return fmt.Errorf("image: verify %s: %w", digest, err)
	}
	if sum != h.Hex {
		return fmt.Errorf("%w: manifest of %s; import or build it again", ErrCorrupt, digest)
	}
	err = validate.Image(img, validate.Fast) // all but what the layers hold
	if err == nil {
		err = s.verifyLayers(img, at)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %v; import or build it again", ErrCorrupt, digest, err)
	}
	return nil
}
