package server

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	logscollector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	tracecollector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"lathe/learn"
	"lathe/mcp"
	"lathe/server/intake"
)

// What one export request may hold, in bytes: as it is sent, and unfolded.
const (
	maxTelemetrySent = 16 << 20
	maxTelemetryBody = 32 << 20
)

// telemetryBatch is how many records are stored at a time.
const telemetryBatch = 256

// telemetryTime is how long sending a request may take.
const telemetryTime = 20 * time.Second

// telemetryDoor takes OTLP in.
type telemetryDoor struct {
	known   *intake.Conversations
	reading chan struct{} // a place for each request that is read at the same time
}

func newTelemetryDoor() *telemetryDoor {
	return &telemetryDoor{known: intake.NewConversations(), reading: make(chan struct{}, 2)}
}

// serveOTLP mounts the receiver of traces and logs (OTLP/HTTP 1.x) on a
// listener. guard lets in who may.
func (d *Daemon) serveOTLP(mux *http.ServeMux, guard func(http.Handler) http.Handler) {
	for _, kind := range []intake.Signal{intake.Traces, intake.Logs} {
		mux.Handle("POST /v1/"+string(kind), guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.receiveOTLP(w, r, kind)
		})))
	}
	mux.Handle("POST /v1/metrics", guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "metrics are not read: set OTEL_METRICS_EXPORTER=none, and send traces and logs", http.StatusNotFound)
	})))
}

func (d *Daemon) receiveOTLP(w http.ResponseWriter, r *http.Request, kind intake.Signal) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	a := otlpAnswer{w: w, kind: kind, json: media == "application/json"}
	if err != nil || !a.json && media != "application/x-protobuf" {
		a.json = true // of what is sent, JSON is what a person reads
		a.fail(http.StatusUnsupportedMediaType, "send application/x-protobuf or application/json")
		return
	}
	select {
	case d.telemetry.reading <- struct{}{}:
		defer func() { <-d.telemetry.reading }()
	case <-r.Context().Done():
		return
	}
	// A sender that stops in the middle must not keep the place.
	ctl := http.NewResponseController(w)
	_ = ctl.SetReadDeadline(time.Now().Add(telemetryTime))
	body, code, err := telemetryBody(w, r)
	_ = ctl.SetReadDeadline(time.Time{})
	if err != nil {
		a.fail(code, err.Error())
		return
	}
	scope := telemetryScope(r)
	out, err := intake.ParseOTLP(intake.OTLPRequest{Signal: kind, JSON: a.json, Body: body, ProjectID: scope.ProjectID,
		AnyProject: scope.Import, AgentID: scope.AgentID}, d.telemetry.known)
	switch {
	case errors.Is(err, intake.ErrOTLPTooLarge):
		a.fail(http.StatusRequestEntityTooLarge, err.Error())
		return
	case err != nil:
		a.fail(http.StatusBadRequest, err.Error())
		return
	}
	stored, err := d.takeTelemetry(r.Context(), scope, &out)
	if err != nil {
		// Exporters keep what they sent and try again.
		w.Header().Set("Retry-After", "1")
		a.fail(http.StatusServiceUnavailable, err.Error())
		return
	}
	d.metrics.telemetry(kind, stored, &out)
	a.done(out.Refused)
}

// telemetryScope is what the sender may write to: on the socket, which is this
// user's alone, everything.
func telemetryScope(r *http.Request) mcp.Scope {
	if trusted, _ := r.Context().Value(trustedKey{}).(bool); trusted {
		return mcp.Scope{Import: true}
	}
	return requestScope(r)
}

// telemetryBody reads the body, unfolded. The code says what is wrong with it.
func telemetryBody(w http.ResponseWriter, r *http.Request) ([]byte, int, error) {
	var in io.Reader = http.MaxBytesReader(w, r.Body, maxTelemetrySent)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("the body is not gzip: %w", err)
		}
		in = z
	default:
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("the encoding %.40q is not read: use gzip or none", encoding)
	}
	body, err := io.ReadAll(io.LimitReader(in, maxTelemetryBody+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || len(body) > maxTelemetryBody:
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("a request has at most %d MiB, unfolded %d: let the exporter send smaller batches", maxTelemetrySent>>20, maxTelemetryBody>>20)
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("read the body: %w", err)
	}
	return body, 0, nil
}

