package server

import (
	"path/filepath"
	"slices"
)

// ProjectNamed says which project a folder belongs to, and why.
type ProjectNamed struct {
	ID   string
	Root string // the workspace
	Why  string
	// Also are other folders that the configuration gives the same name.
	Also []string
}

// NameProject is the project of a folder, as hooks, sessions and imported
// recordings there have it.
func NameProject(folder string) ProjectNamed {
	root := ProjectRoot(filepath.Clean(folder))
	p := ProjectNamed{ID: WorkspaceProject(root), Root: root, Why: "from the path of " + root}
	if marked(root) {
		p.Why += ", the nearest folder with .git or .lathe"
	} else {
		p.Why += ", since neither it nor a folder above it has .git or .lathe"
	}
	path, err := personalFile()
	if err != nil {
		return p
	}
	values, err := readTOML(path)
	if err != nil {
		return p
	}
	named, _ := values["projects"].(map[string]any)
	if name, _ := named[root].(string); name != "" {
		p.Why = "named under [projects] in " + path
	}
	for other, name := range named {
		if name == p.ID && other != root {
			p.Also = append(p.Also, other)
		}
	}
	slices.Sort(p.Also)
	return p
}
