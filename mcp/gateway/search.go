package gateway

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode"
)

const (
	// searchName and callName are the gateway's own tools, which stand for all
	// others where these are many.
	searchName = "search_tools"
	callName   = "call_tool"
	// foundTools is how many tools a search returns at most, unless it is asked
	// for fewer.
	foundTools = 8
	maxFound   = 50
)

// searchTools are the gateway's own tools as agents are told them.
var searchTools = []*entry{
	{name: searchName, def: []byte(`{"name":"search_tools","title":"Search tools","description":"Finds tools by what they do. There are too many to list; search before you say that one is missing. Returns names, descriptions and input schemas; call what you found with call_tool.","inputSchema":{"type":"object","properties":{"query":{"type":"string","description":"what the tool is to do, in a few words"},"limit":{"type":"integer","minimum":1,"maximum":50}},"required":["query"]},"annotations":{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false}}`)},
	{name: callName, def: []byte(`{"name":"call_tool","title":"Call a tool","description":"Calls a tool that search_tools found. What it may change is what that tool may change.","inputSchema":{"type":"object","properties":{"name":{"type":"string","description":"the tool's name as search_tools said it"},"arguments":{"type":"object","description":"as its input schema wants them"}},"required":["name"]},"annotations":{"readOnlyHint":false,"destructiveHint":true,"idempotentHint":false,"openWorldHint":true}}`)},
}

// own serves the gateway's own tools; false when the call is none of them.
func (g *Gateway) own(x *exchange) bool {
	switch text(field(x.params, "name")) {
	case searchName:
		g.later(x, g.search)
	case callName:
		g.later(x, func(x *exchange, c *catalog) {
			args := field(x.params, "arguments")
			name := text(field(args, "name"))
			e := c.tools[name]
			if e == nil {
				x.own(failure("there is no tool " + plain(name, 200) + g.withheld(kindTool, name) + ": ask search_tools"))
				return
			}
			params := withFields(x.params, change{"arguments", notNull(field(args, "arguments"))})
			g.callEntry(x, e, params)
		})
	default:
		return false
	}
	return true
}

// found is one tool of a search's answer.
type found struct {
	Name         string          `json:"name"`
	Description  string          `json:"description,omitempty"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema,omitempty"`
}

func (g *Gateway) search(x *exchange, c *catalog) {
	args := field(x.params, "arguments")
	query := text(field(args, "query"))
	if strings.TrimSpace(query) == "" {
		x.own(failure("say in query what the tool is to do"))
		return
	}
	limit := foundTools
	if v := field(args, "limit"); v != nil {
		_ = json.Unmarshal(v, &limit) // what is no number leaves the default
	}
	list := []found{}
	for _, e := range c.find(query, min(max(limit, 1), maxFound)) {
		list = append(list, found{Name: e.name, Description: text(field(e.def, "description")), InputSchema: field(e.def, "inputSchema"),
			OutputSchema: field(e.def, "outputSchema")})
	}
	body := encode(map[string]any{"tools": list, "of": len(c.tools)})
	x.own(encode(map[string]any{"content": []any{map[string]string{"type": "text", "text": string(body)}}, "structuredContent": raw(body)}))
}

// find ranks the tools by BM25 (Robertson and Walker 1994) over the words of
// their names, which count three times, and descriptions.
func (c *catalog) find(query string, limit int) []*entry {
	c.indexing.Do(c.index)
	type hit struct {
		e     *entry
		score float64
	}
	hits := map[*entry]float64{}
	n := float64(len(c.tools))
	for _, w := range words(query) {
		docs := c.words[w]
		idf := math.Log(1 + (n-float64(len(docs))+0.5)/(float64(len(docs))+0.5))
		for _, d := range docs {
			tf := float64(d.count)
			hits[d.e] += idf * tf * 2.2 / (tf + 1.2*(0.25+0.75*float64(d.length)/c.length))
		}
	}
	var list []hit
	for e, score := range hits {
		list = append(list, hit{e, score})
	}
	slices.SortFunc(list, func(a, b hit) int {
		if a.score != b.score {
			return int(math.Copysign(1, b.score-a.score))
		}
		return strings.Compare(a.e.name, b.e.name)
	})
	var out []*entry
	for _, h := range list[:min(limit, len(list))] {
		out = append(out, h.e)
	}
	return out
}

// wordIn is one word of one tool.
type wordIn struct {
	e             *entry
	count, length int
}

// index makes the words of the tools findable; it is done with the first search.
func (c *catalog) index() {
	c.words = map[string][]wordIn{}
	total := 0
	for _, e := range c.tools {
		name := words(e.name)
		all := slices.Concat(name, name, name, words(text(field(e.def, "title"))), words(text(field(e.def, "description"))))
		eachField(field(field(e.def, "inputSchema"), "properties"), func(key, _ []byte) { all = append(all, words(string(key))...) })
		counts := map[string]int{}
		for _, w := range all {
			counts[w]++
		}
		for w, n := range counts {
			c.words[w] = append(c.words[w], wordIn{e, n, len(all)})
		}
		total += len(all)
	}
	c.length = max(1, float64(total)/float64(max(1, len(c.tools))))
}

// words are the lower-case words of a text, cut where letters change case, and
// without a plural's s.
func words(s string) (out []string) {
	var w []rune
	flush := func() {
		if len(w) > 1 {
			word := strings.ToLower(string(w))
			if len(word) > 3 {
				word = strings.TrimSuffix(word, "s")
			}
			out = append(out, word)
		}
		w = w[:0]
	}
	lower := false
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || lower && unicode.IsUpper(r) {
			flush()
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			w = append(w, r)
		}
		lower = unicode.IsLower(r)
	}
	flush()
	return out
}
