package toolforge

import (
	"encoding/json"
	"slices"
	"strings"

	"lathe/learn"
)

// recordedValues are the values that a parameter had in the examples.
func recordedValues(name string, examples []learn.ToolExample) []any {
	var values []any
	for _, e := range examples {
		var args map[string]any
		if json.Unmarshal(e.Arguments, &args) != nil {
			continue
		}
		if v, ok := args[name]; ok && !slices.Contains(values, v) {
			switch v.(type) {
			case string, float64:
				values = append(values, v)
			}
		}
	}
	return values
}

// recordedText is a file in which the recorded values are found, so that
// recorded patterns match something.
func recordedText(examples []learn.ToolExample) string {
	var b strings.Builder
	for _, e := range examples {
		var args map[string]any
		if json.Unmarshal(e.Arguments, &args) != nil {
			continue
		}
		var lines []string
		for _, v := range args {
			if s, ok := v.(string); ok && len(s) <= 200 {
				lines = append(lines, s+"\n    after "+s+" on a line\n")
			}
		}
		slices.Sort(lines)
		b.WriteString(strings.Join(lines, ""))
	}
	return b.String()
}
