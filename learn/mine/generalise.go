package mine

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
	"lathe/learn/template"
)

// fragment generalises the examples into a chain of plan tasks. All steps of
// an example are one JSON value, and the template of all examples is their
// anti-unification: what agrees stays, what differs becomes a parameter, and
// parameters that always have equal values, in whatever step, are one: what a
// later step takes from an earlier one. A parameter whose value an earlier step
// had printed is a reference to that step's output, "{s1.output}". Constants
// leave their project only inside of skeletons, which have none.
func fragment(shown []example, constants bool) learn.TaskGraph {
	g := learn.TaskGraph{Dependencies: map[string][]string{}}
	if len(shown) == 0 {
		return g
	}
	forms := make([]form, len(shown[0].where))
	for k := range forms {
		forms[k] = formOf(shown, k)
	}
	t, values := unify(shown, forms)
	names := parameterNames(shown, forms, t, values)
	for k, f := range forms {
		first := &shown[0].task.Steps[shown[0].where[k]]
		id := "s" + strconv.Itoa(k+1)
		raw, err := json.Marshal(f.arguments(first, t, k, names, constants))
		if err != nil { // strings and JSON that was parsed always marshal
			raw = nil
		}
		g.Tasks = append(g.Tasks, learn.PlanTask{ID: id, ToolName: first.Tool, Arguments: raw})
		if k > 0 {
			g.Dependencies[id] = []string{"s" + strconv.Itoa(k)}
		}
	}
	return g
}

// form is how much the calls of one step have in common.
type form int

const (
	formIntent   form = iota // what they are for
	formSkeleton             // the skeleton
	formWords                // the command, word by word
	formParams               // the parameters of a structured call
)

func formOf(shown []example, k int) form {
	first := &shown[0].task.Steps[shown[0].where[k]]
	out, n := formWords, len(words(first.Command))
	if first.Params != nil {
		out = formParams
	}
	for _, x := range shown {
		s := &x.task.Steps[x.where[k]]
		switch {
		case s.Skeleton != first.Skeleton || s.Tool != first.Tool:
			return formIntent
		case out == formParams && s.Params == nil, out == formWords && (n == 0 || len(words(s.Command)) != n):
			out = formSkeleton
		}
	}
	return out
}

// unify makes one JSON value of each example, and their template, with the
// values of its parameters in each.
func unify(shown []example, forms []form) (template.JSON, []map[string]json.RawMessage) {
	var all []json.RawMessage
	for _, x := range shown {
		steps := make([]any, len(forms))
		for k, f := range forms {
			s := &x.task.Steps[x.where[k]]
			switch f {
			case formWords:
				steps[k] = words(s.Command)
			case formParams:
				steps[k] = s.Params
			}
		}
		raw, err := json.Marshal(steps)
		if err != nil {
			return template.JSON{}, nil
		}
		all = append(all, raw)
	}
	t, err := template.FromJSON(all)
	if err != nil || t.Root == nil || len(t.Root.Children) != len(forms) {
		return template.JSON{}, nil
	}
	var values []map[string]json.RawMessage
	for _, raw := range all {
		v, _ := t.Match(raw)
		values = append(values, v)
	}
	return t, values
}

// parameterNames gives each parameter of the template its name in the plan.
func parameterNames(shown []example, forms []form, t template.JSON, values []map[string]json.RawMessage) []string {
	step := make([]int, len(t.Variables)) // where it stands first
	for k := len(forms) - 1; k >= 0 && t.Root != nil; k-- {
		params(t.Root.Children[k], func(p int) { step[p] = k })
	}
	out := make([]string, len(t.Variables))
	number := 0
	for p, v := range t.Variables {
		same := slices.IndexFunc(t.Variables[:p], func(q template.JSONParam) bool {
			return !slices.ContainsFunc(values, func(x map[string]json.RawMessage) bool { return !bytes.Equal(x[q.Name], x[v.Name]) })
		})
		if same >= 0 { // of whatever key: the template joins only those of one
			out[p] = out[same]
			continue
		}
		if from := printedBy(shown, step[p], v.Name, values); from >= 0 {
			out[p] = "s" + strconv.Itoa(from+1) + ".output"
			continue
		}
		out[p] = v.Name
		if forms[step[p]] == formWords {
			number++
			out[p] = "p" + strconv.Itoa(number)
		}
	}
	return out
}

func params(n *template.Node, visit func(int)) {
	if n.Param >= 0 {
		visit(n.Param)
	}
	for _, c := range n.Children {
		params(c, visit)
	}
}

// printedShare is the share of the examples in which an earlier step must have
// printed a value for it to be a reference.
const printedShare = 0.8

// printedBy returns the last step before k that printed the parameter's value
// in nearly all examples, or -1.
func printedBy(shown []example, k int, name string, values []map[string]json.RawMessage) int {
	for j := k - 1; j >= 0; j-- {
		hits := 0
		for i, x := range shown {
			var value string
			if json.Unmarshal(values[i][name], &value) != nil {
				continue
			}
			id := x.task.Steps[x.where[j]].EventID
			if slices.Contains(x.task.Steps[x.where[k]].From, origin{value, id}) {
				hits++
			}
		}
		if float64(hits) >= printedShare*float64(len(shown)) {
			return j
		}
	}
	return -1
}

// arguments are those of the plan's step.
func (f form) arguments(first *seqStep, t template.JSON, k int, names []string, constants bool) any {
	if t.Root == nil && f > formSkeleton {
		f = formSkeleton
	}
	switch f {
	case formParams:
		return open(t.Root.Children[k], names, "value", constants)
	case formWords:
		var b strings.Builder
		literal := words(first.Skeleton)
		for _, w := range t.Root.Children[k].Children {
			var text string
			if w.Param < 0 && json.Unmarshal(w.Const, &text) == nil && !constants && strings.TrimSpace(text) != "" && !slices.Contains(literal, text) {
				text = "{" + string(template.TypeOf(text)) + "}"
			} else if w.Param >= 0 {
				text = "{" + names[w.Param] + "}"
			}
			b.WriteString(text)
		}
		return map[string]string{"command": b.String()}
	case formSkeleton:
		if _, list, ok := strings.Cut(strings.TrimSuffix(first.Skeleton, ")"), first.Tool+"("); ok && first.Command == "" {
			return parameterList(list)
		}
		return map[string]string{"command": braces(first.Skeleton)}
	}
	return map[string]string{"intent": string(first.Intent)}
}

// open renders a node with "{name}" for parameters; without constants, these
// are named after their keys.
func open(n *template.Node, names []string, key string, constants bool) any {
	switch {
	case n.Param >= 0:
		return "{" + names[n.Param] + "}"
	case n.Object:
		out := map[string]any{}
		for i, c := range n.Children {
			out[n.Keys[i]] = open(c, names, n.Keys[i], constants)
		}
		return out
	case !constants:
		return "{" + key + "}"
	case n.Array:
		out := make([]any, len(n.Children))
		for i, c := range n.Children {
			out[i] = open(c, names, key, constants)
		}
		return out
	}
	return n.Const
}

// parameterList makes {"path": "{path}"} of "path:string".
func parameterList(list string) map[string]string {
	out := map[string]string{}
	for _, p := range strings.Split(list, ",") {
		if n, _, _ := strings.Cut(strings.TrimSpace(p), ":"); n != "" {
			out[n] = "{" + n + "}"
		}
	}
	return out
}

func braces(skeleton string) string {
	return strings.NewReplacer("<", "{", ">", "}").Replace(skeleton)
}
