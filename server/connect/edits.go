package connect

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/goccy/go-yaml"
)

// edit is one change of a settings file. Both ways are idempotent.
type edit interface {
	// apply puts Lathe's part into the text; text is "" for a file that is not there.
	apply(text string) (string, error)
	// remove takes it out; before is what the text was before it was put there,
	// as far as that is known.
	remove(text, before string) (string, error)
}

// jsonEdit edits JSON, comments and trailing commas allowed.
type jsonEdit struct {
	// set are members, by path; hooks entries of lists, by path. ensure are
	// members that are set when missing, and stay.
	set, hooks, ensure []placed
}

type placed struct {
	path  []string
	value json.RawMessage
}

func paths(list []placed) (out [][]string) {
	for _, p := range list {
		out = append(out, p.path)
	}
	return out
}

func (e jsonEdit) apply(text string) (string, error) {
	before, err := decodeJSONC(text)
	if err != nil {
		return "", err
	}
	out := text
	for _, p := range e.ensure {
		if m, ok := before.(map[string]any); !ok || m[p.path[0]] == nil {
			if out, err = setMember(out, p.path, p.value); err != nil {
				return "", err
			}
		}
	}
	for _, p := range e.set {
		if out, err = setMember(out, p.path, p.value); err != nil {
			return "", err
		}
	}
	for _, p := range e.hooks {
		if out, err = setHook(out, p.path, p.value); err != nil {
			return "", err
		}
	}
	return out, e.check(before, out)
}

func (e jsonEdit) check(before any, out string) error {
	after, err := decodeJSONC(out)
	if err != nil {
		return err
	}
	return onlyThere(before, after, append(paths(e.set), paths(e.ensure)...), paths(e.hooks))
}

func (e jsonEdit) remove(text, before string) (string, error) {
	now, err := decodeJSONC(text)
	if err != nil || now == nil {
		return text, err
	}
	was, err := parseJSONC(before)
	if err != nil {
		was = nil
	}
	keep := func(path []string) bool {
		if was == nil {
			return false
		}
		_, found, err := was.at(path)
		return err == nil && found == len(path)
	}
	out := text
	for _, p := range e.set {
		if out, err = dropMember(out, p.path, keep); err != nil {
			return "", err
		}
	}
	for _, p := range e.hooks {
		if out, err = dropHook(out, p.path, keep); err != nil {
			return "", err
		}
	}
	return out, e.check(now, out)
}

// tomlEdit keeps one table of a TOML file, as a section of its own.
type tomlEdit struct {
	table []string
	body  string // lines, each ended
}

// header matches the line that begins a table or an array of tables.
var header = regexp.MustCompile(`^\s*\[`)

func (e tomlEdit) headerLine() string { return "[" + strings.Join(e.table, ".") + "]" }

func decodeTOML(text string) (map[string]any, error) {
	var v map[string]any
	if err := toml.Unmarshal([]byte(text), &v); err != nil {
		return nil, err
	}
	return v, nil
}

// headerName is a line's table in its plain form, like [a.b].
func headerName(line string) string {
	return strings.NewReplacer(" ", "", "\t", "", `"`, "", "'", "").Replace(strings.SplitN(strings.TrimSpace(line), "#", 2)[0])
}

// section finds the lines of the table: from its header to the next one.
func (e tomlEdit) section(lines []string) (from, to int, ok bool) {
	for i, line := range lines {
		switch {
		case !ok && headerName(line) == e.headerLine():
			from, to, ok = i, len(lines), true
		case ok && header.MatchString(line):
			return from, i, true
		}
	}
	return from, to, ok
}

