package lsp

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxDocuments     = 1000     // open at once on a connection; more are not looked at
	maxDocumentBytes = 64 << 20 // of all contents of a connection together
)

// documents are the open files of a connection, by path.
type documents struct {
	byPath map[string]*document
	total  int // bytes of content
}

// open adds a document, or replaces one that the editor opens twice.
func (ds *documents) open(uri, text string, version int32) (*document, error) {
	path, err := pathOf(uri)
	if err != nil {
		return nil, err
	}
	d := ds.byPath[path]
	if d == nil {
		if len(ds.byPath) >= maxDocuments {
			return nil, fmt.Errorf("%d documents are open already: close some, this one is not looked at", maxDocuments)
		}
		d = &document{paths: bothPaths(path)}
		ds.byPath[d.paths[0]] = d // the copy: path may be part of the whole message
	}
	d.uri, d.version = strings.Clone(uri), version
	ds.edit(d, func() { d.setText(text) })
	return d, nil
}

// edit runs an edit of d and keeps the sum of all contents within its bound.
func (ds *documents) edit(d *document, do func()) {
	ds.total -= d.size
	do()
	if ds.total+d.size > maxDocumentBytes {
		d.lose()
	}
	ds.total += d.size
}

// get finds an open document; nil when it is not open.
func (ds *documents) get(uri string) *document {
	path, err := pathOf(uri)
	if err != nil {
		return nil
	}
	return ds.byPath[path]
}

func (ds *documents) close(uri string) *document {
	path, err := pathOf(uri)
	if err != nil {
		return nil
	}
	d := ds.byPath[path]
	if d != nil {
		ds.total -= d.size
		delete(ds.byPath, path)
	}
	return d
}

// loseAll forgets all contents: a message was lost that may have been an edit.
func (ds *documents) loseAll() {
	for _, d := range ds.byPath {
		d.lose()
	}
	ds.total = 0
}

// pathOf is the file that a URI names. Editors escape differently (Neovim
// escapes even slashes); the path is what counts.
func pathOf(uri string) (string, error) {
	const scheme = "file:"
	if len(uri) > 16<<10 {
		return "", errors.New("a URI of more than 16 KiB")
	}
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return "", fmt.Errorf("%.80q is not a file", uri)
	}
	rest := uri[len(scheme):]
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return "", fmt.Errorf("URI %.80q: %w", uri, err)
	}
	if after, ok := strings.CutPrefix(path, "//"); ok {
		path = strings.TrimPrefix(after, "localhost")
	}
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("URI %.80q names no absolute path on this machine", uri)
	}
	return filepath.Clean(path), nil
}

// bothPaths are the names of a file: as given, and without symbolic links
// where that differs.
func bothPaths(path string) []string {
	names := []string{strings.Clone(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(names, real) {
		names = append(names, real)
	}
	return names
}
