package toolforge

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// NextVersion is the version after prev for a change of that kind.
func NextVersion(prev string, c Change) (string, error) {
	major, minor, patch, _, err := parseVersion(prev)
	if err != nil {
		return "", err
	}
	switch c {
	case Breaking:
		return fmt.Sprintf("%d.0.0", major+1), nil
	case Addition:
		return fmt.Sprintf("%d.%d.0", major, minor+1), nil
	}
	return fmt.Sprintf("%d.%d.%d", major, minor, patch+1), nil
}

// CompareVersions orders semantic versions by precedence (semver.org 2.0.0,
// point 11). What is no version comes before all that are.
func CompareVersions(a, b string) int {
	a1, a2, a3, preA, errA := parseVersion(a)
	b1, b2, b3, preB, errB := parseVersion(b)
	if errA != nil || errB != nil {
		return cmp.Compare(yes(errA == nil), yes(errB == nil))
	}
	if c := cmp.Or(cmp.Compare(a1, b1), cmp.Compare(a2, b2), cmp.Compare(a3, b3)); c != 0 || preA == preB {
		return c
	}
	if preA == "" || preB == "" { // a pre-release comes before its release
		return cmp.Compare(yes(preA == ""), yes(preB == ""))
	}
	return slices.CompareFunc(strings.Split(preA, "."), strings.Split(preB, "."), compareIdentifier)
}

func compareIdentifier(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	switch {
	case errX == nil && errY == nil:
		return cmp.Compare(x, y)
	case errX == nil:
		return -1 // numbers before words
	case errY == nil:
		return 1
	}
	return strings.Compare(a, b)
}

func yes(b bool) int {
	if b {
		return 1
	}
	return 0
}

func parseVersion(s string) (major, minor, patch int, pre string, err error) {
	if !version.MatchString(s) {
		return 0, 0, 0, "", fmt.Errorf("%q is no semantic version such as 1.0.0", clip(s, 40))
	}
	s, pre, _ = strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	n := [3]int{}
	for i := range n {
		if n[i], err = strconv.Atoi(parts[i]); err != nil {
			return 0, 0, 0, "", err
		}
	}
	return n[0], n[1], n[2], pre, nil
}