func (e tomlEdit) apply(text string) (string, error) {
	before, err := decodeTOML(text)
	if err != nil {
		return "", err
	}
	want, err := decodeTOML(e.headerLine() + "\n" + e.body)
	if err != nil {
		return "", err
	}
	here, wanted := lookup(before, e.table), lookup(want, e.table)
	if here != nil && covers(here, wanted) {
		return text, nil
	}
	lines := strings.SplitAfter(text, "\n")
	out := strings.TrimRight(text, "\n")
	if from, to, ok := e.section(lines); ok {
		end := to
		for end > from+1 && strings.TrimSpace(lines[end-1]) == "" {
			end--
		}
		out = strings.Join(lines[:from], "") + e.headerLine() + "\n" + e.body + strings.Join(lines[end:], "")
	} else {
		if out != "" {
			out += "\n\n"
		}
		out += e.headerLine() + "\n" + e.body
	}
	after, err := decodeTOML(out)
	if err != nil || !covers(lookup(after, e.table), wanted) {
		return "", fmt.Errorf("%s stands there in a form that is not edited: add it by hand", strings.Join(e.table, "."))
	}
	return out, onlyThere(before, after, [][]string{e.table}, nil)
}

func (e tomlEdit) remove(text, _ string) (string, error) {
	before, err := decodeTOML(text)
	if err != nil || lookup(before, e.table) == nil {
		return text, err
	}
	var kept []string
	ours := false
	for _, line := range strings.SplitAfter(text, "\n") {
		if header.MatchString(line) {
			was := ours
			name := headerName(line)
			ours = name == e.headerLine() || strings.HasPrefix(name, strings.TrimSuffix(e.headerLine(), "]")+".") // what is below it goes too
			if n := len(kept); ours && !was && n > 0 && strings.TrimSpace(kept[n-1]) == "" {
				kept = kept[:n-1] // the blank line that was put before it
			}
		}
		if !ours {
			kept = append(kept, line)
		}
	}
	out := strings.Join(kept, "")
	after, err := decodeTOML(out)
	if err != nil || lookup(after, e.table) != nil {
		return "", fmt.Errorf("%s stands there in a form that is not edited: remove it by hand", strings.Join(e.table, "."))
	}
	return out, onlyThere(before, after, [][]string{e.table}, nil)
}

func lookup(v any, path []string) any {
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// covers reports whether every member of want is in have with the same value.
func covers(have, want any) bool {
	h, ok := clone(have).(map[string]any)
	w, _ := clone(want).(map[string]any)
	if !ok {
		return false
	}
	for key, value := range w {
		a, _ := json.Marshal(h[key])
		b, _ := json.Marshal(value)
		if string(a) != string(b) {
			return false
		}
	}
	return true
}

// yamlEdit keeps one member of a top-level mapping of a YAML file.
type yamlEdit struct {
	parent, key string
	body        string // lines below the key, indented by nothing
}

func decodeYAML(text string) (map[string]any, error) {
	var v map[string]any
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, false))
	}
	return v, nil
}

// block is the member's lines with an indentation.
func (e yamlEdit) block(indent, unit string) string {
	out := indent + e.key + ":\n"
	for line := range strings.Lines(e.body) {
		out += indent + unit + line
	}
	return out
}

// find says where the parent's line is, where its children begin and with what
// indentation, and which lines are the member's.
func (e yamlEdit) find(lines []string) (parent int, indent string, from, to int) {
	parent, from = -1, -1
	for i, line := range lines {
		text := strings.TrimLeft(line, " ")
		lead := line[:len(line)-len(text)]
		blank := strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#")
		switch {
		case parent < 0 && lead == "" && strings.HasPrefix(text, e.parent+":"):
			parent = i
		case parent < 0 || blank:
		case lead == "": // the next top-level key
			if from >= 0 && to == 0 {
				to = i
			}
			return parent, indent, from, to
		case indent == "":
			indent = lead
			fallthrough
		case lead == indent:
			if from >= 0 && to == 0 {
				to = i
			}
			if from < 0 && strings.HasPrefix(text, e.key+":") {
				from = i
			}
		}
	}
	if from >= 0 && to == 0 {
		to = len(lines)
	}
	return parent, indent, from, to
}

