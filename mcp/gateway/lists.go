package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"lathe/learn"
	lathemcp "lathe/mcp"
)

const (
	// maxName bounds a name that the gateway makes, in bytes: what the strictest
	// agents take.
	maxName = 64
	// maxDescription bounds a tool's description, in bytes.
	maxDescription = 16 << 10
	// maxEntries and maxPages bound one list of a server, maxListed its bytes.
	maxEntries = 2000
	maxPages   = 100
	maxListed  = 32 << 20
	// otherTime bounds the lists beside the tools', which agents wait for, together.
	otherTime = 5 * time.Second
)

// entry is one tool, prompt, resource or template of a server.
type entry struct {
	u    *upstream
	own  string // its name or URI on the server
	name string // as agents know it
	def  []byte // its definition as agents are told it
}

// lists are a server's.
type lists struct {
	tools, prompts, resources, templates []entry
}

// otherKinds are the lists beside the tools'.
var otherKinds = []struct {
	kind, offer, method, key string
	of                       func(*lists) *[]entry
}{
	{kindPrompt, "prompts", "prompts/list", "prompts", func(l *lists) *[]entry { return &l.prompts }},
	{kindResource, "resources", "resources/list", "resources", func(l *lists) *[]entry { return &l.resources }},
	{kindTemplate, "resources", "resources/templates/list", "resourceTemplates", func(l *lists) *[]entry { return &l.templates }},
}

// list reads what the server has. A kind that it does not offer is empty. Of
// the tools' list an error is the whole's; another that cannot be had stays as
// it was before, and is said to be left out.
func (u *upstream) list(ctx context.Context, l link) error {
	var out lists
	var refused []string
	leave := func(err error) {
		refused = append(refused, plain(err.Error(), 500))
		u.log.Warn("left out", "server", u.cfg.Name, "why", plain(err.Error(), 500))
	}
	if u.offers("tools") {
		defs, err := u.pages(ctx, l, "tools/list", "tools", leave)
		if err != nil {
			return err
		}
		out.tools = u.readTools(defs, leave)
		u.mirrored(l, out.tools)
	}
	u.mu.Lock()
	old := u.lists
	u.mu.Unlock()
	others, cancel := context.WithTimeout(ctx, otherTime)
	defer cancel()
	for _, k := range otherKinds {
		if !u.offers(k.offer) {
			continue
		}
		defs, err := u.pages(others, l, k.method, k.key, leave)
		select {
		case <-l.ended():
			return errors.Join(err, errGone)
		default:
		}
		if err != nil {
			leave(err)
			*k.of(&out) = *k.of(&old)
			continue
		}
		*k.of(&out) = u.readOthers(k.kind, defs, leave)
	}
	u.mu.Lock()
	u.lists, u.refused = out, refused
	u.mu.Unlock()
	return nil
}

// pages reads all pages of one list.
func (u *upstream) pages(ctx context.Context, l link, method, key string, leave func(error)) (defs [][]byte, err error) {
	cursor, size := "", 0
	for range maxPages {
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		if u.modern {
			params["_meta"] = raw(u.g.modernMeta(u.g.caps))
		}
		result, err := ask(ctx, l, method, params)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		if !eachItem(field(result, key), func(def []byte) { defs = append(defs, compact(def)) }) {
			return nil, fmt.Errorf("%s: its answer has no list of %s", method, key)
		}
		if size += len(result); len(defs) > maxEntries || size > maxListed {
			leave(fmt.Errorf("%s: more than %d entries, or %d MiB: the rest is left out", method, maxEntries, maxListed>>20))
			return defs[:min(len(defs), maxEntries)], nil
		}
		next := text(field(result, "nextCursor"))
		if next == "" || next == cursor {
			return defs, nil
		}
		cursor = next
	}
	leave(fmt.Errorf("%s: more than %d pages: the rest is left out", method, maxPages))
	return defs, nil
}

