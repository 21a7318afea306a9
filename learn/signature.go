package learn

// ErrorPattern is a class of errors: one of the library, or mined online.
type ErrorPattern struct {
	ID           string   `json:"id"` // "python/module-not-found", or "mined/<hex>"
	Name         string   `json:"name"`
	Regexp       string   `json:"regexp,omitempty"`
	Template     string   `json:"template,omitempty"` // of a mined pattern
	Captures     []string `json:"captures,omitempty"`
	CommonCauses []string `json:"common_causes,omitempty"`
	Hints        []string `json:"hints,omitempty"` // canned remedies in words, with {capture}; offered as hints only
	Language     string   `json:"language,omitempty"`
	Transient    bool     `json:"is_transient"`
	Generic      bool     `json:"is_generic,omitempty"` // it tells that something failed, not what
}

// ErrorSignature is one normalised failure in one output.
type ErrorSignature struct {
	// ID is stable across runs and machines for the same pattern and the same
	// kind of failure: it groups. For a library pattern it is made from the
	// pattern's kind, which several patterns may share, and its grouping
	// captures; what tests raised is of the kind of the run's verdict. For a
	// mined one it is made from the template's identity.
	ID        string            `json:"id"`
	PatternID string            `json:"pattern_id"`
	Name      string            `json:"name"`
	Template  string            `json:"template"` // the normalised text
	Salient   string            `json:"salient"`  // the line it was read from, cut to 400 bytes
	Captures  map[string]string `json:"captures,omitempty"`
	Language  string            `json:"language,omitempty"`
	Transient bool              `json:"is_transient"`
	Entities  []Entity          `json:"entities,omitempty"`
	// File and Line are the innermost place in the project that the output
	// names, when it does.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}
