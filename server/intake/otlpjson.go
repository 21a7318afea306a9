package intake

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The messages of OTLP/JSON, as far as they are read. Unlike protobuf's own
// JSON, ids are in hex and enumerations are numbers.
type (
	jsonRequest struct {
		Spans []jsonResource `json:"resourceSpans"`
		Logs  []jsonResource `json:"resourceLogs"`
	}
	jsonResource struct {
		Resource struct {
			Attributes []jsonPair `json:"attributes"`
		} `json:"resource"`
		Spans []struct {
			Spans []jsonSpan `json:"spans"`
		} `json:"scopeSpans"`
		Logs []struct {
			Records []jsonLog `json:"logRecords"`
		} `json:"scopeLogs"`
	}
	jsonSpan struct {
		Trace      string     `json:"traceId"`
		Span       string     `json:"spanId"`
		Parent     string     `json:"parentSpanId"`
		Name       string     `json:"name"`
		Kind       jsonNumber `json:"kind"`
		Start      jsonNumber `json:"startTimeUnixNano"`
		End        jsonNumber `json:"endTimeUnixNano"`
		Attributes []jsonPair `json:"attributes"`
		Events     []struct {
			Name       string     `json:"name"`
			Attributes []jsonPair `json:"attributes"`
		} `json:"events"`
		Status struct {
			Code    jsonNumber `json:"code"`
			Message string     `json:"message"`
		} `json:"status"`
	}
	jsonLog struct {
		Time       jsonNumber `json:"timeUnixNano"`
		Observed   jsonNumber `json:"observedTimeUnixNano"`
		Body       jsonValue  `json:"body"`
		Attributes []jsonPair `json:"attributes"`
		Trace      string     `json:"traceId"`
		Span       string     `json:"spanId"`
		EventName  string     `json:"eventName"`
	}
	jsonPair struct {
		Key   string    `json:"key"`
		Value jsonValue `json:"value"`
	}
	jsonValue struct {
		String *string     `json:"stringValue"`
		Bool   *bool       `json:"boolValue"`
		Int    *jsonNumber `json:"intValue"`
		Double *jsonNumber `json:"doubleValue"`
		Bytes  *string     `json:"bytesValue"`
		Array  *struct {
			Values []jsonValue `json:"values"`
		} `json:"arrayValue"`
		Map *struct {
			Values []jsonPair `json:"values"`
		} `json:"kvlistValue"`
	}
)

// jsonNumber is a number or a string that holds one. An enumeration's name,
// which older exporters write, is taken too.
type jsonNumber string

func (n *jsonNumber) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if number, ok := enumNames[text]; ok {
		text = number
	}
	if text == "null" || text == "" {
		return nil
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return fmt.Errorf("%q stands where a number should", cutAt(text, 40))
	}
	*n = jsonNumber(text)
	return nil
}

var enumNames = map[string]string{"SPAN_KIND_SERVER": "2", "SPAN_KIND_CLIENT": "3", "STATUS_CODE_ERROR": "2",
	"SPAN_KIND_UNSPECIFIED": "0", "SPAN_KIND_INTERNAL": "1", "SPAN_KIND_PRODUCER": "4", "SPAN_KIND_CONSUMER": "5",
	"STATUS_CODE_UNSET": "0", "STATUS_CODE_OK": "1"}

// nanos is the number as a time; 0 when it is none.
func (n jsonNumber) nanos() uint64 {
	v, err := strconv.ParseUint(string(n), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

func (n jsonNumber) small() int {
	v, err := strconv.ParseInt(string(n), 10, 32)
	if err != nil {
		return 0
	}
	return int(v)
}

// integer is a 64-bit number, exactly; one in another form is a float.
func (n jsonNumber) integer() any {
	if v, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return v
	}
	return n.float()
}

func (n jsonNumber) float() float64 {
	v, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// readJSON reads a request. What it will take in memory is counted before.
func (t *telemetry) readJSON(body []byte) error {
	if err := t.take(jsonParts(body)); err != nil {
		return err
	}
	var r jsonRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return fmt.Errorf("%s", jsonProblem(err, int64(len(body))))
	}
	list := r.Spans
	if t.req.Signal == Logs {
		list = r.Logs
	}
	for i := range list {
		resource := &attributes{}
		resource.fill(list[i].Resource.Attributes)
		for _, scope := range list[i].Spans {
			for j := range scope.Spans {
				t.add(scope.Spans[j].signal(resource))
			}
		}
		for _, scope := range list[i].Logs {
			for j := range scope.Records {
				t.add(scope.Records[j].signal(resource))
			}
		}
	}
	return nil
}

// jsonParts is how many objects, lists and members of them doc has at most.
func jsonParts(doc []byte) int {
	parts := 0
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '{', '[', ',':
			parts++
		case '"':
			for i++; i < len(doc) && doc[i] != '"'; i++ {
				if doc[i] == '\\' {
					i++
				}
			}
		}
	}
	return parts
}

func (j *jsonSpan) signal(resource *attributes) *signal {
	s := &signal{trace: jsonID(j.Trace, 16), span: jsonID(j.Span, 8), parent: jsonID(j.Parent, 8), name: j.Name, kind: j.Kind.small(),
		start: j.Start.nanos(), end: j.End.nanos(), status: j.Status.Code.small(), statusMessage: j.Status.Message, resource: resource}
	s.attrs.fill(j.Attributes)
	for _, e := range j.Events {
		if e.Name == "exception" {
			s.exception = attributes{}
			s.exception.fill(e.Attributes)
		}
	}
	return s
}

func (j *jsonLog) signal(resource *attributes) *signal {
	s := &signal{trace: jsonID(j.Trace, 16), span: jsonID(j.Span, 8), name: j.EventName, end: j.Time.nanos(), body: j.Body.plain(0), resource: resource}
	s.attrs.fill(j.Attributes)
	s.logged(j.Observed.nanos())
	return s
}

func (a *attributes) fill(pairs []jsonPair) {
	for i := range pairs {
		a.set(pairs[i].Key, pairs[i].Value.plain(0))
	}
}

// jsonID is an id of n bytes: in hex, as OTLP says, or in base64, as protobuf's
// own JSON has it and some exporters send.
func jsonID(id string, n int) string {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != n {
		if raw, err = base64.StdEncoding.DecodeString(id); err != nil {
			return ""
		}
	}
	return hexID(raw, n)
}

// plain is the value as encoding/json would decode it, with int64 for integers.
func (v *jsonValue) plain(depth int) any {
	switch {
	case depth > maxValueDepth:
	case v.String != nil:
		return *v.String
	case v.Bool != nil:
		return *v.Bool
	case v.Int != nil:
		return v.Int.integer()
	case v.Double != nil:
		return v.Double.float()
	case v.Bytes != nil:
		return bytesMark(len(strings.TrimRight(*v.Bytes, "=")) * 3 / 4)
	case v.Array != nil:
		list := make([]any, len(v.Array.Values))
		for i := range v.Array.Values {
			list[i] = v.Array.Values[i].plain(depth + 1)
		}
		return list
	case v.Map != nil:
		m := make(map[string]any, len(v.Map.Values))
		for i := range v.Map.Values {
			m[v.Map.Values[i].Key] = v.Map.Values[i].Value.plain(depth + 1)
		}
		return m
	}
	return nil
}
