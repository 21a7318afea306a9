package graph

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"lathe/learn"
)

// proposedTool projects a tool that was made: how it is called, what it does
// and where it comes from. A tool may be known to all projects, so that its
// node has nothing recorded: an example call stays with the project's fragment
// that the tool was made of.
func (g *Graph) proposedTool(t *learn.ProposedTool, o origin) {
	m := &t.Manifest
	if m.Name == "" {
		return
	}
	n := g.node(Tool, 0, m.Name, m.Name, o)
	signature, usage := toolUse(m)
	for key, value := range map[string]string{"version": m.Version, "content_hash": t.ContentHash, "generated": "true", "signature": signature,
		"usage": usage, "description": m.Description, "language": m.Language, "permissions": permissions(&m.Permissions),
		"method": string(m.Provenance.Method), "opportunity_id": m.Provenance.OpportunityID, "base_image": m.Provenance.BaseImage, "created": m.Provenance.Created} {
		g.property(n, key, value)
	}
	g.renew(n, LearnedFrom)
	g.learnedFrom(n, m.Provenance.Evidence, o)
	if from := m.Provenance.OpportunityID; from != "" {
		if f := g.object(PlanFragment, from, o); f != 0 {
			g.set(f, Generated, n, 1, o)
			if len(m.Examples) > 0 && g.nodes.at(f).project != 0 {
				g.property(f, "example", m.Name+"("+string(m.Examples[0].Arguments)+")")
			}
		}
	}
}

// toolUse is how a tool is called, by its JSON Schema: with types, and with
// placeholders as JSON.
func toolUse(m *learn.ToolManifest) (signature, usage string) {
	type schema struct {
		Type       any               `json:"type"`
		Properties map[string]schema `json:"properties"`
		Required   []string          `json:"required"`
	}
	var in, out schema
	if json.Unmarshal(m.Parameters, &in) != nil {
		return "", ""
	}
	kind := func(s schema) string {
		if t, ok := s.Type.(string); ok {
			return t
		}
		return "any"
	}
	var names, typed, given []string
	for name := range in.Properties {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { // what must be given first
		return cmp.Or(boolean(slices.Contains(in.Required, b), slices.Contains(in.Required, a)), strings.Compare(a, b))
	})
	for _, name := range names {
		must := slices.Contains(in.Required, name)
		text := name + ": " + kind(in.Properties[name])
		if must {
			given = append(given, strconv.Quote(name)+": <"+kind(in.Properties[name])+">")
		} else {
			text += "?"
		}
		typed = append(typed, text)
	}
	signature = m.Name + "(" + strings.Join(typed, ", ") + ")"
	if json.Unmarshal(m.Returns, &out) == nil && out.Type != nil {
		signature += " -> " + kind(out)
	}
	return signature, m.Name + "({" + strings.Join(given, ", ") + "})"
}

func permissions(p *learn.Permissions) string {
	raw, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return string(raw)
}

// validated projects what a validation measured of a tool.
func (g *Graph) validated(v *learn.ValidationResult, o origin) {
	k := kindNumber[Tool]
	for n := g.order[k].newest; n != 0; n = g.nodes.at(n).older {
		t := g.nodes.at(n)
		if v.ContentHash == "" || t.get("content_hash") != v.ContentHash {
			continue
		}
		for key, value := range map[string]string{"validated": strconv.FormatBool(v.Passed), "risk": v.Risk, "score": number(v.Score), "coverage": number(v.Coverage),
			"cold_ms": number(v.ColdMS), "warm_ms": number(v.WarmMS), "memory_mb": number(v.MemoryMB), "tests": strconv.Itoa(v.TestsPassed + v.TestsFailed)} {
			g.property(n, key, value)
		}
		return
	}
}
