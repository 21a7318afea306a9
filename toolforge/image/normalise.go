package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
)

func goarch() string { return runtime.GOARCH }

// dropped says which of a built root never enters an image: documentation,
// caches, logs, identities, the machine's package sources, devices, Perl (only
// rare git subcommands want it) and git's network helpers (there is no network).
func dropped(name string) bool {
	for _, p := range []string{
		"dev", "etc/apt", "etc/hostname", "etc/machine-id", "etc/perl", "etc/resolv.conf", "run", "sys", "proc", "tmp",
		"usr/bin/perl", "usr/bin/scalar", "usr/lib/systemd", "usr/share/bash-completion", "usr/share/bug",
		"usr/share/doc", "usr/share/doc-base", "usr/share/info", "usr/share/lintian", "usr/share/locale",
		"usr/share/man", "usr/share/perl", "usr/share/perl5", "usr/share/pixmaps", "usr/share/applications",
		"usr/lib/git-core/git-daemon", "usr/lib/git-core/git-imap-send", "usr/lib/git-core/scalar",
		"var/backups", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log", "var/tmp",
	} {
		if name == p || strings.HasPrefix(name, p+"/") {
			return true
		}
	}
	if rest, ok := strings.CutPrefix(name, "usr/lib/"); ok {
		parts := strings.Split(rest, "/")
		if len(parts) > 1 && (strings.HasPrefix(parts[1], "perl") || strings.HasPrefix(parts[1], "libperl")) {
			return true
		}
	}
	return strings.HasPrefix(name, "usr/bin/perl") || strings.HasPrefix(name, "usr/share/perl/") ||
		strings.HasPrefix(name, "usr/lib/git-core/git-http-") || strings.HasPrefix(name, "usr/lib/git-core/git-remote-")
}

// Mount points of the sandbox, so that the root can be used as it is, and the
// few files that packages' own scripts would have made.
func addedDirs() []string {
	return []string{"dev", "in", "opt", "opt/lathe", "opt/lathe/tool", "out", "proc", "tmp", "work", "workspace"}
}

func addedFiles() map[string]string {
	return map[string]string{
		"etc/passwd":        "root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n",
		"etc/group":         "root:x:0:\nnogroup:x:65534:\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"etc/hosts":         "127.0.0.1 localhost\n",
	}
}

func addedLinks() map[string]string {
	return map[string]string{"usr/bin/awk": "gawk"}
}

// writeLayer turns the tar of a built root into a layer that depends on its
// content alone.
func writeLayer(r io.Reader, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	zw := gzip.NewWriter(f)
	tw := tar.NewWriter(zw)
	n := &normaliser{tw: tw, seen: map[string]bool{}}
	err = n.copy(tar.NewReader(r))
	if err == nil {
		err = n.add()
	}
	return errors.Join(err, tw.Close(), zw.Close(), f.Close())
}

type normaliser struct {
	tw   *tar.Writer
	seen map[string]bool
}

func (n *normaliser) copy(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the built root: %w", err)
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if name == "" || dropped(name) || n.seen[name] {
			continue
		}
		if _, ok := addedFiles()[name]; ok {
			continue
		}
		out := &tar.Header{Typeflag: h.Typeflag, Name: name, Linkname: h.Linkname, Size: h.Size, Mode: 0o644}
		switch h.Typeflag {
		case tar.TypeReg:
		case tar.TypeDir:
			out.Name += "/"
		case tar.TypeSymlink:
		case tar.TypeLink:
			out.Linkname = strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")
			if !n.seen[out.Linkname] {
				return fmt.Errorf("%s is a hard link to %s, which is left out", name, out.Linkname)
			}
		default:
			continue
		}
		if h.Typeflag == tar.TypeDir || h.Mode&0o111 != 0 {
			out.Mode = 0o755
		}
		n.seen[name] = true
		if err := n.write(out, tr); err != nil {
			return err
		}
	}
}

func (n *normaliser) write(h *tar.Header, r io.Reader) error {
	h.ModTime, h.Format = SourceDate, tar.FormatPAX
	if err := n.tw.WriteHeader(h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := io.Copy(n.tw, r)
	return err
}

func (n *normaliser) add() error {
	for _, d := range addedDirs() {
		if n.seen[d] {
			continue
		}
		if err := n.write(&tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: 0o755}, nil); err != nil {
			return err
		}
	}
	for _, name := range sorted(addedFiles()) {
		data := []byte(addedFiles()[name])
		if err := n.write(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}, bytes.NewReader(data)); err != nil {
			return err
		}
	}
	for _, name := range sorted(addedLinks()) {
		if n.seen[name] {
			continue
		}
		if err := n.write(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: addedLinks()[name], Mode: 0o777}, nil); err != nil {
			return err
		}
	}
	return nil
}
