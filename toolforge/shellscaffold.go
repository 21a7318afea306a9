package toolforge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// returnsText is the schema of what a generated script gives.
const returnsText = `{"type":"string","description":"what the command printed, without the last end of line"}`

// ScaffoldIn is Scaffold in a language: python ("" means it) or shell. It
// fails with ErrNotForgeable for what cannot be written in that language.
func ScaffoldIn(spec learn.ToolSpecification, language string) (learn.ProposedTool, error) {
	switch language {
	case "", languagePython:
		return Scaffold(spec)
	case languageShell:
		tool, err := scaffoldShell(spec)
		if err != nil {
			return tool, fmt.Errorf("scaffold %q in shell: %w", clip(spec.Name, 80), err)
		}
		return tool, nil
	}
	return learn.ProposedTool{}, fmt.Errorf("%w: the language %q is not known: python or shell", ErrNotForgeable, clip(language, 40))
}

// scaffoldShell writes a pipeline as a script: parameters are quoted
// variables, and what could be taken for an option is refused or spelled so
// that it cannot.
func scaffoldShell(spec learn.ToolSpecification) (learn.ProposedTool, error) {
	if spec.Operation != "" {
		return learn.ProposedTool{}, fmt.Errorf("%w: %s is a program in Python", ErrNotForgeable, spec.Operation)
	}
	t, sch, err := readTemplate(spec)
	if err != nil {
		return learn.ProposedTool{}, err
	}
	if err := t.check(); err != nil {
		return learn.ProposedTool{}, fmt.Errorf("%w: %w", ErrNotForgeable, err)
	}
	v, err := newView(spec, t, sch)
	if err != nil {
		return learn.ProposedTool{}, err
	}
	v.Body, v.Answers = t.script(), t.answers()
	for i := range v.Params {
		v.Params[i].Variable = argumentName(v.Params[i].Name)
	}
	spec.Returns = json.RawMessage(returnsText)
	tool := learn.ProposedTool{
		Manifest: learn.ToolManifest{
			Name: spec.Name, Version: "0.1.0", Description: spec.Description, Parameters: spec.Parameters,
			Returns: spec.Returns, Permissions: t.permissions(), Language: languageShell, Examples: manifestExamples(spec),
			Provenance: learn.Provenance{Method: learn.MethodRules, Evidence: slices.Clone(spec.Evidence)},
		},
		Files: map[string]string{}, Spec: spec,
	}
	for _, name := range []string{sourceShell, "test_tool.py"} {
		if tool.Files[name], err = v.execute("shell/" + name); err != nil {
			return tool, err
		}
	}
	tool.Files["README.md"] = shellReadme(spec, tool)
	return Seal(tool)
}

// shellReadme says what the tool is for and how it is called.
func shellReadme(spec learn.ToolSpecification, tool learn.ProposedTool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\nA bash script; what it prints is its result, and a status above 0 is an error.\n", spec.Name, sentence(spec.Description))
	for _, e := range tool.Manifest.Examples {
		fmt.Fprintf(&b, "\n    %s\n", docText(string(e.Arguments)))
	}
	fmt.Fprintf(&b, "\nIt %s\n", PermissionsInWords(tool.Manifest.Permissions))
	return b.String()
}

// script is the command line as the body of a script.
func (t *proto) script() string {
	var b strings.Builder
	for i, s := range t.stages {
		switch s.join {
		case joinPipe, joinAnd:
			b.WriteString(" " + string(s.join) + "\n  ")
		case joinThen:
			b.WriteString(" || :\n") // the next one is run, however this one ended
		}
		feeds := i+1 < len(t.stages) && t.stages[i+1].join == joinPipe
		if feeds || t.answered(i) != "" {
			b.WriteString("{ ")
		}
		words := t.hardened(s)
		if s.words[0][0].text == "sed" && len(words) == len(s.words) {
			words = slices.Insert(slices.Clone(words), 1, []piece{{text: "--sandbox", param: -1}})
		}
		for k, w := range words {
			if k > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(t.scriptWord(w))
		}
		if s.stdin != nil {
			b.WriteString(" <" + t.scriptWord(s.stdin))
		}
		if s.merge {
			b.WriteString(" 2>&1")
		}
		if s.silent {
			b.WriteString(" 2>/dev/null")
		}
		switch fine := t.feederAnswers(s); {
		case feeds && len(fine) > 0:
			fmt.Fprintf(&b, " || [[ $? == @(%s|141) ]]; }", numbersBy(fine, "|"))
		case feeds:
			b.WriteString(" || [ $? -eq 141 ]; }") // its reader had enough
		case t.answered(i) != "":
			b.WriteString(t.answered(i) + "; }")
		}
	}
	return b.String()
}

// answered ends the last stage, where some status above 0 is an answer.
func (t *proto) answered(i int) string {
	if other := t.otherAnswer(); i == len(t.stages)-1 && other != 0 {
		return fmt.Sprintf(" || [ $? -eq %d ]", other)
	}
	return ""
}

func numbersBy(numbers []int, by string) string {
	var words []string
	for _, n := range numbers {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, by)
}

// scriptWord is a word of a script: quoted text, or a quoted variable.
func (t *proto) scriptWord(w []piece) string {
	var b strings.Builder
	for _, p := range w {
		switch {
		case p.param < 0:
			b.WriteString(quote(p.text))
		case t.kind(p.param) == kindPath:
			b.WriteString(`"$` + t.params[p.param].name + `"`)
		default:
			b.WriteString(`"$` + argumentName(t.params[p.param].name) + `"`)
		}
	}
	return b.String()
}

// otherAnswer is the status above 0 with which the last program says that
// nothing was found, or that there is a difference.
func (t *proto) otherAnswer() int { return t.answer(t.stages[len(t.stages)-1]) }

func (t *proto) answer(s templateStage) int {
	last := t.sampleStage(s)
	answers := []string{"grep", "egrep", "fgrep", "zgrep", "rg", "diff", "cmp"}
	switch programs := last.programs(); {
	case slices.Contains(answers, programs[0]):
		return 1
	case len(programs) > 1 && slices.Contains(answers, programs[1]):
		return 123 // xargs, when a program ended with 1 to 125
	}
	return 0
}

// feederAnswers are the statuses above 0 with which a program that feeds
// another has not failed, beside the end by SIGPIPE: what it answers, and for
// xargs also that its program was ended by a signal.
func (t *proto) feederAnswers(s templateStage) []int {
	var fine []int
	if n := t.answer(s); n != 0 {
		fine = append(fine, n)
	}
	if t.sampleStage(s).programs()[0] == "xargs" {
		fine = append(fine, 125)
	}
	return fine
}

func (t *proto) answers() string {
	if n := t.otherAnswer(); n != 0 {
		return fmt.Sprintf("{0, %d}", n)
	}
	return "{0}"
}
