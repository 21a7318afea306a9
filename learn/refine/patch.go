package refine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxOps bounds a patch.
const maxOps = 200

// op is one operation of a JSON Patch (RFC 6902). Of its six, Lathe makes and
// takes test, add, replace and remove.
type op struct {
	Op    string
	Path  string
	Value any

	task string // the id of the task that Path is about, once it is known
}

// MarshalJSON leaves the value out where there is none.
func (o op) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	var err error
	if o.Op == "remove" {
		err = enc.Encode(struct {
			Op   string `json:"op"`
			Path string `json:"path"`
		}{o.Op, o.Path})
	} else {
		err = enc.Encode(struct {
			Op    string `json:"op"`
			Path  string `json:"path"`
			Value any    `json:"value"`
		}{o.Op, o.Path, o.Value})
	}
	return bytes.TrimSpace(b.Bytes()), err
}

// readOps reads a JSON Patch.
func readOps(raw json.RawMessage) ([]op, error) {
	var list []map[string]json.RawMessage
	if len(raw) > MaxText {
		return nil, fmt.Errorf("its modifications have %d bytes, at most %d are read", len(raw), MaxText)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("its modifications are no JSON Patch: %w", err)
	}
	if len(list) > maxOps {
		return nil, fmt.Errorf("its modifications have %d operations, at most %d are taken", len(list), maxOps)
	}
	ops := make([]op, len(list))
	for i, fields := range list {
		o := &ops[i]
		errOp, errPath := json.Unmarshal(fields["op"], &o.Op), json.Unmarshal(fields["path"], &o.Path)
		if errOp != nil || errPath != nil {
			return nil, fmt.Errorf("operation %d is no JSON Patch: it needs op and path", i+1)
		}
		switch value, there := fields["value"]; {
		case o.Path != "" && o.Path[0] != '/':
			return nil, fmt.Errorf("operation %d has path %.80q, which is no JSON pointer", i+1, o.Path)
		case o.Op == "remove":
		case o.Op != "test" && o.Op != "add" && o.Op != "replace":
			return nil, fmt.Errorf("operation %d is %.20q; only test, add, replace and remove are taken", i+1, o.Op)
		case !there:
			return nil, fmt.Errorf("operation %d (%s %.80q) has no value", i+1, o.Op, o.Path)
		default:
			o.Value = decodeText(value)
		}
	}
	return ops, nil
}

// Patched applies a JSON Patch to the plan and its text, unless all of it is
// there already. What a patch changes must be tested by it before: an existing
// value that the patch does not know is not written over.
func (f *File) Patched(modifications json.RawMessage) (out *File, changed bool, err error) {
	ops, err := readOps(modifications)
	if err != nil {
		return f, false, err
	}
	ops, done, err := f.relocate(ops)
	if err != nil {
		return f, false, err
	}
	if f.contains(ops) {
		return f, false, nil
	}
	if done {
		return f, false, errors.New("a part of it is in the plan, and a part is not: propose it again")
	}
	p := patcher{text: f.text, root: f.root, tested: map[string]bool{}}
	for _, o := range ops {
		if err := p.do(o); err != nil {
			return f, false, err
		}
	}
	out, err = Parse(f.Name, p.text)
	if err != nil {
		return f, false, fmt.Errorf("the result is not valid: %w", err)
	}
	return out, true, nil
}

// relocate finds out which task each path means: a patch that tests
// /tasks/3/id for "x" means the task "x", wherever it stands when an operation
// is done. Operations on a task that is gone are dropped when the patch removes
// it; done says that some were.
func (f *File) relocate(ops []op) (out []op, done bool, err error) {
	ids := map[string]string{} // "/tasks/3" -> "x"
	for _, o := range ops {
		id, isString := o.Value.(string)
		at, isID := strings.CutSuffix(o.Path, "/id")
		if o.Op == "test" && isID && isString && taskPath(at) == at {
			if f.task(id) < 0 && !removes(ops, at) {
				return nil, false, fmt.Errorf("the plan has no task %q any more", id)
			}
			ids[at] = id
		}
		o.task = ids[taskPath(o.Path)]
		if o.task != "" && f.task(o.task) < 0 {
			done = true
			continue
		}
		out = append(out, o)
	}
	return out, done, nil
}

// taskPath is the beginning of a path that leads to a task of the plan, or "".
func taskPath(path string) string {
	parts := strings.SplitN(path, "/", 4)
	if len(parts) < 3 || parts[1] != "tasks" {
		return ""
	}
	if _, ok := index(parts[2]); !ok {
		return ""
	}
	return "/tasks/" + parts[2]
}

