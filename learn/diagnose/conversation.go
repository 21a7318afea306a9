package diagnose

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a conversation. What is longer is cut: the middle of a long turn,
// and the turns behind the last.
const (
	maxConversation = 32 << 20 // bytes of the document
	maxTurns        = 1000
	maxTurnText     = 32 << 10
	maxAgentName    = 200
)

// Turn is one message of a conversation between agents.
type Turn struct {
	Agent string // who speaks, "" when unknown
	To    string // who is addressed, when the speaker's name says so
	Role  string // as recorded: user, assistant, tool, ...
	Text  string
}

// Conversation is the history of one task that agents worked on together.
type Conversation struct {
	Question string // what was asked, "" when unknown
	Turns    []Turn
}

// ReadConversation reads {"question": ..., "history": [{"role", "name",
// "content"}, ...]}, or a bare list of such messages. A content is a text or a
// list of parts with texts. A speaker like "Planner (-> Searcher)" is Planner,
// who speaks to Searcher. Other fields, labels among them, are not looked at.
func ReadConversation(r io.Reader) (Conversation, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxConversation+1))
	if err != nil {
		return Conversation{}, fmt.Errorf("read the conversation: %w", err)
	}
	if len(raw) > maxConversation {
		return Conversation{}, fmt.Errorf("the conversation has more than %d MB", maxConversation>>20)
	}
	var doc struct {
		Question any       `json:"question"`
		History  []message `json:"history"`
		Messages []message `json:"messages"`
	}
	if first := strings.TrimLeft(string(raw[:min(len(raw), 64)]), " \t\r\n"); strings.HasPrefix(first, "[") {
		err = json.Unmarshal(raw, &doc.History)
	} else {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		return Conversation{}, fmt.Errorf("the conversation is not of the form {\"history\": [{\"role\", \"name\", \"content\"}]}: %w", err)
	}
	messages := doc.History
	if len(messages) == 0 {
		messages = doc.Messages
	}
	if len(messages) == 0 {
		return Conversation{}, errors.New("the conversation has no messages under \"history\"")
	}
	c := Conversation{}
	c.Question, _ = doc.Question.(string)
	c.Question = middleCut(c.Question, maxTurnText)
	for _, m := range messages[:min(len(messages), maxTurns)] {
		c.Turns = append(c.Turns, m.turn())
	}
	return c, nil
}

type message struct {
	Role    string `json:"role"`
	Name    string `json:"name"`
	Content any    `json:"content"`
}

func (m message) turn() Turn {
	name := m.Name
	if name == "" {
		name = m.Role
	}
	if len(name) > maxAgentName {
		name = name[:maxAgentName]
	}
	t := Turn{Agent: strings.TrimSpace(name), Role: m.Role, Text: middleCut(contentText(m.Content), maxTurnText)}
	if agent, rest, ok := strings.Cut(t.Agent, "("); ok && strings.TrimSpace(agent) != "" {
		t.Agent = strings.TrimSpace(agent)
		if to, ok := strings.CutPrefix(strings.TrimSpace(rest), "->"); ok {
			t.To = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(to), ")"))
		}
	}
	return t
}

func contentText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var parts []string
		for _, p := range v {
			if s := contentText(p); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, "\n")
	case map[string]any:
		for _, key := range []string{"text", "content"} {
			if s := contentText(v[key]); s != "" {
				return s
			}
		}
	}
	return ""
}

// middleCut keeps the ends of a long text, where conclusions and errors stand.
func middleCut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit/2], "") + "\n...\n" + strings.ToValidUTF8(s[len(s)-limit/2:], "")
}
