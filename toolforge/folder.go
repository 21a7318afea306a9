package toolforge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// ErrFolder says that a folder is not a tool.
var ErrFolder = errors.New("not a tool folder")

// Bounds of a tool folder.
const (
	maxFile   = 256 << 10 // bytes
	maxFolder = 64        // entries looked at
)

var (
	version = lazyregexp.New(`^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})(-[0-9A-Za-z.-]{1,40})?$`)
)

// files are the names in a folder beside tool.json.
func fileNames() []string { return []string{"README.md", "test_tool.py", sourcePython, sourceShell} }

// LoadFolder reads a tool that a person or another program made: tool.json,
// tool.py or tool.sh, test_tool.py and README.md, the last one optional. It follows no
// links, takes regular files of at most 256 KiB of UTF-8 only, refuses other
// names (a conftest.py would run before any gate), and checks the manifest.
// The content hash is computed, never read.
func LoadFolder(dir string) (learn.ProposedTool, error) {
	fail := func(err error) (learn.ProposedTool, error) {
		return learn.ProposedTool{}, fmt.Errorf("read the tool in %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fail(err)
	}
	defer root.Close()
	found, err := readFiles(root)
	if err != nil {
		return fail(err)
	}
	raw, ok := found["tool.json"]
	if !ok {
		return fail(fmt.Errorf("%w: tool.json is missing", ErrFolder))
	}
	tool := learn.ProposedTool{Files: found}
	delete(found, "tool.json")
	decode := json.NewDecoder(strings.NewReader(raw))
	decode.DisallowUnknownFields()
	var m manifestFile
	if err := decode.Decode(&m); err != nil {
		return fail(fmt.Errorf("%w: tool.json: %w", ErrFolder, err))
	}
	if decode.More() {
		return fail(fmt.Errorf("%w: tool.json holds more than one value", ErrFolder))
	}
	if tool.Manifest, err = m.manifest(); err != nil {
		return fail(err)
	}
	for _, name := range []string{SourceName(tool.Manifest.Language), "test_tool.py"} {
		if _, ok := found[name]; !ok {
			return fail(fmt.Errorf("%w: %s is missing", ErrFolder, name))
		}
	}
	tool.Spec = learn.ToolSpecification{Name: tool.Manifest.Name, Description: tool.Manifest.Description,
		Parameters: tool.Manifest.Parameters, Returns: tool.Manifest.Returns, Examples: tool.Manifest.Examples,
		CommandTemplate: m.CommandTemplate}
	return Seal(tool)
}

// readFiles reads the folder's files and refuses everything that should not
// be there. What interpreters and editors leave behind is passed over, and so
// is the folder of packages in an image: they come from where the manifest says.
func readFiles(root *os.Root) (map[string]string, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	if len(entries) > maxFolder {
		return nil, fmt.Errorf("%w: %d entries, at most %d", ErrFolder, len(entries), maxFolder)
	}
	found := map[string]string{}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() && (name == "__pycache__" || name == DependencyFolder || strings.HasPrefix(name, ".")) {
			continue
		}
		if name != "tool.json" && !slices.Contains(fileNames(), name) {
			return nil, fmt.Errorf("%w: %q does not belong in it (tool.json, tool.py or tool.sh, test_tool.py, README.md do)", ErrFolder, clip(name, 80))
		}
		if found[name], err = readRegular(root, name, e); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func readRegular(root *os.Root, name string, e fs.DirEntry) (string, error) {
	if !e.Type().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file", ErrFolder, name)
	}
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file", ErrFolder, name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	return string(b), checkText(name, string(b))
}

func checkText(name, s string) error {
	switch {
	case len(s) > maxFile:
		return fmt.Errorf("%w: %s has more than %d bytes", ErrFolder, name, maxFile)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return fmt.Errorf("%w: %s is not UTF-8 text", ErrFolder, name)
	}
	// Text that a reviewer sees otherwise than the interpreter does (Boucher
	// and Anderson, Trojan Source, 2021).
	if i := strings.IndexFunc(s, func(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }); i >= 0 {
		return fmt.Errorf("%w: %s has a bidirectional control character at byte %d", ErrFolder, name, i)
	}
	return nil
}

// WriteFolder writes a tool into dir, which it makes when it is missing.
// Existing files of these names are replaced; links are not followed.
func WriteFolder(dir string, tool learn.ProposedTool) error {
	fail := func(err error) error {
		return fmt.Errorf("write the tool %s to %s: %w", clip(tool.Manifest.Name, 64), dir, err)
	}
	if err := checkTool(tool); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	raw, err := manifestJSON(tool)
	if err != nil {
		return fail(err)
	}
	all := maps.Clone(tool.Files)
	all["tool.json"] = string(raw)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := replace(filepath.Join(dir, name), all[name]); err != nil {
			return fail(err)
		}
	}
	return nil
}

// replace writes a new file beside the old one and renames it.
func replace(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tool-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// ContentHash covers the manifest without its digest, which is known only
// later, and each file with its name and length.
func ContentHash(tool learn.ProposedTool) (string, error) {
	tool.Manifest.Digest = ""
	raw, err := canonical(tool.Manifest)
	if err != nil {
		return "", fmt.Errorf("hash the tool %s: %w", clip(tool.Manifest.Name, 64), err)
	}
	var b bytes.Buffer
	part := func(s string) { fmt.Fprintf(&b, "%d:%s", len(s), s) }
	part("lathe tool v1")
	part(string(raw))
	for _, name := range slices.Sorted(maps.Keys(tool.Files)) {
		part(name)
		part(tool.Files[name])
	}
	return learn.ContentHash(b.Bytes()), nil
}

// canonical is JSON with sorted keys and no blanks, so that the same manifest
// has the same bytes whoever formatted it.
func canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	decode := json.NewDecoder(bytes.NewReader(raw))
	decode.UseNumber()
	var plain any
	if err := decode.Decode(&plain); err != nil {
		return nil, err
	}
	return json.Marshal(plain)
}

// Seal checks a tool and sets its content hash and id. Whoever changes a tool
// seals it again.
func Seal(tool learn.ProposedTool) (learn.ProposedTool, error) {
	if err := checkTool(tool); err != nil {
		return tool, err
	}
	h, err := ContentHash(tool)
	if err != nil {
		return tool, err
	}
	tool.ContentHash = h
	tool.ToolID = learn.UUIDv8("tool", tool.Manifest.Name, h)
	return tool, nil
}
