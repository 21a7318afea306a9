//go:build !cgo

package codegraph

// Parser says how this program reads code.
const Parser = "outline"

// Lost says what the readers of this build do not see; "" is nothing.
const Lost = "built without cgo, so without tree-sitter: Go is read in full, of the other languages definitions and imports by their lines, no calls, parameters or types"

// parsers read source files.
type parsers struct{}

func newParsers() parsers { return parsers{} }

func (parsers) close() {}

// read collects the facts of a file as far as can be without its grammar.
func (parsers) read(name string, src []byte) (*file, error) {
	f := newFile(name, src)
	x := &extractor{f: f, src: src}
	if f.lang == "go" {
		if err := x.goFile(name); err != nil {
			return nil, err
		}
		return f, nil
	}
	x.outline()
	return f, nil
}
