package refine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/pmezard/go-difflib/difflib"

	"lathe/learn"
)

// op is one operation of a JSON Patch.
type op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"` // null in a test: not there yet
}

// Applied says of one proposal what Refine did with it.
type Applied struct {
	ProposalID string                 `json:"proposal_id"`
	Type       learn.ModificationType `json:"type"`
	Changed    bool                   `json:"changed"`
	Line       string                 `json:"line"` // one line for a reader
	Evidence   []string               `json:"evidence,omitempty"`
}

// Refine applies approved proposals to a plan, in order. A proposal that is
// already in the plan changes nothing; one that no longer fits, or would make
// the plan invalid, is left out; Line says why. It fails only when the plan
// itself is invalid.
func Refine(plan learn.TaskGraph, proposals []learn.PlanModificationProposal) (learn.TaskGraph, []Applied, error) {
	if err := Validate(plan, nil); err != nil {
		return plan, nil, fmt.Errorf("refine plan %q: it is not valid before any change: %w", plan.Name, err)
	}
	var log []Applied
	for _, p := range proposals {
		a := Applied{ProposalID: p.ProposalID, Type: p.Type, Evidence: p.Evidence}
		next, changed, err := apply(plan, p.Modifications)
		switch {
		case err != nil:
			a.Line = fmt.Sprintf("left out %s: %v", p.Type, err)
		case !changed:
			a.Line = fmt.Sprintf("%s is in the plan already", p.Type)
		default:
			plan, a.Changed, a.Line = next, true, fmt.Sprintf("%s: %s", p.Type, p.Rationale)
		}
		log = append(log, a)
	}
	return plan, log, nil
}

// apply applies one patch, unless all of it is there already.
func apply(plan learn.TaskGraph, modifications json.RawMessage) (learn.TaskGraph, bool, error) {
	var ops []op
	if err := json.Unmarshal(modifications, &ops); err != nil {
		return plan, false, fmt.Errorf("its modifications are no JSON Patch: %w", err)
	}
	doc, err := document(plan)
	if err != nil {
		return plan, false, err
	}
	if err := relocate(ops, plan); err != nil {
		return plan, false, err
	}
	var tree any
	if err := json.Unmarshal(doc, &tree); err != nil {
		return plan, false, err
	}
	if contained(tree, ops) {
		return plan, false, nil
	}
	raw, err := json.Marshal(ops)
	if err != nil {
		return plan, false, err
	}
	patch, err := jsonpatch.DecodePatch(raw)
	if err != nil {
		return plan, false, fmt.Errorf("its modifications are no JSON Patch: %w", err)
	}
	out, err := patch.Apply(doc)
	if err != nil {
		return plan, false, fmt.Errorf("the plan has changed since it was proposed: %w", err)
	}
	var next learn.TaskGraph
	if err := json.Unmarshal(out, &next); err != nil {
		return plan, false, fmt.Errorf("the result is no plan: %w", err)
	}
	if err := Validate(next, nil); err != nil {
		return plan, false, fmt.Errorf("the result is not valid: %w", err)
	}
	return next, true, nil
}

// document is the plan as JSON, with an object for dependencies even when
// there are none, so that patches have something to add to.
func document(plan learn.TaskGraph) ([]byte, error) {
	if plan.Dependencies == nil {
		plan.Dependencies = map[string][]string{}
	}
	if plan.Tasks == nil {
		plan.Tasks = []learn.PlanTask{}
	}
	doc, err := json.Marshal(plan)
	if err != nil {
		return nil, fmt.Errorf("write plan %q as JSON: %w", plan.Name, err)
	}
	return doc, nil
}

// relocate follows tasks that moved: a patch that tests /tasks/3/id for "x"
// means the task "x", wherever it stands now.
func relocate(ops []op, plan learn.TaskGraph) error {
	for i := range ops {
		id, isString := ops[i].Value.(string)
		at, ok := strings.CutPrefix(ops[i].Path, "/tasks/")
		at, isID := strings.CutSuffix(at, "/id")
		if ops[i].Op != "test" || !ok || !isID || !isString {
			continue
		}
		now := -1
		for j, t := range plan.Tasks {
			if t.ID == id {
				now = j
			}
		}
		if now < 0 {
			return fmt.Errorf("the plan has no task %q any more", id)
		}
		from, to := "/tasks/"+at+"/", "/tasks/"+strconv.Itoa(now)+"/"
		for j := i; j < len(ops); j++ {
			if rest, ok := strings.CutPrefix(ops[j].Path, from); ok {
				ops[j].Path = to + rest
			}
		}
	}
	return nil
}

// contained reports whether the document has all that the patch would add.
func contained(tree any, ops []op) bool {
	for _, o := range ops {
		if o.Op == "test" {
			continue
		}
		if parent, ok := strings.CutSuffix(o.Path, "/-"); ok {
			list, _ := lookup(tree, parent).([]any)
			found := false
			for _, v := range list {
				found = found || reflect.DeepEqual(v, o.Value)
			}
			if !found {
				return false
			}
		} else if !reflect.DeepEqual(lookup(tree, o.Path), o.Value) {
			return false
		}
	}
	return true
}

// lookup follows a JSON pointer (RFC 6901); nil when there is nothing.
func lookup(tree any, pointer string) any {
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch t := tree.(type) {
		case map[string]any:
			tree = t[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(t) {
				return nil
			}
			tree = t[i]
		default:
			return nil
		}
	}
	return tree
}

// escape makes a part of a JSON pointer.
func escape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// plainValue is v as encoding/json reads it back, so that values compare.
func plainValue(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

// diff is the change as a unified diff of the indented plans.
func diff(name string, before, after learn.TaskGraph) (string, error) {
	var text [2]string
	for i, g := range []learn.TaskGraph{before, after} {
		doc, err := document(g)
		if err != nil {
			return "", err
		}
		var b bytes.Buffer
		if err := json.Indent(&b, doc, "", "  "); err != nil {
			return "", err
		}
		text[i] = b.String() + "\n"
	}
	return difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(text[0]), B: difflib.SplitLines(text[1]),
		FromFile: "a/" + name, ToFile: "b/" + name, Context: 3,
	})
}