// takeTelemetry stores what a request says, through the door that all records
// take, and returns how many are in the log. What the door refuses is added to
// out.Refused.
func (d *Daemon) takeTelemetry(ctx context.Context, scope mcp.Scope, out *intake.OTLPResult) (stored int, err error) {
	if scope.Import { // who may write to any project may be told which by a folder
		nameFolders(out.Records)
	}
	for from := 0; from < len(out.Records); from += telemetryBatch {
		batch := out.Records[from:min(from+telemetryBatch, len(out.Records))]
		receipt, _, err := d.take(ctx, batch)
		if err != nil {
			return stored, fmt.Errorf("store the telemetry: %w", err)
		}
		for _, r := range receipt.Rejected {
			out.Refused = append(out.Refused, intake.Rejection{Index: out.Items[from+r.Index], Reason: r.Reason})
		}
		stored += receipt.Accepted + receipt.Duplicates
	}
	return stored, nil
}

// nameFolders gives calls that say in which folder they were made its project.
func nameFolders(recs []learn.Record) {
	for i := range recs {
		if a := recs[i].Action; a != nil && a.ContextSnapshot.CWD != "" {
			a.ProjectID = projectOfFolder(a.ContextSnapshot.CWD, a.ProjectID)
		}
	}
}

// otlpAnswer answers in the encoding of the request.
type otlpAnswer struct {
	w    http.ResponseWriter
	kind intake.Signal
	json bool
}

func (a otlpAnswer) send(code int, body []byte) {
	media := "application/x-protobuf"
	if a.json {
		media = "application/json"
	}
	a.w.Header().Set("Content-Type", media)
	a.w.WriteHeader(code)
	_, _ = a.w.Write(body) // the client is gone if this fails
}

// done says that all but the refused is stored.
func (a otlpAnswer) done(refused []intake.Rejection) {
	reason := refusedWhy(refused)
	var m proto.Message
	if a.kind == intake.Logs {
		r := &logscollector.ExportLogsServiceResponse{}
		if reason != "" {
			r.PartialSuccess = &logscollector.ExportLogsPartialSuccess{RejectedLogRecords: int64(len(refused)), ErrorMessage: reason}
		}
		m = r
	} else {
		r := &tracecollector.ExportTraceServiceResponse{}
		if reason != "" {
			r.PartialSuccess = &tracecollector.ExportTracePartialSuccess{RejectedSpans: int64(len(refused)), ErrorMessage: reason}
		}
		m = r
	}
	encode := proto.Marshal
	if a.json {
		encode = protojson.Marshal
	}
	body, err := encode(m)
	if err != nil {
		a.fail(http.StatusInternalServerError, err.Error())
		return
	}
	a.send(http.StatusOK, body)
}

// fail answers with a google.rpc.Status, of which the message is field 2.
func (a otlpAnswer) fail(code int, message string) {
	message = strings.ToValidUTF8(message, "?")
	if a.json {
		body, _ := json.Marshal(map[string]string{"message": message}) // strings always can be
		a.send(code, body)
		return
	}
	body := binary.AppendUvarint([]byte{2<<3 | 2}, uint64(len(message)))
	a.send(code, append(body, message...))
}

// refusedWhy says in short why items were refused: each reason once.
func refusedWhy(refused []intake.Rejection) string {
	times := map[string]int{}
	for _, r := range refused {
		times[r.Reason]++
	}
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(times)) {
		if len(out) == 5 {
			out = append(out, fmt.Sprintf("and %d more reasons", len(times)-5))
			break
		}
		out = append(out, fmt.Sprintf("%.300s (%d)", reason, times[reason]))
	}
	return strings.ToValidUTF8(strings.Join(out, "; "), "?")
}
