package intake

import (
	"errors"
	"fmt"
	"sync"

	"lathe/learn"
)

// Signal is a kind of telemetry that is understood.
type Signal string

const (
	Traces Signal = "traces"
	Logs   Signal = "logs"
)

// OTLPRequest is one export request of an OpenTelemetry SDK or collector
// (OTLP 1.x: ExportTraceServiceRequest, ExportLogsServiceRequest).
type OTLPRequest struct {
	Signal Signal
	JSON   bool // OTLP/JSON: ids in hex, 64-bit numbers as strings; else protobuf
	Body   []byte
	// ProjectID is the project of records that name none. Who may write to it
	// alone may name no other; AnyProject lets the telemetry name one, by the
	// attribute lathe.project_id.
	ProjectID  string
	AnyProject bool
	AgentID    string // of records that name no agent
}

// OTLPResult is what an export request says.
type OTLPResult struct {
	Records []learn.Record
	// Items holds for each record which span or log record it is from, counted
	// from 0 over the whole request.
	Items   []int
	Refused []Rejection // by item
	Ignored int         // items that are about something else, or a part of another
}

// ErrOTLPTooLarge means that a request holds more than is read at once.
var ErrOTLPTooLarge = errors.New("the telemetry holds too many values: let the exporter send smaller batches")

// maxTelemetry is how many messages and values one request may hold: a span of
// two bytes takes a hundred times that in memory.
const maxTelemetry = 400_000

// ParseOTLP reads an export request. Spans and log records that follow the
// conventions for generative AI and MCP become calls of tools, calls of models
// or steps of plans; what agents log of themselves is read too (see logEvents);
// all else is ignored. known remembers which conversation a trace belongs to.
//
// Identity is deterministic: what is sent twice has one id. A call with an id
// of its own (gen_ai.tool.call.id, gen_ai.response.id) has the one that the same
// call has when a hook, a gateway or a transcript reports it. The spans that a
// framework, a client and a server make of the same call are merged when they
// come in one request.
func ParseOTLP(req OTLPRequest, known *Conversations) (OTLPResult, error) {
	t := &telemetry{req: req, known: known, left: maxTelemetry}
	var err error
	switch {
	case req.Signal != Traces && req.Signal != Logs:
		return OTLPResult{}, fmt.Errorf("the signal %q is not read: use one of %s, %s", cutAt(string(req.Signal), 32), Traces, Logs)
	case req.JSON:
		err = t.readJSON(req.Body)
	default:
		err = t.readProto(req.Body)
	}
	if err != nil {
		return OTLPResult{}, fmt.Errorf("read the %s: %w", req.Signal, err)
	}
	return t.result(), nil
}

// telemetry is one request while it is read.
type telemetry struct {
	req   OTLPRequest
	known *Conversations
	left  int // messages and values that may still come
	items []*signal
	count int // items seen
}

// signal is a span or a log record that is about an agent's work.
type signal struct {
	index         int
	trace, span   string // in hex, lower case; "" when there is none
	parent        string
	name          string // a span's, or an event's
	kind          int    // of a span
	start, end    uint64 // nanoseconds since 1970
	status        int
	statusMessage string
	attrs         attributes
	body          any // of a log record
	exception     attributes
	resource      *attributes // filled when all of the request is read
	class         class
	merged        bool    // into its parent
	client        *signal // the MCP client's span of the same call, which was merged into this
}

// OTLP's numbers.
const (
	statusError = 2
	kindServer  = 2
)

// take counts n more messages or values.
func (t *telemetry) take(n int) error {
	if t.left -= n; t.left < 0 {
		return ErrOTLPTooLarge
	}
	return nil
}

// add takes an item that was read. What no record comes from is let go at once.
func (t *telemetry) add(s *signal) {
	s.index = t.count
	t.count++
	if own := s.attrs.conversation(); own != "" && s.trace != "" {
		t.known.learn(t.scope(s.trace), own)
	}
	if s.class = s.classify(t.req.Signal); s.class != unrelated {
		t.items = append(t.items, s)
	}
}

// scope keeps what one sender says of a trace from another's.
func (t *telemetry) scope(trace string) string { return t.req.ProjectID + "\x00" + trace }

func (t *telemetry) result() OTLPResult {
	t.merge()
	var out OTLPResult
	for _, s := range t.items {
		if s.merged {
			continue
		}
		rec, err := t.record(s)
		if err != nil {
			out.Refused = append(out.Refused, Rejection{Index: s.index, Reason: err.Error()})
			continue
		}
		out.Records = append(out.Records, rec)
		out.Items = append(out.Items, s.index)
	}
	out.Ignored = t.count - len(out.Records) - len(out.Refused)
	return out
}

// maxConversations bounds the traces that are remembered.
const maxConversations = 8192

// Conversations remembers which conversation each of the last traces belongs
// to: the spans of tools often do not say, those of models do. It is safe for
// concurrent use. Create it with NewConversations.
type Conversations struct {
	mu    sync.Mutex
	of    map[string]string
	order []string // of traces, a ring
	next  int
}

// NewConversations returns an empty memory.
func NewConversations() *Conversations { return &Conversations{of: map[string]string{}} }

func (c *Conversations) learn(trace, conversation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.of[trace]; known {
		return // the first to say so stays, or an id would change
	}
	conversation = cutAt(conversation, 512)
	if len(c.order) < maxConversations {
		c.order = append(c.order, trace)
	} else {
		delete(c.of, c.order[c.next])
		c.order[c.next] = trace
		c.next = (c.next + 1) % maxConversations
	}
	c.of[trace] = conversation
}

func (c *Conversations) find(trace string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[trace]
}