// readTools checks tools, lets the pins decide which definition is told, and
// filters and names them.
func (u *upstream) readTools(defs [][]byte, leave func(error)) []entry {
	var sound []Definition
	seen := map[string]bool{}
	for _, def := range defs {
		own := text(field(def, "name"))
		name := u.cfg.toolName(own)
		switch err := checkTool(name, own, def); {
		case err != nil:
			leave(err)
		case !u.cfg.allows(own): // as the person wishes
		case seen[name]:
			leave(fmt.Errorf("tool %s: there are two of this name; the first stands", name))
		default:
			seen[name] = true
			sound = append(sound, Definition{Name: own, Text: def})
		}
	}
	var out []entry
	for _, d := range u.vet(kindTool, sound, u.cfg.toolName, leave) {
		name := u.cfg.toolName(d.Name)
		// What a task is asked for in the older era does not pass through.
		def := withFields(d.Text, change{"name", quote(name)}, change{"execution", nil})
		if objectSchema(def) == nil {
			def = withFields(def, change{"outputSchema", nil})
		}
		out = append(out, entry{u: u, own: d.Name, name: name, def: def})
	}
	return out
}

// checkTool checks what a client checks: one bad tool breaks the whole list.
func checkTool(name, own string, def []byte) error {
	if own == "" || len(own) > 256 {
		return errors.New("a tool has no name, or one of more than 256 bytes")
	}
	for _, key := range []string{"title", "description"} {
		v := field(def, key)
		if v != nil && v[0] != '"' {
			return fmt.Errorf("tool %s: its %s is no text", name, key)
		}
		if len(v) > maxDescription {
			return fmt.Errorf("tool %s: its %s has more than %d bytes", name, key, maxDescription)
		}
	}
	for _, key := range []string{"annotations", "_meta", "execution"} {
		if v := notNull(field(def, key)); v != nil && v[0] != '{' {
			return fmt.Errorf("tool %s: its %s is no object", name, key)
		}
	}
	if text(field(field(def, "execution"), "taskSupport")) == "required" {
		return fmt.Errorf("tool %s: it runs only as a task, which does not pass through", name)
	}
	in := field(def, "inputSchema")
	if bytes.Contains(in, []byte("x-mcp-header")) { // the gateway writes these, Lathe's own tools do not
		if err := mcp.ValidateParamHeaderAnnotations(&mcp.Tool{Name: name, RawInputSchema: in}); err != nil {
			return fmt.Errorf("tool %s: %w", name, err)
		}
		in = bytes.ReplaceAll(in, []byte("x-mcp-header"), []byte("x-mcp-checked"))
	}
	if err := lathemcp.CheckManifest(learn.ToolManifest{Name: name, Parameters: in}); err != nil {
		return err
	}
	if out := objectSchema(def); out != nil {
		if err := lathemcp.CheckManifest(learn.ToolManifest{Name: name, Parameters: out}); err != nil {
			return fmt.Errorf("output schema: %w", err)
		}
	}
	return nil
}

// objectSchema is a tool's output schema if agents of both eras take it.
func objectSchema(def []byte) []byte {
	if out := field(def, "outputSchema"); text(field(out, "type")) == "object" {
		return out
	}
	return nil
}

// mirrored tells an HTTP link which tools want arguments in headers too.
func (u *upstream) mirrored(l link, tools []entry) {
	h, ok := l.(*httpLink)
	if !ok {
		return
	}
	found := map[string]*mcp.Tool{}
	for _, t := range tools {
		if in := field(t.def, "inputSchema"); bytes.Contains(in, []byte("x-mcp-header")) {
			found[t.own] = &mcp.Tool{Name: t.own, RawInputSchema: in}
		}
	}
	h.tools.Store(&found)
}

// Name is how a server's tool or prompt is called behind the gateway:
// <server>__<tool>. A name that agents would refuse is made fit: odd characters
// become _, the rest is cut, and a mark of the original keeps such names apart.
func Name(server, tool string) string {
	name := server + "__" + oddRE.ReplaceAllString(tool, "_")
	if name == server+"__"+tool && len(name) <= maxName {
		return name
	}
	mark := "_" + strings.TrimPrefix(learn.ContentHash([]byte(tool)), "sha256:")[:8]
	return name[:min(len(name), maxName-len(mark))] + mark
}