func (e yamlEdit) apply(text string) (string, error) {
	before, err := decodeYAML(text)
	if err != nil {
		return "", err
	}
	want, err := decodeYAML(e.parent + ":\n" + e.block("  ", "  "))
	if err != nil {
		return "", err
	}
	where := []string{e.parent, e.key}
	if here := lookup(before, where); here != nil && covers(here, lookup(want, where)) {
		return text, nil
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	lines := strings.SplitAfter(text, "\n")
	parent, indent, from, to := e.find(lines)
	if indent == "" {
		indent = "  "
	}
	var out string
	switch {
	case from >= 0:
		out = strings.Join(lines[:from], "") + e.block(indent, "  ") + strings.Join(lines[to:], "")
	case parent >= 0:
		head, _, _ := strings.Cut(lines[parent], ":")
		if rest := strings.TrimSpace(lines[parent][len(head)+1:]); rest != "" && rest != "{}" && rest != "null" && rest[0] != '#' {
			return "", fmt.Errorf("%s stands on one line: add the entry by hand", e.parent)
		} else if rest == "{}" || rest == "null" {
			lines[parent] = head + ":\n"
		}
		out = strings.Join(lines[:parent+1], "") + e.block(indent, "  ") + strings.Join(lines[parent+1:], "")
	default:
		out = text + e.parent + ":\n" + e.block("  ", "  ")
	}
	after, err := decodeYAML(out)
	if err != nil || !covers(lookup(after, where), lookup(want, where)) {
		return "", fmt.Errorf("%s stands there in a form that is not edited: add the entry by hand", e.parent)
	}
	return out, onlyThere(before, after, [][]string{where}, nil)
}

func (e yamlEdit) remove(text, _ string) (string, error) {
	before, err := decodeYAML(text)
	where := []string{e.parent, e.key}
	if err != nil || lookup(before, where) == nil {
		return text, err
	}
	lines := strings.SplitAfter(text, "\n")
	parent, _, from, to := e.find(lines)
	if from < 0 {
		return "", fmt.Errorf("%s.%s stands there in a form that is not edited: remove it by hand", e.parent, e.key)
	}
	if m, _ := before[e.parent].(map[string]any); len(m) == 1 && parent == from-1 {
		from = parent // nothing else is below it
	}
	out := strings.Join(lines[:from], "") + strings.Join(lines[to:], "")
	after, err := decodeYAML(out)
	if err != nil {
		return "", err
	}
	return out, onlyThere(before, after, [][]string{where}, nil)
}

// blockEdit keeps lines between two marks in a file of any language; comment
// begins a comment there.
type blockEdit struct{ comment, body string }

func (e blockEdit) marks() (begin, end string) {
	return e.comment + " lathe connect: begin\n", e.comment + " lathe connect: end\n"
}

func (e blockEdit) cut(text string) (head, tail string, ok bool) {
	begin, end := e.marks()
	head, rest, ok := strings.Cut(text, begin)
	if !ok {
		return text, "", false
	}
	_, tail, ok = strings.Cut(rest, end)
	return head, tail, ok
}

func (e blockEdit) apply(text string) (string, error) {
	begin, end := e.marks()
	block := begin + e.body + end
	if head, tail, ok := e.cut(text); ok {
		return head + block + tail, nil
	}
	if strings.Contains(text, begin) {
		return "", errors.New("the mark that ends Lathe's lines is missing: remove them by hand")
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + block, nil
}

func (e blockEdit) remove(text, _ string) (string, error) {
	head, tail, ok := e.cut(text)
	if !ok {
		return text, nil
	}
	return head + tail, nil
}

// fileEdit is a file of Lathe's own. Its first line says so.
type fileEdit struct{ mark, body string }

func (e fileEdit) apply(text string) (string, error) {
	if text != "" && !strings.HasPrefix(text, e.mark) {
		return "", errors.New("a file of that name is there and was not written by lathe connect: move it away first")
	}
	return e.mark + "\n" + e.body, nil
}

func (e fileEdit) remove(text, _ string) (string, error) {
	if strings.HasPrefix(text, e.mark) {
		return "", nil
	}
	return text, nil
}
