package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// Import reads an image from a .tar file (an OCI layout as Export writes it, or
// what `docker save` writes), checks all of it and stores it. It returns the
// digest.
func (s *Store) Import(ctx context.Context, file string) (string, error) {
	tmp, err := os.MkdirTemp(s.dir, ".import-*")
	if err != nil {
		return "", fmt.Errorf("image: import %s: %w", file, err)
	}
	defer os.RemoveAll(tmp)
	img, err := s.open(ctx, file, tmp)
	if err != nil {
		return "", fmt.Errorf("image: import %s: %w", file, err)
	}
	digest, err := s.admit(ctx, img)
	if err != nil {
		return "", fmt.Errorf("image: import %s: %w", file, err)
	}
	return digest, nil
}

// open unpacks the archive itself into tmp and finds the one image in it.
func (s *Store) open(ctx context.Context, file, tmp string) (v1.Image, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := Unpack(ctx, f, tmp, s.limits); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(tmp, "oci-layout")); err != nil {
		if err := smallFile(filepath.Join(tmp, "manifest.json")); err != nil {
			return nil, err
		}
		if err := smallConfigs(file, tmp); err != nil {
			return nil, err
		}
		return tarball.ImageFromPath(file, nil)
	}
	if err := onlyFiles(tmp); err != nil {
		return nil, err
	}
	if err := smallFile(filepath.Join(tmp, "index.json")); err != nil {
		return nil, err
	}
	ii, err := layout.ImageIndexFromPath(tmp)
	if err != nil {
		return nil, err
	}
	m, err := ii.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(m.Manifests) != 1 {
		return nil, fmt.Errorf("holds %d images; export the one that is meant", len(m.Manifests))
	}
	digest := m.Manifests[0].Digest
	if err := smallFile(filepath.Join(tmp, "blobs", digest.Algorithm, digest.Hex)); err != nil {
		return nil, err
	}
	img, err := ii.Image(digest)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigName()
	if err != nil {
		return nil, err
	}
	return img, smallFile(filepath.Join(tmp, "blobs", config.Algorithm, config.Hex))
}

// maxDocument bounds an index, a manifest or a configuration, which is read in
// one piece.
const maxDocument = 4 << 20

// smallConfigs refuses an archive of `docker save` with a large configuration:
// the library reads it from the archive, the first entry of that name.
func smallConfigs(file, unpacked string) error {
	raw, err := os.ReadFile(filepath.Join(unpacked, "manifest.json"))
	if err != nil {
		return err
	}
	var m tarball.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("manifest.json: %w", err)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		named := h.Name == "manifest.json" || slices.ContainsFunc(m, func(d tarball.Descriptor) bool { return d.Config == h.Name })
		if named && (h.Typeflag != tar.TypeReg || h.Size > maxDocument) {
			return hostile(h.Name, fmt.Sprintf("is no file of at most %d bytes", maxDocument))
		}
	}
}

func smallFile(path string) error {
	fi, err := os.Lstat(path)
	if err == nil && (!fi.Mode().IsRegular() || fi.Size() > maxDocument) {
		err = hostile(filepath.Base(path), fmt.Sprintf("is no file of at most %d bytes", maxDocument))
	}
	return err
}

// onlyFiles refuses a layout with links: what is read of it would be read from
// wherever on this machine they lead, /dev/zero included.
func onlyFiles(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !d.Type().IsRegular() {
			err = hostile(d.Name(), "is a link where an image keeps its files")
		}
		return err
	})
}

// admit checks an image from outside in full, unpacks it once to see that it
// can be, and stores it. The bounded unpacking comes first: validating reads
// without bounds.
func (s *Store) admit(ctx context.Context, img v1.Image) (string, error) {
	tmp, err := os.MkdirTemp(s.dir, ".admit-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	m, err := img.Manifest()
	if err != nil {
		return "", err
	}
	if m.Config.Size > maxDocument { // which is read in one piece
		return "", fmt.Errorf("%w: a configuration of %d bytes, at most %d", ErrHostile, m.Config.Size, maxDocument)
	}
	if err := s.extract(ctx, img, tmp); err != nil {
		return "", err
	}
	if m.Annotations[annBase] != "" {
		dir, err := os.MkdirTemp(s.dir, ".admit-*")
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(dir)
		if err := s.extractTool(ctx, img, dir); err != nil {
			return "", err
		}
	}
	if err := validate.Image(img); err != nil {
		return "", fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	if err := s.put(img); err != nil {
		return "", err
	}
	digest, err := img.Digest()
	return digest.String(), err
}

// Export writes an image to file as a .tar of an OCI layout. The file appears
// complete or not at all.
func (s *Store) Export(ctx context.Context, digest, file string) error {
	img, _, err := s.image(digest)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(s.dir, ".export-*")
	if err != nil {
		return fmt.Errorf("image: export %s: %w", digest, err)
	}
	defer os.RemoveAll(tmp)
	p, err := layout.Write(tmp, empty.Index)
	if err == nil {
		err = p.AppendImage(img)
	}
	if err == nil {
		err = writeTar(ctx, tmp, file)
	}
	if err != nil {
		return fmt.Errorf("image: export %s to %s: %w", digest, file, err)
	}
	return nil
}

func writeTar(ctx context.Context, dir, file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".export-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	tw := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return appendTar(tw, path, filepath.ToSlash(rel))
	})
	if err = errors.Join(err, tw.Close(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

func appendTar(tw *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	err = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: fi.Size(), Mode: 0o644, ModTime: SourceDate})
	if err == nil {
		_, err = io.Copy(tw, f)
	}
	return err
}

// Credentials lets Push and Pull use what `docker login` and its helpers keep.
func Credentials() remote.Option { return remote.WithAuthFromKeychain(authn.DefaultKeychain) }

// Push sends an image to a registry as ref (host/name:tag) and returns
// host/name@digest, which is how others should pull it.
func (s *Store) Push(ctx context.Context, digest, ref string, opts ...remote.Option) (string, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("image: push: %q is not a reference: %w", clip(ref), err)
	}
	if err := s.Verify(digest); err != nil {
		return "", err
	}
	img, _, err := s.image(digest)
	if err != nil {
		return "", err
	}
	if err := remote.Write(r, img, append(opts, remote.WithContext(ctx))...); err != nil {
		return "", fmt.Errorf("image: push %s to %s: %w", digest, ref, err)
	}
	return r.Context().Digest(digest).String(), nil
}

// Pull fetches an image, checks all of it as Import does, and returns its
// digest. A reference by digest gives that image or an error.
func (s *Store) Pull(ctx context.Context, ref string, opts ...remote.Option) (string, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("image: pull: %q is not a reference: %w", clip(ref), err)
	}
	img, err := remote.Image(r, append(opts, remote.WithContext(ctx))...)
	if err != nil {
		return "", fmt.Errorf("image: pull %s: %w", ref, err)
	}
	digest, err := s.admit(ctx, img)
	if err != nil {
		return "", fmt.Errorf("image: pull %s: %w", ref, err)
	}
	return digest, nil
}
