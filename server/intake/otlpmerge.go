package intake

import "strings"

// merge joins the spans that several instrumentations made of the same call:
// an agent's framework, its MCP client, the server. The outermost stays, and
// gains what only an inner one knows. Prompts without words are let go.
func (t *telemetry) merge() {
	at := map[string]*signal{}
	for _, s := range t.items {
		if s.trace != "" && s.span != "" {
			at[s.trace+s.span] = s
		}
	}
	for _, s := range t.items {
		if s.class == promptGiven && s.promptText() == "" {
			s.merged = true
			continue
		}
		into := s
		for range 8 { // more is a circle
			p := at[into.trace+into.parent]
			if into.parent == "" || p == nil || p == s || !p.covers(into) {
				break
			}
			into = p
		}
		if into != s {
			into.absorb(s)
		}
	}
}

// absorb adds what an inner span knows. Of a model, the outer one says how it
// ended: the inner ones may be attempts.
func (s *signal) absorb(inner *signal) {
	inner.merged = true
	if s.class == toolCall && inner.kind != kindServer && inner.request() != "" {
		s.client = inner
	}
	failed := s.attrs.text("error.type")
	s.attrs.fillFrom(inner.attrs)
	if s.class == modelCall && failed == "" {
		delete(s.attrs, "error.type")
	}
	if len(s.exception) == 0 && s.class == toolCall {
		s.exception = inner.exception
	}
}

// covers reports whether a span is about the same call as one within it.
func (s *signal) covers(inner *signal) bool {
	if s.class != inner.class {
		return false
	}
	if s.class == modelCall {
		return s.attrs.text("gen_ai.operation.name") == inner.attrs.text("gen_ai.operation.name")
	}
	if s.class != toolCall {
		return false
	}
	a, b := s.attrs.text("gen_ai.tool.name"), inner.attrs.text("gen_ai.tool.name")
	// A client may put its server's name before the tool's.
	return a == b || b != "" && inner.attrs.has("mcp.method.name") && strings.HasSuffix(a, b)
}
