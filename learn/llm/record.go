package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Scrubber takes secrets out of a text.
type Scrubber func(string) string

type recording struct {
	Model    string   `json:"model"`
	Request  Request  `json:"request"`
	Response Response `json:"response"`
}

// maxRecording bounds a file that a Replayer reads, in bytes.
const maxRecording = 8 << 20

// Recorder passes requests on to a model and writes each answer once, into the
// file <hash>.json of its folder. A request that has a file already is
// answered from it. Safe for concurrent use.
type Recorder struct {
	m     Model
	store store
}

// NewRecorder records what m answers, in folder dir. scrub is applied after
// the package's own removal of keys; nil adds nothing.
func NewRecorder(m Model, dir string, scrub Scrubber) *Recorder {
	return &Recorder{m: m, store: newStore(dir, scrub)}
}

// Name is the model's name.
func (r *Recorder) Name() string { return r.m.Name() }

// Complete answers from the folder, or asks the model and records.
func (r *Recorder) Complete(ctx context.Context, q Request) (Response, error) {
	if err := q.Check(); err != nil {
		return Response{}, err
	}
	if err := ctx.Err(); err != nil {
		return Response{}, err
	}
	if have, err := r.store.read(r.Name(), q); !errors.Is(err, ErrNotRecorded) {
		return have, err
	}
	answer, err := r.m.Complete(ctx, q)
	if err != nil {
		return Response{}, err
	}
	return r.store.write(r.Name(), q, answer)
}

// Replayer answers from a Recorder's folder and reaches no model.
type Replayer struct {
	name  string
	store store
}

// NewReplayer replays what the model of that name answered. scrub must be the
// Recorder's.
func NewReplayer(name, dir string, scrub Scrubber) *Replayer {
	return &Replayer{name: name, store: newStore(dir, scrub)}
}

// Name is the name of the model that was recorded.
func (r *Replayer) Name() string { return r.name }

// Complete returns the recorded answer, or ErrNotRecorded.
func (r *Replayer) Complete(ctx context.Context, q Request) (Response, error) {
	if err := q.Check(); err != nil {
		return Response{}, err
	}
	if err := ctx.Err(); err != nil {
		return Response{}, err
	}
	return r.store.read(r.name, q)
}

type store struct {
	dir   string
	scrub Scrubber
	keys  *regexp.Regexp
}

// newStore knows the model providers' own keys and bearer tokens; every other
// secret is the Scrubber's.
func newStore(dir string, scrub Scrubber) store {
	keys := regexp.MustCompile(`sk-[A-Za-z0-9_-]{16,}|(?i:bearer)\s+[A-Za-z0-9._~+/=-]{16,}`)
	return store{dir: dir, scrub: scrub, keys: keys}
}

// path is the file of a request; the hash is of the clean request, so that the
// same question with another secret in it finds its answer.
func (s store) path(model string, q Request) (string, Request, error) {
	q = s.clean(q)
	hash, err := q.Hash(model)
	if err != nil {
		return "", q, err
	}
	return filepath.Join(s.dir, hash+".json"), q, nil
}

func (s store) read(model string, q Request) (Response, error) {
	path, _, err := s.path(model, q)
	if err != nil {
		return Response{}, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Response{}, fmt.Errorf("%w: %s of %s; record it with a Recorder", ErrNotRecorded, filepath.Base(path), model)
	}
	if err != nil {
		return Response{}, fmt.Errorf("llm: replay: %w", err)
	}
	if info.Size() > maxRecording {
		return Response{}, fmt.Errorf("%w: recording %s has %d bytes", ErrTooLarge, filepath.Base(path), info.Size())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return Response{}, fmt.Errorf("llm: replay: %w", err)
	}
	var r recording
	if err := json.Unmarshal(raw, &r); err != nil {
		return Response{}, fmt.Errorf("%w: recording %s: %w; delete it and record again", ErrBadAnswer, filepath.Base(path), err)
	}
	return r.Response, nil
}

// write stores the clean answer and returns it, so that recording and
// replaying give the same.
func (s store) write(model string, q Request, answer Response) (Response, error) {
	path, q, err := s.path(model, q)
	if err != nil {
		return Response{}, err
	}
	answer.Text = s.text(answer.Text)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(recording{model, q, answer}); err != nil {
		return Response{}, fmt.Errorf("llm: record: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return Response{}, fmt.Errorf("llm: record: %w", err)
	}
	// Renamed into place, so that a replay never meets half a file.
	f, err := os.CreateTemp(s.dir, ".recording-*")
	if err != nil {
		return Response{}, fmt.Errorf("llm: record: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return Response{}, fmt.Errorf("llm: record: %w", err)
	}
	return answer, nil
}

func (s store) clean(q Request) Request {
	q.System = s.text(q.System)
	messages := make([]Message, len(q.Messages))
	for i, m := range q.Messages {
		messages[i] = Message{m.Role, s.text(m.Text)}
	}
	q.Messages = messages
	return q
}

func (s store) text(t string) string {
	t = s.keys.ReplaceAllString(t, "[key]")
	if s.scrub != nil {
		t = s.scrub(t)
	}
	return t
}
