package image

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// writeSources finds the distribution's own archives among the apt sources
// below root, leaves out every third party's, and writes them to files in tmp.
// It returns the release's code name and the files.
func writeSources(root, tmp string) (suite string, files []string, err error) {
	release, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return "", nil, fmt.Errorf("find the release's name: %w", err)
	}
	for _, line := range strings.Split(string(release), "\n") {
		if v, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			suite = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	if suite == "" {
		return "", nil, errors.New("os-release names no VERSION_CODENAME: not a released Debian or Ubuntu; import a base image instead")
	}
	paths, _ := filepath.Glob(filepath.Join(root, "etc/apt/sources.list.d/*"))
	var lines, stanzas []string
	for _, p := range append([]string{filepath.Join(root, "etc/apt/sources.list")}, paths...) {
		data, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		switch filepath.Ext(p) {
		case ".list":
			lines = append(lines, oneLine(string(data), suite)...)
		case ".sources":
			stanzas = append(stanzas, deb822(string(data), suite)...)
		}
	}
	for name, content := range map[string]string{
		"base.list": strings.Join(lines, "\n"), "base.sources": strings.Join(stanzas, "\n\n"),
	} {
		if content == "" {
			continue
		}
		file := filepath.Join(tmp, name)
		if err := os.WriteFile(file, []byte(content+"\n"), 0o644); err != nil {
			return "", nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return "", nil, fmt.Errorf("no apt source of %s with component main in /etc/apt", suite)
	}
	slices.Sort(files)
	return suite, files, nil
}

// own says whether a suite is the release itself or one of its updates.
func own(name, suite string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(name, "/updates"), suite)
	return ok && (rest == "" || rest == "-updates" || rest == "-security")
}

// oneLine keeps "deb [options] URI SUITE main ..." lines of the suite.
func oneLine(text, suite string) []string {
	var keep []string
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "deb" {
			continue
		}
		rest := fields[1:]
		if strings.HasPrefix(rest[0], "[") {
			for len(rest) > 0 && !strings.HasSuffix(rest[0], "]") {
				rest = rest[1:]
			}
			if len(rest) > 0 {
				rest = rest[1:]
			}
		}
		if len(rest) >= 3 && own(rest[1], suite) && slices.Contains(rest[2:], "main") {
			keep = append(keep, strings.TrimSpace(line))
		}
	}
	return keep
}

// deb822 keeps the stanzas of the suite (deb822(5) form, as sources.list(5) says).
func deb822(text, suite string) []string {
	var keep []string
	for _, stanza := range splitStanzas(text) {
		f := map[string]string{}
		for _, line := range strings.Split(stanza, "\n") {
			if key, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
				f[strings.ToLower(key)] = strings.TrimSpace(value)
			}
		}
		suites := strings.Fields(f["suites"])
		foreign := slices.ContainsFunc(suites, func(s string) bool { return !own(s, suite) })
		if f["enabled"] == "no" || len(suites) == 0 || foreign ||
			!slices.Contains(strings.Fields(f["types"]), "deb") || !slices.Contains(strings.Fields(f["components"]), "main") {
			continue
		}
		keep = append(keep, stanza)
	}
	return keep
}

func splitStanzas(text string) []string {
	var out []string
	var cur []string
	flush := func() {
		if len(cur) > 0 {
			out = append(out, strings.Join(cur, "\n"))
			cur = nil
		}
	}
	sc := bufio.NewScanner(strings.NewReader(text))
	for sc.Scan() {
		line := strings.TrimRight(sc.Text(), " \t\r")
		switch {
		case line == "":
			flush()
		case strings.HasPrefix(line, "#"):
		default:
			cur = append(cur, line)
		}
	}
	flush()
	return out
}
