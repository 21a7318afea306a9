package server

import "lathe/learn"

// DistinctFixes leaves out of a list of remedies those that say the same for the
// same failures as one before: a remedy is known for a pattern of errors and for
// each error of it, and, once two projects met it, for all projects. The order
// stays.
func DistinctFixes(all []learn.Remedy) []learn.Remedy {
	type same struct {
		pattern, project, does string
		support                int
	}
	seen := map[same]bool{}
	var out []learn.Remedy
	for _, r := range all {
		key := same{r.PatternID, r.ProjectID, r.Description, 0}
		elsewhere := same{r.PatternID, "any", r.Description, r.Support}
		if seen[key] || r.ProjectID == "" && seen[elsewhere] {
			continue
		}
		seen[key] = true
		if r.ProjectID != "" {
			seen[elsewhere] = true
		}
		out = append(out, r)
	}
	return out
}
