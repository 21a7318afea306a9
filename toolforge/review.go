package toolforge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"lathe/learn"
)

// maxDiff bounds the diff of a review request, in bytes.
const maxDiff = 256 << 10

// ReviewRequest puts together what a person decides on. previous is the
// version in use, or nil. It fails when the validation is about other
// content than the tool has.
func ReviewRequest(tool learn.ProposedTool, validation learn.ValidationResult, previous *learn.ProposedTool) (learn.ToolReviewRequest, error) {
	h, err := ContentHash(tool)
	if err != nil {
		return learn.ToolReviewRequest{}, err
	}
	if h != tool.ContentHash || h != validation.ContentHash {
		return learn.ToolReviewRequest{}, fmt.Errorf("review of %s: the content hash is %s, the tool says %s and the validation %s; validate it again",
			tool.Manifest.Name, h, tool.ContentHash, validation.ContentHash)
	}
	r := learn.ToolReviewRequest{
		ReviewID: learn.UUIDv8("review", tool.ToolID, h), Tool: tool, Validation: validation,
		PermissionsWords: PermissionsInWords(tool.Manifest.Permissions),
		Summary:          summary(tool, validation, previous),
		Rationale:        rationale(tool), Evidence: slices.Clone(tool.Manifest.Provenance.Evidence),
	}
	if words := DependenciesInWords(tool.Manifest); words != "" {
		r.PermissionsWords += " " + words
		r.Summary += words + "\n"
	}
	if previous != nil {
		if r.Diff, err = diff(*previous, tool); err != nil {
			return r, err
		}
	}
	return r, nil
}

func summary(tool learn.ProposedTool, v learn.ValidationResult, previous *learn.ProposedTool) string {
	var b strings.Builder
	m := tool.Manifest
	fmt.Fprintf(&b, "%s %s: %s\n", m.Name, m.Version, m.Description)
	if previous != nil {
		fmt.Fprintf(&b, "Replaces version %s.\n", previous.Manifest.Version)
	}
	verdict := "refused"
	if v.Passed {
		verdict = "passed"
	}
	fmt.Fprintf(&b, "Validation %s: score %.2f, risk %s, %d tests passed, %d failed, coverage %.0f %%, %.0f ms cold, %.0f ms warm, %.0f MB.\n",
		verdict, v.Score, v.Risk, v.TestsPassed, v.TestsFailed, 100*v.Coverage, v.ColdMS, v.WarmMS, v.MemoryMB)
	for _, c := range v.Checks {
		if !c.Passed {
			fmt.Fprintf(&b, "Failed: %s: %s\n", c.Name, c.Summary)
		}
	}
	for _, d := range v.Degradations {
		fmt.Fprintf(&b, "Not enforced while validating: %s\n", d)
	}
	return b.String()
}

func rationale(tool learn.ProposedTool) string {
	n := len(tool.Manifest.Provenance.Evidence)
	switch {
	case tool.Spec.CommandTemplate != "" && n > 0:
		return fmt.Sprintf("Agents typed this again and again (%d calls as evidence): %s", n, tool.Spec.CommandTemplate)
	case tool.Spec.CommandTemplate != "":
		return "Asked for; does the same as: " + tool.Spec.CommandTemplate
	}
	if n > 0 {
		return fmt.Sprintf("%d recorded calls did by hand what it does; some are listed as evidence.", n)
	}
	return "Made by a person or another program."
}

// diff is a unified diff over all files, tool.json included.
func diff(from, to learn.ProposedTool) (string, error) {
	a, err := texts(from)
	if err != nil {
		return "", err
	}
	b, err := texts(to)
	if err != nil {
		return "", err
	}
	names := maps.Clone(a)
	maps.Copy(names, b)
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: difflib.SplitLines(a[name]), B: difflib.SplitLines(b[name]),
			FromFile: from.Manifest.Version + "/" + name, ToFile: to.Manifest.Version + "/" + name, Context: 3,
		})
		if err != nil {
			return "", fmt.Errorf("diff of %s: %w", name, err)
		}
		out.WriteString(d)
		if out.Len() > maxDiff {
			return clip(out.String(), maxDiff) + "\n(cut: the diff is longer than 256 KiB)\n", nil
		}
	}
	return out.String(), nil
}

func texts(tool learn.ProposedTool) (map[string]string, error) {
	all := maps.Clone(tool.Files)
	if all == nil {
		all = map[string]string{}
	}
	raw, err := manifestJSON(tool)
	if err != nil {
		return nil, fmt.Errorf("tool.json of %s: %w", tool.Manifest.Name, err)
	}
	all["tool.json"] = string(raw)
	return all, nil
}
