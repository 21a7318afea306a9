//go:build cgo

package codegraph

/*
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The part of tree_sitter/api.h (0.25) that is used here, since a package
// cannot include another module's header. The library is linked in by the Go
// binding that parse_cgo.go imports.
typedef struct { uint32_t row, column; } TSPoint;
typedef struct { uint32_t context[4]; const void *id; const void *tree; } TSNode;
typedef struct { const void *tree; const void *id; uint32_t context[3]; } TSTreeCursor;
void ts_set_allocator(void *(*)(size_t), void *(*)(size_t, size_t), void *(*)(void *, size_t), void (*)(void *));
void *ts_parser_new(void);
void ts_parser_delete(void *);
bool ts_parser_set_language(void *, const void *);
void ts_parser_set_timeout_micros(void *, uint64_t);
void *ts_parser_parse_string(void *, const void *, const char *, uint32_t);
void ts_tree_delete(void *);
TSNode ts_tree_root_node(const void *);
TSTreeCursor ts_tree_cursor_new(TSNode);
void ts_tree_cursor_delete(TSTreeCursor *);
TSNode ts_tree_cursor_current_node(const TSTreeCursor *);
uint16_t ts_tree_cursor_current_field_id(const TSTreeCursor *);
bool ts_tree_cursor_goto_first_child(TSTreeCursor *);
bool ts_tree_cursor_goto_next_sibling(TSTreeCursor *);
bool ts_tree_cursor_goto_parent(TSTreeCursor *);
bool ts_node_is_named(TSNode);
uint16_t ts_node_symbol(TSNode);
uint32_t ts_node_start_byte(TSNode);
uint32_t ts_node_end_byte(TSNode);
TSPoint ts_node_start_point(TSNode);
TSPoint ts_node_end_point(TSNode);
uint32_t ts_language_symbol_count(const void *);
const char *ts_language_symbol_name(const void *, uint16_t);
uint32_t ts_language_field_count(const void *);
const char *ts_language_field_name_for_id(const void *, uint16_t);

typedef struct { uint16_t kind, field; uint32_t start, end, row, endRow, after; } lathe_node;

// The Go binding makes every allocation a call back into Go, which ends at the
// same allocator and costs more than the parsing. Memory of either way can be
// freed by the other, so it does not matter what was allocated before.
static void lathe_plain_allocator(void) { ts_set_allocator(NULL, NULL, NULL, NULL); }

// lathe_flatten writes the tree's named nodes in preorder, at most max of them
// and depth levels deep. One call a file: a call a node would cost more than
// the parsing.
static lathe_node *lathe_flatten(const void *tree, uint32_t max, uint32_t depth, uint32_t *count) {
	uint32_t n = 0, cap = 1024, level = 0;
	lathe_node *out = malloc(cap * sizeof *out);
	// at[d] is the node that stands open on level d; UINT32_MAX for one that is not named.
	uint32_t *at = malloc((depth + 1) * sizeof *at);
	*count = 0;
	if (!out || !at) { free(out); free(at); return NULL; }
	TSTreeCursor c = ts_tree_cursor_new(ts_tree_root_node(tree));
	for (;;) {
		TSNode node = ts_tree_cursor_current_node(&c);
		bool named = ts_node_is_named(node) && n < max;
		at[level] = UINT32_MAX;
		if (named) {
			if (n == cap) {
				lathe_node *more = realloc(out, 2 * (size_t)cap * sizeof *out);
				if (!more) { n = 0; break; }
				out = more;
				cap *= 2;
			}
			TSPoint a = ts_node_start_point(node), b = ts_node_end_point(node);
			out[n] = (lathe_node){ts_node_symbol(node), ts_tree_cursor_current_field_id(&c),
				ts_node_start_byte(node), ts_node_end_byte(node), a.row, b.row, 0};
			at[level] = n++;
		}
		if (named && level < depth && ts_tree_cursor_goto_first_child(&c)) {
			level++;
			continue;
		}
		bool done = false;
		for (;;) {
			if (at[level] != UINT32_MAX) out[at[level]].after = n;
			if (level > 0 && ts_tree_cursor_goto_next_sibling(&c)) break;
			if (level == 0) { done = true; break; }
			ts_tree_cursor_goto_parent(&c);
			level--;
		}
		if (done) break;
	}
	ts_tree_cursor_delete(&c);
	free(at);
	*count = n;
	return out;
}
*/
import "C"

