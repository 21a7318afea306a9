package sandbox

// Timing is how long one way to run a small Python program takes, in
// milliseconds, and what it needs.
type Timing struct {
	Way  string `json:"way"`
	Cold *Lap   `json:"cold,omitempty"`
	Warm *Lap   `json:"warm,omitempty"` // a call after the one before was cleaned up
	// MemoryMB is the most that a run in a sandbox had.
	MemoryMB float64 `json:"memory_mb,omitempty"`
	// WaitingMB is the memory of an interpreter that waits for calls.
	WaitingMB float64 `json:"waiting_mb,omitempty"`
	NotRun    string  `json:"not_run,omitempty"` // why not
}

// Lap is the median and the 95th percentile, and the median as a multiple of
// starting /bin/true in the same run.
type Lap struct {
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
	True float64 `json:"times_true"`
}
