package codegraph

func (g *Graph) load() error { return nil }
