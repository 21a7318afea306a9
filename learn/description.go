package learn

import "encoding/json"

// DescriptionChange is a tool, prompt, resource or resource template of a server
// behind the gateway whose definition is not the one that agents were told so
// far, or looks as if it were meant to mislead one. It is not told until a
// reviewer has approved it.
type DescriptionChange struct {
	ChangeID string `json:"change_id"`      // of server, kind, tool and the new definition
	Server   string `json:"server"`         // as the gateway's configuration names it
	Kind     string `json:"kind,omitempty"` // prompt, resource or template; "" is a tool
	Tool     string `json:"tool"`           // its name on the server; of a resource its URI
	// Old is what agents are told meanwhile; null when they are told nothing.
	Old         json.RawMessage `json:"old,omitempty"`
	New         json.RawMessage `json:"new"`
	Findings    []string        `json:"findings,omitempty"` // what looks wrong in New
	ContentHash string          `json:"content_hash"`       // over server, kind, tool and New
}

// What is the word for what the definition is of.
func (c DescriptionChange) What() string {
	if c.Kind == "" {
		return "tool"
	}
	return c.Kind
}
