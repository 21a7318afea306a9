package server

import (
	"context"
	"time"

	"lathe/mcp"
)

// observe is told of each call of a tool that the MCP server answers.
func (d *Daemon) observe(ctx context.Context, c mcp.Call) (context.Context, func(time.Duration, bool)) {
	return ctx, func(took time.Duration, failed bool) { d.metrics.answered(c.Tool, took, failed) }
}
