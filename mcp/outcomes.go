package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"lathe/learn"
)

// maxBatch bounds the outcomes of one record_outcome call.
const maxBatch = 1000

type outcomesInput struct {
	Outcomes []json.RawMessage `json:"outcomes"`
}

// outcomeSchema is what an outcome must be. It is written out, since agents
// fill in a small part of an ActionOutcome.
const outcomeSchema = `{"type":"object","required":["tool_name","status"],"properties":{
"call_id":{"type":"string","description":"the agent's id of the call: the same call reported twice counts once"},
"timestamp":{"type":"string","description":"RFC 3339; now when absent"},"session_id":{"type":"string"},"task_id":{"type":"string"},"plan_id":{"type":"string"},"step_id":{"type":"string"},
"tool_name":{"type":"string","minLength":1},"tool_parameters":{"description":"as the tool was called; a shell call has its line under command"},
"tool_output":{"type":"object","properties":{"stdout":{"type":"string"},"stderr":{"type":"string"},"exit_code":{"type":"integer"},"content":{"type":"string"}}},
"status":{"enum":["success","failure","timeout","interrupted"]},
"error_details":{"type":"object","properties":{"message":{"type":"string"},"code":{"type":"string"},"stack_trace":{"type":"string"}}},
"resource_metrics":{"type":"object"},"context_snapshot":{"type":"object"}}}`

func (s *Server) recordOutcome() server.ServerTool {
	var item map[string]any
	if err := json.Unmarshal([]byte(outcomeSchema), &item); err != nil {
		panic("mcp: " + err.Error())
	}
	list := map[string]any{"type": "array", "minItems": 1.0, "maxItems": float64(maxBatch), "description": "tool calls and how they ended"}
	input := map[string]any{"type": "object", "required": []any{"outcomes"}, "properties": map[string]any{"outcomes": list}}
	outcome := mustChecker(item)
	// The call is checked without the items' schema, which clients are told:
	// a malformed outcome is to cost only itself.
	tool := ownWith("record_outcome", "Report how tool calls ended, so that later sessions learn from them. Not needed for calls that Lathe sees itself (gateway, hooks).",
		hints("Record outcomes", false, false, true, false), input,
		func(ctx context.Context, _ mcp.CallToolRequest, in outcomesInput) (RecordResult, error) {
			return s.record(ctx, in.Outcomes, outcome)
		})
	list["items"] = item
	tool.Tool.RawInputSchema = encode(input)
	return tool
}

// record passes on what can be read of a batch and says what cannot, by the
// index in the batch.
func (s *Server) record(ctx context.Context, outcomes []json.RawMessage, c *checker) (RecordResult, error) {
	var good []learn.ActionOutcome
	var index []int
	out := RecordResult{Rejected: []Rejected{}}
	for i, raw := range outcomes {
		ev, err := readOutcome(raw, c)
		if err != nil {
			out.Rejected = append(out.Rejected, Rejected{Index: i, Reason: fmt.Sprintf("not an ActionOutcome: %v", err)})
			continue
		}
		good, index = append(good, ev), append(index, i)
	}
	if len(good) == 0 {
		return out, nil
	}
	res, err := s.backend.RecordOutcomes(ctx, ScopeOf(ctx), good)
	if err != nil {
		return RecordResult{}, err
	}
	out.Accepted, out.Duplicates = res.Accepted, res.Duplicates
	for _, r := range res.Rejected {
		if r.Index < 0 || r.Index >= len(index) {
			return RecordResult{}, errors.New("Lathe refused an outcome that it was not given")
		}
		out.Rejected = append(out.Rejected, Rejected{Index: index[r.Index], Reason: r.Reason})
	}
	for _, a := range res.Advice {
		if a.Index < 0 || a.Index >= len(index) {
			return RecordResult{}, errors.New("Lathe advised on an outcome that it was not given")
		}
		a.Index = index[a.Index]
		out.Advice = append(out.Advice, a)
	}
	slices.SortFunc(out.Rejected, func(a, b Rejected) int { return a.Index - b.Index })
	return out, nil
}

func readOutcome(raw json.RawMessage, c *checker) (ev learn.ActionOutcome, err error) {
	fields, err := decode(raw)
	if err != nil {
		return ev, err
	}
	clean, err := c.check(fields)
	if err != nil {
		return ev, err
	}
	err = json.Unmarshal(clean, &ev)
	return ev, err
}
