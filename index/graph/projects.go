package graph

import "slices"

// nobody is the number of a project that the graph does not know: it sees what
// belongs to all, and nothing else.
const nobody = ^uint32(0)

// projects numbers the projects that nodes and edges belong to; number 0 is
// none, "". Numbers of projects that nothing mentions any more are used again.
type projects struct {
	byName map[string]uint32
	list   []project
	free   []uint32
	fresh  []uint32 // taken in the change under way
}

type project struct {
	name    string
	refs    int // nodes of the project, and other nodes that it observed
	learned int // of refs, without the nodes that only the code knows of
}

func newProjects() projects {
	return projects{byName: map[string]uint32{"": 0}, list: []project{{}}}
}

func (p *projects) known() int { return len(p.byName) - 1 }

// names are those of the projects that something learned mentions, sorted; the
// first is "".
func (p *projects) names() []string {
	list := make([]string, 0, len(p.byName))
	for name, n := range p.byName {
		if n == 0 || p.list[n].learned > 0 {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// number of a project, which is made known when it is not.
func (p *projects) number(name string) uint32 {
	if n, ok := p.byName[name]; ok {
		return n
	}
	var n uint32
	if k := len(p.free); k > 0 {
		n, p.free = p.free[k-1], p.free[:k-1]
	} else {
		n = uint32(len(p.list))
		p.list = append(p.list, project{})
	}
	p.list[n] = project{name: name}
	p.byName[name] = n
	p.fresh = append(p.fresh, n)
	return n
}

// scope is the number of a project that asks: 0 for "", which sees all.
func (p *projects) scope(name string) uint32 {
	if n, ok := p.byName[name]; ok {
		return n
	}
	return nobody
}

func (p *projects) hold(n uint32, learned bool) {
	p.list[n].refs++
	if learned {
		p.list[n].learned++
	}
}

func (p *projects) release(n uint32, learned bool) {
	if learned {
		p.list[n].learned--
	}
	if p.list[n].refs--; p.list[n].refs == 0 {
		p.fresh = append(p.fresh, n) // sweep decides
	}
}

func (p *projects) sweep() {
	for _, n := range p.fresh {
		if n != 0 && p.list[n].refs == 0 && p.list[n].name != "" {
			delete(p.byName, p.list[n].name)
			p.list[n] = project{}
			p.free = append(p.free, n)
		}
	}
	p.fresh = p.fresh[:0]
}
