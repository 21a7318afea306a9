package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lathe/learn"
	"lathe/mcp"
	"lathe/server/review"
	"lathe/toolforge"
)

func (b backend) RequestTool(ctx context.Context, s mcp.Scope, r mcp.ToolRequest, progress func(done, total float64, message string)) (mcp.ToolRequestResult, error) {
	if err := b.d.mayPropose(review.ToolKind(authorAgent)); err != nil {
		return mcp.ToolRequestResult{}, err
	}
	done := 0.0
	forged, err := b.d.request(ctx, RequestCall{ToolRequest: r, ProjectID: s.ProjectID}, "", func(c learn.Check) {
		done++
		progress(done, toolforge.Gates, c.Name+": "+c.Summary)
	})
	if err != nil {
		return mcp.ToolRequestResult{}, err
	}
	out := mcp.ToolRequestResult{ReviewID: forged.ReviewID, State: string(learn.StateInReview), Result: &forged.Validation,
		Message: forged.Tool.Manifest.Name + " passed its validation and waits for a person: `lathe review show " + forged.ReviewID + "`"}
	if forged.ReviewID == "" {
		out.State, out.Message = string(learn.StateRejected), forged.Tool.Manifest.Name+" did not pass its validation: "+failedChecks(forged.Validation)
	}
	return out, nil
}

func failedChecks(v learn.ValidationResult) string {
	var out []string
	for _, c := range v.Checks {
		if !c.Passed {
			out = append(out, c.Name+" ("+c.Summary+")")
		}
	}
	return strings.Join(out, ", ")
}

// RunTool runs a generated tool and records the call like any other.
func (b backend) RunTool(ctx context.Context, s mcp.Scope, name string, arguments json.RawMessage) (mcp.ToolRun, error) {
	release, err := b.d.enter()
	if err != nil {
		return mcp.ToolRun{}, err
	}
	defer release()
	began := time.Now().UTC()
	t, res, err := b.d.forge.run(ctx, name, s.Root, arguments)
	if err != nil {
		return mcp.ToolRun{}, err
	}
	out := mcp.ToolRun{Name: t.manifest.Name, Version: t.manifest.Version, Digest: t.manifest.Digest,
		DurationMS: float64(res.Wall.Microseconds()) / 1000, Notice: t.notice()}
	status := learn.StatusSuccess
	answer := strings.TrimSpace(string(res.Stdout))
	switch {
	case res.Limit == "wall":
		out.Error, status = fmt.Sprintf("it ran longer than its %.0f seconds", t.manifest.Permissions.Seconds), learn.StatusTimeout
	case res.Limit != "":
		out.Error, status = "it reached its limit of "+res.Limit, learn.StatusFailure
	case !json.Valid([]byte(answer)):
		out.Error, status = fmt.Sprintf("it ended with %d and printed no JSON: %.300q", res.ExitCode, string(res.Stderr)), learn.StatusFailure
	case res.ExitCode != 0:
		out.Error, out.Result, status = toolError(answer), json.RawMessage(answer), learn.StatusFailure
	default:
		out.Result = json.RawMessage(answer)
	}
	exit := res.ExitCode
	generated := t.generated
	generated.Network, generated.NetworkMore = networkRecord(res), res.Unlisted
	if out.Error != "" {
		out.Error += refusedRequest(res)
	}
	ev := learn.ActionOutcome{CallID: fmt.Sprintf("run-%d", began.UnixNano()), Timestamp: began, ProjectID: s.ProjectID, SessionID: s.SessionID,
		AgentID: s.AgentID, Source: learn.SourceGateway, ActionType: learn.ToolCall, ToolName: name, ToolParameters: arguments,
		ToolOutput: learn.ToolOutput{Content: answer, Stderr: string(res.Stderr), ExitCode: &exit}, Status: status,
		ResourceMetrics: learn.ResourceMetrics{DurationMS: out.DurationMS, MemoryUsageMB: float64(res.MaxRSS) / (1 << 20)},
		ContextSnapshot: learn.ContextSnapshot{CWD: s.Root}, Generated: &generated}
	if ev.ProjectID == "" {
		ev.ProjectID = "none"
	}
	if ev.SessionID == "" {
		ev.SessionID = "run"
	}
	if out.Error != "" {
		ev.ErrorDetails = &learn.ErrorDetails{Message: out.Error}
	}
	if _, err := b.d.acceptOwn(ctx, []learn.Record{{Action: &ev}}); err != nil {
		b.d.logger.Error("a tool's call could not be recorded", "tool", name, "err", err)
	}
	return out, nil
}

func toolError(answer string) string {
	var v struct {
		Error struct{ Type, Message string }
	}
	if json.Unmarshal([]byte(answer), &v) == nil && v.Error.Message != "" {
		return v.Error.Type + ": " + v.Error.Message
	}
	return "it failed"
}
