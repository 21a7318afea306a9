package image

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ToolPath is where a tool's folder lies in its image.
const ToolPath = "/opt/lathe/tool"

const toolPrefix = "opt/lathe/tool"

// A tool is source text; more than this is not one.
const (
	maxToolFiles = 1000
	maxToolBytes = 64 << 20
)

// AddTool stores a tool image: the base image and one layer with files (names
// relative to ToolPath), carrying the annotations. It returns the digest, which
// depends on the content only, and tags it name:version.
func (s *Store) AddTool(ctx context.Context, base string, files map[string][]byte, annotations map[string]string, name, version string) (string, error) {
	if !tagPattern.MatchString(name + ":" + version) {
		return "", fmt.Errorf("image: %q is not a tool name and version", clip(name+":"+version))
	}
	img, err := s.toolImage(base, files, annotations, name, version)
	if err != nil {
		return "", fmt.Errorf("image: tool %s: %w", name, err)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// The base comes along: the store that it was read from may drop it later.
	// Its layers are the tool's own too, so that it costs a manifest.
	if under, at, err := s.image(base); err == nil && at != s {
		if err := s.put(under); err != nil {
			return "", err
		}
	}
	if err := s.put(img); err != nil {
		return "", err
	}
	digest, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("image: tool %s: %w", name, err)
	}
	return digest.String(), s.SaveTag(name, version, digest.String())
}

// toolImage makes the image without storing it.
func (s *Store) toolImage(base string, files map[string][]byte, annotations map[string]string, name, version string) (v1.Image, error) {
	img, _, err := s.image(base)
	if err != nil {
		return nil, fmt.Errorf("its base: %w", err)
	}
	layer, err := s.toolLayer(files)
	if err != nil {
		return nil, err
	}
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:     layer,
		MediaType: types.OCILayer,
		History:   v1.History{CreatedBy: "lathe: add tool", Created: v1.Time{Time: SourceDate}},
	})
	if err != nil {
		return nil, err
	}
	all := maps.Clone(annotations)
	if all == nil {
		all = map[string]string{}
	}
	all[annTitle], all[annVersion], all[annBase] = name, version, base
	return mutate.Annotations(img, all).(v1.Image), nil
}

// toolLayer packs files in the order of their names, with fixed times, owners
// and modes, so that the digest says what the content is and nothing else.
func (s *Store) toolLayer(files map[string][]byte) (v1.Layer, error) {
	if len(files) == 0 || len(files) > maxToolFiles {
		return nil, fmt.Errorf("%d files, must be 1 to %d", len(files), maxToolFiles)
	}
	check := &unpacker{limits: s.limits}
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	dirs := map[string]bool{}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		clean, err := check.cleanName(name)
		if err == nil && (clean == "." || clean != name) {
			err = hostile(name, "is not a clean relative name")
		}
		if err != nil {
			return nil, err
		}
		if total += len(files[name]); total > maxToolBytes {
			return nil, fmt.Errorf("more than %d bytes", maxToolBytes)
		}
		if err := writeDirs(tw, path.Dir(path.Join(toolPrefix, name)), dirs); err != nil {
			return nil, err
		}
		if err := writeFile(tw, path.Join(toolPrefix, name), files[name]); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(buf.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

func writeDirs(tw *tar.Writer, dir string, done map[string]bool) error {
	if dir == "." || done[dir] {
		return nil
	}
	done[dir] = true
	if err := writeDirs(tw, path.Dir(dir), done); err != nil {
		return err
	}
	return tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0), Format: tar.FormatPAX})
}

func writeFile(tw *tar.Writer, name string, data []byte) error {
	mode := int64(0o644)
	if bytes.HasPrefix(data, []byte("#!")) {
		mode = 0o755
	}
	err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: mode, ModTime: time.Unix(0, 0), Format: tar.FormatPAX})
	if err == nil {
		_, err = tw.Write(data)
	}
	return err
}

// ToolBase returns the digest of the base image that a tool image stands on:
// RootFS of it, with ToolDir at ToolPath, is what the tool runs in.
func (s *Store) ToolBase(digest string) (string, error) {
	a, err := s.Annotations(digest)
	if err != nil {
		return "", err
	}
	if a[annBase] == "" {
		return "", fmt.Errorf("image: %s is not a tool: %w", digest, ErrNotFound)
	}
	return a[annBase], nil
}

// ToolDir returns the directory of a tool's own files, unpacked once per digest
// from the image's last layer. Treat it as read-only.
func (s *Store) ToolDir(ctx context.Context, digest string) (string, error) {
	if _, err := s.ToolBase(digest); err != nil {
		return "", err
	}
	img, _, err := s.image(digest)
	if err != nil {
		return "", err
	}
	if dir, ok := s.unpackedBelow((*Store).toolDir, digest); ok {
		return dir, nil
	}
	return s.unpackOnce(s.toolDir(), digest, func(dir string) error {
		if err := s.Verify(digest); err != nil {
			return err
		}
		return s.extractTool(ctx, img, dir)
	})
}

func (s *Store) extractTool(ctx context.Context, img v1.Image, dir string) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	if len(layers) < 2 {
		return hostile(toolPrefix, "is missing: the image has no layer of its own")
	}
	r, err := layers[len(layers)-1].Uncompressed()
	if err != nil {
		return err
	}
	defer r.Close()
	l := s.limits
	l.Bytes, l.Entries = min(l.Bytes, maxToolBytes), min(l.Entries, 4*maxToolFiles)
	return unpackBelow(ctx, r, dir, toolPrefix, l)
}
