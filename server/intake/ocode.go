package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path"
	"strings"
	"time"

	"lathe/learn"
)

// ocode reads ocode's saved sessions, a JSON document each: an id, times, the
// messages, and the project that they were about. ocode keeps what was asked
// and answered; tool calls are in it where its messages carry them, in OpenAI's
// form or Ollama's. What its tools do comes to Lathe live, through MCP.
type ocode struct{}

func (p *ocode) wants(name string) bool { return hasExt(name, ".json", ".json.gz") }

func (p *ocode) finish(context.Context, *emitter) error { return nil }

func (p *ocode) entry(ctx context.Context, e *entry, out *emitter) error {
	s := &session{id: e.base(), agent: "ocode"}
	var created, updated float64 // seconds
	var found bool
	c := newChat()
	dec := json.NewDecoder(newLimited(e.r, e.limits.MaxDocument))
	err := members(dec, func(name string) (bool, error) {
		switch name {
		case "id":
			return true, dec.Decode(&s.id)
		case "created_at":
			return true, dec.Decode(&created)
		case "updated_at":
			return true, dec.Decode(&updated)
		case "messages":
			found = true
			return true, elements(dec, func(int) error {
				var m chatMessage
				if err := dec.Decode(&m); err != nil {
					return err
				}
				c.add(&m)
				return nil
			})
		case "context":
			root, err := ocodeRoot(dec)
			s.project = root
			return true, err
		}
		return false, nil
	})
	if err == nil && !found {
		return nil // a file of another kind
	}
	if err != nil {
		out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
		return nil
	}
	if c.prompt == "" && len(c.calls) == 0 {
		return nil // opened and left
	}
	s.id = orElse(s.id, e.base())
	s.task, s.prompt, s.calls = s.id, c.prompt, c.calls
	if !path.IsAbs(s.project) {
		s.project = ocodeFolder(e)
	}
	for i, a := range s.calls {
		if a.CallID = strings.TrimSpace(a.CallID); a.CallID != "" {
			a.ID = learn.EventID(s.id, a.CallID)
		} else {
			a.ID = learn.PositionID("ocode", s.id, i)
		}
		a.ContextSnapshot.CWD = s.project
	}
	began := ocodeTime(created)
	if began.IsZero() {
		began = e.modified
	}
	s.pace(began)
	if at := ocodeTime(updated); at.After(s.ended) {
		s.ended = at
	}
	if err := s.emit(ctx, out, e.name); err != nil {
		return err
	}
	return out.task(ctx, s.pause(), e.name, 0)
}

// ocodeRoot reads the project's folder out of a session's context, which may
// hold the text of all its files.
func ocodeRoot(dec *json.Decoder) (root string, err error) {
	switch token, err := dec.Token(); {
	case err != nil || token == nil:
		return "", err
	case token != json.Delim('{'):
		return "", fmt.Errorf("an object is expected where %v stands: check the format", cutAt(fmt.Sprint(token), 40))
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", err
		}
		if name == "project_root" {
			err = dec.Decode(&root)
		} else {
			err = skipValue(dec)
		}
		if err != nil {
			return "", err
		}
	}
	_, err = dec.Token()
	return root, err
}

// ocodeFolder is the project of a session that names none: the folder whose
// .ocode/sessions it lies in, unless that is everybody's, the home directory.
func ocodeFolder(e *entry) string {
	at, ok := strings.CutSuffix(path.Dir(e.path), "/.ocode/sessions")
	if home, err := os.UserHomeDir(); ok && e.disk && path.IsAbs(at) && (err != nil || at != home) {
		return at
	}
	return "ocode"
}

// ocodeTime is a time in seconds since 1970; none, or one that no clock shows,
// is zero.
func ocodeTime(seconds float64) time.Time {
	if !(seconds > 0) || seconds > math.MaxInt32*2 {
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC()
}