// in is the operation's path in a plan as it stands.
func (o op) in(text []byte, root *node) string {
	if o.task == "" {
		return o.Path
	}
	now := -1
	if tasks := root.get("tasks"); tasks != nil {
		for i, t := range tasks.elems {
			if id := t.get("id"); id != nil && decodeNode(text, id) == o.task {
				now = i
			}
		}
	}
	return "/tasks/" + strconv.Itoa(now) + strings.TrimPrefix(o.Path, taskPath(o.Path))
}

func removes(ops []op, path string) bool {
	for _, o := range ops {
		if o.Op == "remove" && o.Path == path {
			return true
		}
	}
	return false
}

// task is the index of a task in the plan, or -1.
func (f *File) task(id string) int {
	for i := range f.Plan.Tasks {
		if f.Plan.Tasks[i].ID == id {
			return i
		}
	}
	return -1
}

// contains reports whether the plan has all that the patch would bring about.
func (f *File) contains(ops []op) bool {
	for _, o := range ops {
		o.Path = o.in(f.text, f.root)
		switch {
		case o.Op == "test":
		case o.Op == "remove":
			if f.find(o.Path) != nil {
				return false
			}
		default:
			if !f.has(o) {
				return false
			}
		}
	}
	return true
}

func (f *File) has(o op) bool {
	if parent, ok := strings.CutSuffix(o.Path, "/-"); ok {
		list := f.find(parent)
		if list == nil || list.kind != '[' {
			return false
		}
		for _, e := range list.elems {
			if equal(decodeNode(f.text, e), o.Value) {
				return true
			}
		}
		return false
	}
	n := f.find(o.Path)
	return n != nil && (equal(decodeNode(f.text, n), o.Value) || makesRoom(o, n))
}

// makesRoom reports whether an operation adds an empty object for others to
// fill, where one is already.
func makesRoom(o op, n *node) bool {
	object, ok := o.Value.(map[string]any)
	return o.Op == "add" && ok && len(object) == 0 && n.kind == '{'
}

// patcher applies operations to a text one after the other.
type patcher struct {
	text   []byte
	root   *node
	tested map[string]bool
}

// stale says that the plan is not what the patch was made for.
func stale(format string, args ...any) error {
	return fmt.Errorf("the plan has changed since it was proposed: "+format, args...)
}

func (p *patcher) do(o op) error {
	key := o.task + "\x00" + strings.TrimPrefix(o.Path, taskPath(o.Path)) // whatever its index is now
	if o.task == "" {
		key = o.Path
	}
	o.Path = o.in(p.text, p.root)
	n := findNode(p.root, o.Path)
	if o.Op == "test" {
		if n == nil || !equal(decodeNode(p.text, n), o.Value) {
			return stale("%.200s is different", o.Path)
		}
		p.tested[key] = true
		return nil
	}
	cut := strings.LastIndexByte(o.Path, '/')
	if cut < 0 {
		return errors.New("it would replace the whole plan")
	}
	parent, last := findNode(p.root, o.Path[:cut]), o.Path[cut+1:]
	if parent == nil || parent.kind != '{' && parent.kind != '[' {
		return stale("there is no %.200s", o.Path[:cut])
	}
	e := newSplicer(p.text, p.root)
	switch {
	case o.Op == "add" && parent.kind == '[':
		i, ok := index(last)
		if last == "-" {
			i, ok = len(parent.elems), true
		}
		if !ok || i > len(parent.elems) {
			return stale("there is no place %.200s", o.Path)
		}
		e.insert(parent, i, "", o.Value)
	case o.Op == "add" && n == nil:
		e.insert(parent, len(parent.members), unescape(last), o.Value)
	case n == nil:
		return stale("there is no %.200s", o.Path)
	case o.Op != "remove" && makesRoom(o, n):
		return nil
	case !p.tested[key] && !p.tested[key+"/id"]:
		return stale("%.200s is there, and the patch does not know it", o.Path)
	case o.Op == "remove":
		e.cut(parent, []int{parent.at(n)})
	default:
		e.set(n, o.Value)
	}
	return p.take(e.done())
}

// take goes on with a new text.
func (p *patcher) take(text []byte) error {
	root, err := scan(text)
	if err != nil {
		return fmt.Errorf("the result is not readable: %w", err)
	}
	p.text, p.root = text, root
	return nil
}

// at is the place of a value in its object or list.
func (n *node) at(child *node) int {
	for i := range n.size() {
		if n.child(i) == child {
			return i
		}
	}
	return -1
}

// escape makes a part of a JSON pointer, unescape reads one.
func escape(s string) string   { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }
func unescape(s string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(s) }

// plainValue is v as decodeText reads it back, so that values compare.
func plainValue(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return decodeText(raw)
}
