package server

import (
	"slices"
	"strings"
	"testing"

	"lathe/learn"
	"lathe/toolforge/egress"
	"lathe/toolforge/sandbox"
)

// TestCallsReachTheHostsOfTheirPermissions: and an interpreter that waits
// serves no calls that may reach others.
func TestCallsReachTheHostsOfTheirPermissions(t *testing.T) {
	keys := map[string]bool{}
	for _, hosts := range [][]string{nil, {"example.org"}, {"example.org:443"}} {
		spec, _, err := callSpec(learn.ToolManifest{Name: "t", Permissions: learn.Permissions{Filesystem: "none", Network: hosts, Seconds: 1, MemoryMB: 64}}, "/root", "/tool", "")
		if err != nil || !slices.Equal(spec.Network, hosts) {
			t.Fatalf("%v: %+v, %v", hosts, spec, err)
		}
		key, err := callKey("sha256:x", spec)
		if err != nil || keys[key] {
			t.Errorf("%v: key %s, %v", hosts, key, err)
		}
		keys[key] = true
	}
}

func TestRefusedRequestsAreSaid(t *testing.T) {
	res := &sandbox.Result{Network: []egress.Request{
		{Host: "example.org:443", Address: "93.184.216.34:443", Allowed: true, Sent: 10, Received: 20},
		{Host: "other.example:443", Reason: "not among the hosts that may be reached"},
	}}
	got := networkRecord(res)
	want := []learn.NetworkRequest{
		{Host: "example.org:443", Address: "93.184.216.34:443", Allowed: true, Sent: 10, Received: 20},
		{Host: "other.example:443", Reason: "not among the hosts that may be reached"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if said := refusedRequest(res); !strings.Contains(said, `"other.example:443": not among`) {
		t.Error(said)
	}
	if said := refusedRequest(&sandbox.Result{Network: res.Network[:1]}); said != "" {
		t.Error(said)
	}
}
