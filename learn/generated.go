package learn

// ToolVersion is one version of a generated tool in one tenure: the time from
// when it came to be served until it is not any more.
type ToolVersion struct {
	Version  string `json:"version"`
	Digest   string `json:"digest"`    // of its image
	ReviewID string `json:"review_id"` // that approved it
	Tenure   string `json:"tenure"`    // id of the ledger entry that began it
}

// GeneratedCall says which version of a tool a call went to, and all that the
// decisions about versions rest on, so that they follow from the log alone.
type GeneratedCall struct {
	ToolVersion
	// Trial is set while a new version takes a share of the calls, each of which
	// is drawn on its own.
	Trial *VersionTrial `json:"trial,omitempty"`
	// Fallback is what would be served if this version were withdrawn.
	Fallback *ToolVersion `json:"fallback,omitempty"`
	// Network is what the call asked of the network, the first requests, and
	// NetworkMore how many more there were.
	Network     []NetworkRequest `json:"network,omitempty"`
	NetworkMore int              `json:"network_more,omitempty"`
}

// NetworkRequest is what a tool asked once of the proxy that lets it reach the
// hosts of its permissions, and nothing else.
type NetworkRequest struct {
	Host     string `json:"host"`              // with the port, as asked for
	Address  string `json:"address,omitempty"` // that was connected to
	Allowed  bool   `json:"allowed"`
	Reason   string `json:"reason,omitempty"` // why it was refused, or failed
	Sent     int64  `json:"sent"`             // bytes to the host
	Received int64  `json:"received"`
}

// VersionTrial is a new version beside the one that is served.
type VersionTrial struct {
	Candidate ToolVersion `json:"candidate"`
	Share     float64     `json:"share"` // probability that a call goes to it
}
