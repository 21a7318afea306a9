package server

import (
	"fmt"

	"lathe/learn"
	"lathe/toolforge/sandbox"
)

// networkRecord is what a call asked of the network, for its record.
func networkRecord(res *sandbox.Result) []learn.NetworkRequest {
	var out []learn.NetworkRequest
	for _, r := range res.Network {
		out = append(out, learn.NetworkRequest(r))
	}
	return out
}

// refusedRequest tells the caller of a tool that failed which host it was not
// let to, since the tool's own error seldom does.
func refusedRequest(res *sandbox.Result) string {
	for _, r := range res.Network {
		if !r.Allowed {
			return fmt.Sprintf(" (the sandbox refused %.100q: %s)", r.Host, r.Reason)
		}
	}
	return ""
}
