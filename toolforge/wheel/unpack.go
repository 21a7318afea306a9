package wheel

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"net/mail"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a wheel, and of all wheels of a tool.
const (
	MaxWheel = 16 << 20 // bytes, packed
	MaxFiles = 800
	MaxBytes = 24 << 20 // unpacked
)

// Package is a wheel that was checked.
type Package struct {
	Pin
	File    string            // name of the wheel
	Origin  string            // where it came from: an address, or a file's name
	Files   map[string][]byte // by slash-separated names, as they lie beside a program
	Modules []string          // what can be imported
	Needs   []string          // normalised names of packages that it requires always
	Licence string            // as it says itself, or ""
	Typed   bool              // whether its types are for its users (PEP 561)
}

// tagged is a wheel's name (PEP 427, PEP 425).
var tagged = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._]*)-([0-9A-Za-z.!+_]+?)(?:-([0-9][0-9A-Za-z_.]*))?-([a-z0-9_.]+)-([a-z0-9_.]+)-([a-z0-9_.]+)\.whl$`)

// CheckName refuses what is no wheel, and wheels with native code, by the name
// of the file alone.
func CheckName(file string, p Pin) error {
	m := tagged.FindStringSubmatch(file)
	switch {
	case m == nil && (strings.HasSuffix(file, ".tar.gz") || strings.HasSuffix(file, ".zip") || strings.HasSuffix(file, ".tar.bz2") || strings.HasSuffix(file, ".egg")):
		return refused(p, "%.120q is a source distribution, and building one runs its code: only wheels are taken", file)
	case m == nil:
		return refused(p, "%.120q is no wheel", file)
	case Normal(m[1]) != p.Name || m[2] != p.Version && strings.ReplaceAll(m[2], "_", "+") != p.Version:
		return refused(p, "the wheel %.120q is of another package or version", file)
	case m[5] != "none" || m[6] != "any":
		return refused(p, "%.120q has native code for %s, which no rule can look at: only wheels for py3-none-any are taken", file, m[6])
	case !slices.ContainsFunc(strings.Split(m[4], "."), func(t string) bool { return strings.HasPrefix(t, "py3") || strings.HasPrefix(t, "cp3") }):
		return refused(p, "%.120q is not for Python 3", file)
	}
	return nil
}

func refused(p Pin, format string, args ...any) error {
	return fmt.Errorf("%w: %s %s: %s", ErrRefused, p.Name, p.Version, fmt.Sprintf(format, args...))
}

// Open checks a wheel against its pin and unpacks it in memory.
func Open(raw []byte, file string, p Pin) (Package, error) {
	if len(raw) > MaxWheel {
		return Package{}, refused(p, "its wheel has more than %d bytes", MaxWheel)
	}
	if err := CheckName(file, p); err != nil {
		return Package{}, err
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != p.SHA256 {
		return Package{}, refused(p, "its wheel has the SHA-256 %x, pinned is %s: it is another file", sum, p.SHA256)
	}
	all, err := readZip(raw, p)
	if err != nil {
		return Package{}, err
	}
	m := tagged.FindStringSubmatch(file)
	info := m[1] + "-" + m[2] + ".dist-info/"
	if _, ok := all[info+"RECORD"]; !ok {
		return Package{}, refused(p, "there is no %sRECORD", info)
	}
	if err := checkRecord(all, info, p); err != nil {
		return Package{}, err
	}
	out := Package{Pin: p, File: file, Files: map[string][]byte{}}
	if err := out.metadata(all, info); err != nil {
		return Package{}, err
	}
	return out, out.place(all, info)
}

// readZip reads a wheel's files, each bounded by what is left of the whole.
func readZip(raw []byte, p Pin) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, refused(p, "its wheel cannot be read: %v", err)
	}
	if len(z.File) > MaxFiles {
		return nil, refused(p, "%d files, at most %d", len(z.File), MaxFiles)
	}
	all, left := map[string][]byte{}, int64(MaxBytes)
	folded := map[string]bool{}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		switch clean := path.Clean(f.Name); {
		case clean != f.Name || path.IsAbs(f.Name) || clean == ".." || strings.HasPrefix(clean, "../") || !utf8.ValidString(f.Name) ||
			strings.ContainsAny(f.Name, "\\:\x00") || strings.ContainsFunc(f.Name, func(r rune) bool { return r < ' ' }) || len(f.Name) > 400:
			return nil, refused(p, "the name %.120q leads out of the folder, or is not clean", f.Name)
		case !f.Mode().IsRegular():
			return nil, refused(p, "%.120q is no regular file", f.Name)
		case folded[strings.ToLower(f.Name)]:
			return nil, refused(p, "%.120q is there twice", f.Name)
		}
		folded[strings.ToLower(f.Name)] = true
		r, err := f.Open()
		if err != nil {
			return nil, refused(p, "%.120q cannot be read: %v", f.Name, err)
		}
		text, err := io.ReadAll(io.LimitReader(r, left+1))
		if cerr := r.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, refused(p, "%.120q cannot be read: %v", f.Name, err)
		}
		if left -= int64(len(text)); left < 0 {
			return nil, refused(p, "it has more than %d bytes unpacked", MaxBytes)
		}
		all[f.Name] = text
	}
	return all, nil
}

// checkRecord holds every file against the wheel's RECORD, and every entry of
// it against the files.
func checkRecord(all map[string][]byte, info string, p Pin) error {
	rows := csv.NewReader(bytes.NewReader(all[info+"RECORD"]))
	rows.FieldsPerRecord = 3
	listed := map[string]bool{}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return refused(p, "its RECORD cannot be read: %v", err)
		}
		text, ok := all[row[0]]
		if !ok || listed[row[0]] {
			return refused(p, "its RECORD names %.120q, which is not there, or twice", row[0])
		}
		listed[row[0]] = true
		if row[0] == info+"RECORD" {
			continue
		}
		sum := sha256.Sum256(text)
		if row[1] != "sha256="+base64.RawURLEncoding.EncodeToString(sum[:]) {
			return refused(p, "%.120q is not what its RECORD says", row[0])
		}
	}
	for name := range all {
		if !listed[name] && name != info+"RECORD" && name != info+"RECORD.jws" && name != info+"RECORD.p7s" {
			return refused(p, "%.120q is not in its RECORD", name)
		}
	}
	return nil
}

var requirement = regexp.MustCompile(`^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)`)

// metadata reads WHEEL and METADATA.
func (k *Package) metadata(all map[string][]byte, info string) error {
	head := func(name string) (mail.Header, error) {
		text, _, _ := bytes.Cut(bytes.ReplaceAll(all[info+name], []byte("\r\n"), []byte("\n")), []byte("\n\n"))
		m, err := mail.ReadMessage(bytes.NewReader(append(bytes.TrimRight(text, "\n"), "\n\n"...)))
		if err != nil {
			return nil, refused(k.Pin, "its %s cannot be read: %v", name, err)
		}
		return m.Header, nil
	}
	w, err := head("WHEEL")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(w.Get("Wheel-Version"), "1.") || !strings.EqualFold(w.Get("Root-Is-Purelib"), "true") {
		return refused(k.Pin, "it says of itself that it is no wheel of version 1 without native code")
	}
	m, err := head("METADATA")
	if err != nil {
		return err
	}
	if Normal(m.Get("Name")) != k.Name || m.Get("Version") != k.Version {
		return refused(k.Pin, "it says of itself that it is %.80q %.40q", m.Get("Name"), m.Get("Version"))
	}
	k.Licence = m.Get("License-Expression")
	if l := m.Get("License"); k.Licence == "" && len(l) < 80 {
		k.Licence = l
	}
	for _, r := range m["Requires-Dist"] {
		// What holds for an extra or on some systems only is not asked for.
		if name := requirement.FindStringSubmatch(r); name != nil && !strings.Contains(r, ";") {
			k.Needs = append(k.Needs, Normal(name[1]))
		}
	}
	slices.Sort(k.Needs)
	return nil
}

// place says where the files go: as they are, purelib of the .data folder
// beside them, and its scripts, headers and data nowhere.
func (k *Package) place(all map[string][]byte, info string) error {
	data := strings.TrimSuffix(info, ".dist-info/") + ".data/"
	for name, text := range all {
		if rest, ok := strings.CutPrefix(name, data); ok {
			kind, inner, _ := strings.Cut(rest, "/")
			if kind != "purelib" {
				continue
			}
			name = inner
			if _, twice := all[name]; twice {
				return refused(k.Pin, "%.120q is there twice", name)
			}
		}
		top, _, below := strings.Cut(name, "/")
		ext := path.Ext(name)
		switch {
		case slices.Contains([]string{".so", ".pyd", ".dylib", ".dll", ".a", ".o", ".exe"}, ext) || strings.Contains(path.Base(name), ".so."):
			return refused(k.Pin, "%.120q is native code", name)
		case ext == ".pth" || ext == ".pyc" || ext == ".pyo":
			return refused(k.Pin, "%.120q is what Python runs by itself, or what nobody can read", name)
		case !below && slices.Contains([]string{"sitecustomize.py", "usercustomize.py", "conftest.py", "tool.py", "test_tool.py"}, name):
			return refused(k.Pin, "%.120q would take the place of something else", name)
		}
		k.Files[name] = text
		if below && !strings.HasSuffix(top, ".dist-info") {
			k.Modules = append(k.Modules, top)
		} else if !below && ext == ".py" {
			k.Modules = append(k.Modules, strings.TrimSuffix(name, ".py"))
		}
		k.Typed = k.Typed || path.Base(name) == "py.typed"
	}
	slices.Sort(k.Modules)
	k.Modules = slices.Compact(k.Modules)
	return nil
}
