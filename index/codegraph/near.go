package codegraph

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Near lists names that may have been meant by one that nothing has: qualified
// names, modules and files whose last part is the same but for case, is at most
// two edits away (Levenshtein 1966; one, of short names), or begins or ends so.
func (g *Graph) Near(name string, limit int) []string {
	want := strings.ToLower(lastPart(name))
	if len(want) < 2 || len(want) > maxName {
		return nil
	}
	type near struct {
		name string
		far  int
	}
	var found []near
	g.mu.RLock()
	defer g.mu.RUnlock()
	try := func(last string, say func() string) {
		if far := distance(want, strings.ToLower(last)); far >= 0 {
			found = append(found, near{say(), far})
		}
	}
	for last, refs := range g.byName {
		try(last, func() string { return refs[0].entity().qualified })
	}
	for module := range g.byModule {
		try(lastPart(module), func() string { return module })
	}
	for base, files := range g.byBase {
		try(strings.TrimSuffix(base, path.Ext(base)), func() string { return files[0].path })
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name)) })
	var names []string
	for _, f := range found {
		if len(names) < limit && !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}

// lastPart is what stands behind the last dot, slash, hash or colon; of a file
// its name without what says its language.
func lastPart(name string) string {
	if languageOf(name) != "" {
		name = strings.TrimSuffix(name, path.Ext(name))
	}
	return name[strings.LastIndexAny(name, "./#:")+1:]
}

// distance is how far two words are apart, or -1 for too far.
func distance(a, b string) int {
	most := 2
	if len(a) < 5 {
		most = 1
	}
	if len(a) >= 4 && len(b) > len(a) && (strings.HasPrefix(b, a) || strings.HasSuffix(b, a)) {
		return most + 1
	}
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return -1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			above := row[j+1]
			swap := diagonal
			if a[i] != b[j] {
				swap++
			}
			row[j+1] = min(above+1, row[j]+1, swap)
			diagonal, least = above, min(least, row[j+1])
		}
		if least > most {
			return -1
		}
	}
	if row[len(b)] > most {
		return -1
	}
	return row[len(b)]
}
