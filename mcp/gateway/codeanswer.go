package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"lathe/learn"
)

// Bounds of what is taken of a foreign code graph's answer. What goes beyond is
// left out; an entity or edge that is not sound is left out too.
const (
	maxCodeItems = 1000
	maxCodeText  = 300     // bytes of a name
	maxCodeLine  = 5 << 20 // of a file
)

// listed reads a list, or an object that has the list under a name.
func listed[T any](raw []byte, name string) ([]T, error) {
	var list []T
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("the answer is no list of %s: %w", name, err)
		}
		return list, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("the answer is neither a list nor an object: %w", err)
	}
	if part, ok := object[name]; ok {
		if err := json.Unmarshal(part, &list); err != nil {
			return nil, fmt.Errorf("%s of the answer: %w", name, err)
		}
	}
	return list, nil
}

func readEntities(raw []byte) ([]learn.CodeEntity, error) {
	list, err := listed[learn.CodeEntity](raw, "entities")
	out := []learn.CodeEntity{}
	for i := range list {
		if len(out) < maxCodeItems && soundEntity(&list[i]) {
			out = append(out, list[i])
		}
	}
	return out, err
}

func readCalls(raw []byte) ([]learn.CodeCall, error) {
	list, err := listed[learn.CodeCall](raw, "calls")
	out := []learn.CodeCall{}
	for i := range list {
		c := &list[i]
		if len(out) == maxCodeItems || !soundEntity(&c.Caller) || !soundEntity(&c.Callee) || !soundPlace(c.File, c.Line) {
			continue
		}
		c.How = plain(c.How, 40)
		out = append(out, *c)
	}
	return out, err
}

func readNeighbourhood(raw []byte, limit int) (learn.CodeNeighbourhood, error) {
	out := learn.CodeNeighbourhood{Edges: []learn.CodeEdge{}}
	var err error
	if out.Entities, err = readEntities(raw); err != nil {
		return out, err
	}
	var rest struct {
		Edges     []learn.CodeEdge `json:"edges"`
		Truncated bool             `json:"truncated"`
	}
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '{' {
		if err := json.Unmarshal(raw, &rest); err != nil {
			return out, fmt.Errorf("edges of the answer: %w", err)
		}
	}
	out.Truncated = rest.Truncated
	if limit > 0 && len(out.Entities) > limit {
		out.Entities, out.Truncated = out.Entities[:limit], true
	}
	known := map[string]bool{}
	for _, e := range out.Entities {
		known[e.ID] = true
	}
	kinds := []string{"IMPORTS", "DEFINES", "CALLS", "INHERITS_FROM", "HAS_PARAMETER", "RETURNS"}
	for _, e := range rest.Edges {
		if len(out.Edges) < 4*maxCodeItems && known[e.From] && known[e.To] && slices.Contains(kinds, e.Kind) &&
			e.Weight >= 0 && !math.IsInf(e.Weight, 0) {
			out.Edges = append(out.Edges, e)
		}
	}
	return out, nil
}

// soundEntity reports whether an entity can be taken, and takes out of it what
// a foreign graph is not believed: what version control says.
func soundEntity(e *learn.CodeEntity) bool {
	e.History = nil
	if !slices.Contains([]learn.CodeKind{learn.CodeFile, learn.CodeModule, learn.CodeClass, learn.CodeStruct, learn.CodeInterface,
		learn.CodeTrait, learn.CodeEnum, learn.CodeType, learn.CodeFunction, learn.CodeMethod, learn.CodeVariable, learn.CodeConstant,
		learn.CodeParameter}, e.Kind) {
		return false
	}
	for _, text := range []string{e.ID, e.Name, e.Qualified, e.Language} {
		if !soundText(text) {
			return false
		}
	}
	return e.ID != "" && e.Name != "" && soundPlace(e.File, e.Line) && e.EndLine >= 0 && e.EndLine <= maxCodeLine
}

func soundText(s string) bool { return len(s) <= maxCodeText && plain(s, maxCodeText) == s }

// soundPlace: a file is within the workspace.
func soundPlace(file string, line int) bool {
	return soundText(file) && line >= 0 && line <= maxCodeLine && !path.IsAbs(file) && !strings.Contains(file, `\`) &&
		(file == "" || file == path.Clean(file) && file != ".." && !strings.HasPrefix(file, "../"))
}
