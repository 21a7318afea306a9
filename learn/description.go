package learn

import "encoding/json"

// DescriptionChange is a tool of a server behind the gateway whose definition
// is not the one that agents were told so far, or looks as if it were meant to
// mislead one. It is not told until a reviewer has approved it.
type DescriptionChange struct {
	ChangeID string `json:"change_id"` // of server, tool and the new definition
	Server   string `json:"server"`    // as the gateway's configuration names it
	Tool     string `json:"tool"`      // its name on the server
	// Old is what agents are told meanwhile; null when they are told nothing.
	Old         json.RawMessage `json:"old,omitempty"`
	New         json.RawMessage `json:"new"`
	Findings    []string        `json:"findings,omitempty"` // what looks wrong in New
	ContentHash string          `json:"content_hash"`       // over server, tool and New
}
