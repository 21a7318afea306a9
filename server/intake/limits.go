package intake

import "time"

// Limits bound one record. Zero fields take the defaults.
type Limits struct {
	MaxText       int // bytes of each output, error or prompt text; default 128 KiB
	MaxParameters int // bytes of tool_parameters; default 128 KiB
	MaxDepth      int // nesting of tool_parameters; default 64
	MaxName       int // bytes of tool_name; default 256
	MaxID         int // bytes of each identifier; default 512
	MaxList       int // entries of active_files, code_entities, environment; default 256
	MaxListItem   int // bytes of each of those; default 4 KiB
	// Now is the clock for records without a timestamp; default time.Now.
	Now func() time.Time
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.MaxText, 128 << 10}, {&l.MaxParameters, 128 << 10}, {&l.MaxDepth, 64}, {&l.MaxName, 256},
		{&l.MaxID, 512}, {&l.MaxList, 256}, {&l.MaxListItem, 4 << 10},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if l.Now == nil {
		l.Now = time.Now
	}
	return l
}
