package lsp

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// BenchmarkRequests measures a request's whole way, over a Unix socket and
// with the client's own coding, with 10,000 proposals on 50 open files of 400
// steps each. p50-µs and p95-µs are over all iterations.
func BenchmarkRequests(b *testing.B) {
	const files, each = 50, 200
	root := b.TempDir()
	q := newQueue()
	text := manySteps(2 * each)
	paths := make([]string, files)
	for f := range files {
		paths[f] = filepath.Join(root, ".ocode", "plans", fmt.Sprintf("p%02d.json", f))
		for i := range each {
			p := proposal(fmt.Sprintf("p%02d-%03d", f, i), fmt.Sprintf("step-%03d", 2*i))
			p.Path = fmt.Sprintf(".ocode/plans/p%02d.json", f)
			q.items[root] = append(q.items[root], p)
		}
	}
	for _, c := range []struct {
		name, method string
		typing       bool
	}{
		{"codeAction", protocol.MethodTextDocumentCodeAction, false},
		{"hover", protocol.MethodTextDocumentHover, false},
		{"codeActionWhileTyping", protocol.MethodTextDocumentCodeAction, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := benchEditor(b, q, root, paths, text)
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				path, line := paths[i%files], uint32(2+2*(i%each))
				if c.typing {
					e.change(path, int32(2+i), edit(0, 1, 1, " "))
				}
				start := time.Now()
				var got jsonrpc2.RawMessage
				e.must(c.method, requestAt(c.method, path, line), (*rawResult)(&got))
				took = append(took, time.Since(start))
				if !strings.Contains(string(got), "Retry") {
					b.Fatalf("%s on line %d answered %s", c.method, line, got)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
			b.ReportMetric(float64(took[len(took)*95/100].Nanoseconds())/1e3, "p95-µs")
		})
	}
}

func manySteps(n int) string {
	var b strings.Builder
	b.WriteString("{\n  \"tasks\": [\n")
	for i := range n {
		fmt.Fprintf(&b, "    {\"id\": \"step-%03d\", \"tool_name\": \"shell\", \"arguments\": {\"command\": \"make part-%d\"}},\n", i, i)
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

func requestAt(method, path string, line uint32) any {
	if method == protocol.MethodTextDocumentHover {
		p := &protocol.HoverParams{}
		p.TextDocument.URI, p.Position.Line = uri.File(path), line
		return p
	}
	p := &protocol.CodeActionParams{Context: protocol.CodeActionContext{Diagnostics: []protocol.Diagnostic{}}}
	p.TextDocument.URI, p.Range.Start.Line, p.Range.End.Line = uri.File(path), line, line
	return p
}

// benchEditor is connected over a Unix socket and has all files open and shown.
func benchEditor(b *testing.B, q *queue, root string, paths []string, text string) *editor {
	b.Helper()
	socket := listen(b, testServer(q))
	conn, err := net.Dial("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	e := attach(b, conn)
	e.initialize(modern(), root)
	for _, path := range paths {
		e.open(path, text)
	}
	for _, path := range paths {
		e.shown(path, maxPlaced)
	}
	return e
}

// BenchmarkSnapshot measures what a change among 10,000 proposals costs,
// beside the requests.
func BenchmarkSnapshot(b *testing.B) {
	root := b.TempDir()
	q := newQueue()
	for i := range 10_000 {
		p := proposal(fmt.Sprintf("p%05d", i), fmt.Sprintf("step-%03d", i%200))
		p.Path = fmt.Sprintf(".ocode/plans/p%02d.json", i/200)
		q.items[root] = append(q.items[root], p)
	}
	roots := workspace(root)
	for b.Loop() {
		if s := take(b.Context(), q, nil, roots, 1); len(s.byID) != 10_000 {
			b.Fatal(len(s.byID))
		}
	}
}

func workspace(path string) []root { return []root{newRoot(path)} }
