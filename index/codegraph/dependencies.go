package codegraph

import (
	"path"
	"strings"
)

func (g *Graph) isLocal(module string) bool {
	if len(g.byModule[module]) > 0 || g.files[path.Clean(module)] != nil || g.packages[module] != "" {
		return true
	}
	for m := range g.byModule {
		if strings.HasPrefix(m, module+".") || strings.HasPrefix(m, module+"/") {
			return true
		}
	}
	return false
}