import (
	"fmt"
	"unsafe"

	_ "github.com/tree-sitter/go-tree-sitter" // links the library
	tsgo "github.com/tree-sitter/tree-sitter-go/bindings/go"
	tsjava "github.com/tree-sitter/tree-sitter-java/bindings/go"
	tsjs "github.com/tree-sitter/tree-sitter-javascript/bindings/go"
	tspy "github.com/tree-sitter/tree-sitter-python/bindings/go"
	tsrust "github.com/tree-sitter/tree-sitter-rust/bindings/go"
	tsts "github.com/tree-sitter/tree-sitter-typescript/bindings/go"
)

// Parser says how this program reads code.
const Parser = "tree-sitter"

// Lost says what the readers of this build do not see; "" is nothing.
const Lost = ""

const (
	maxNodes    = 4 << 20 // of one file's tree
	maxNesting  = 400     // levels of syntax that are looked into
	parseMicros = 5_000_000
)

// dialect is a grammar with its parser.
type dialect struct {
	grammar
	parser unsafe.Pointer
}

// parsers read source files. Not safe for concurrent use.
type parsers map[string]*dialect

// newParsers makes no parser yet: a project mostly needs one or two.
func newParsers() parsers {
	C.lathe_plain_allocator()
	return parsers{}
}

func (p parsers) close() {
	for _, d := range p {
		C.ts_parser_delete(d.parser)
	}
	clear(p)
}

// dialectOf tells apart what one language is written in.
func dialectOf(name, lang string) string {
	if lang == "typescript" && hasAny(name, ".tsx") {
		return "tsx"
	}
	return lang
}

func language(dialect string) unsafe.Pointer {
	switch dialect {
	case "python":
		return tspy.Language()
	case "go":
		return tsgo.Language()
	case "javascript":
		return tsjs.Language()
	case "typescript":
		return tsts.LanguageTypescript()
	case "tsx":
		return tsts.LanguageTSX()
	case "java":
		return tsjava.Language()
	case "rust":
		return tsrust.Language()
	}
	return nil
}

func (p parsers) dialect(name string) (*dialect, error) {
	if d, ok := p[name]; ok {
		return d, nil
	}
	l := language(name)
	d := &dialect{parser: C.ts_parser_new()}
	if !C.ts_parser_set_language(d.parser, l) {
		C.ts_parser_delete(d.parser)
		return nil, fmt.Errorf("codegraph: the grammar of %s does not fit the library", name)
	}
	C.ts_parser_set_timeout_micros(d.parser, parseMicros)
	for i := range uint16(C.ts_language_symbol_count(l)) {
		d.kinds = append(d.kinds, C.GoString(C.ts_language_symbol_name(l, C.uint16_t(i))))
	}
	d.fields = []string{""}
	for i := range uint16(C.ts_language_field_count(l)) {
		d.fields = append(d.fields, C.GoString(C.ts_language_field_name_for_id(l, C.uint16_t(i+1))))
	}
	p[name] = d
	return d, nil
}

// parse reads a file's syntax tree.
func (p parsers) parse(name, lang string, src []byte) (*tree, error) {
	d, err := p.dialect(dialectOf(name, lang))
	if err != nil {
		return nil, err
	}
	t := &tree{grammar: &d.grammar, src: src}
	if len(src) == 0 {
		return t, nil
	}
	parsed := C.ts_parser_parse_string(d.parser, nil, (*C.char)(unsafe.Pointer(unsafe.SliceData(src))), C.uint32_t(len(src)))
	if parsed == nil { // out of time: start with a fresh parser
		C.ts_parser_delete(d.parser)
		delete(p, dialectOf(name, lang))
		return nil, errParse
	}
	defer C.ts_tree_delete(parsed)
	var count C.uint32_t
	nodes := C.lathe_flatten(parsed, maxNodes, maxNesting, &count)
	if nodes == nil {
		return nil, errParse
	}
	defer C.free(unsafe.Pointer(nodes))
	t.nodes = make([]flat, count)
	copy(t.nodes, unsafe.Slice((*flat)(unsafe.Pointer(nodes)), count))
	return t, nil
}

// read parses src and collects the file's facts. Module names come later.
func (p parsers) read(name string, src []byte) (*file, error) {
	f := newFile(name, src)
	t, err := p.parse(name, f.lang, src)
	if err != nil {
		return nil, err
	}
	x := &extractor{f: f, src: src}
	visit := map[string]func(node, int) (int, bool){"python": x.python, "go": x.golang, "javascript": x.javascript,
		"typescript": x.javascript, "java": x.java, "rust": x.rust}[f.lang]
	if root := t.root(); root.ok() {
		x.walk(root, 1, visit)
	}
	return f, nil
}
