package signature

import (
	"fmt"
	"regexp"
	"strings"
)

// drainBaseline is plain Drain (He et al., ICWS 2017) with the defaults of its
// best known implementation: depth 4, similarity 0.4, at most 100 children,
// and regular expressions that mask addresses, hexadecimals and numbers. It is
// here to be compared with.
type drainBaseline struct {
	root     *drainNode
	clusters int
}

type drainNode struct {
	children map[string]*drainNode
	clusters []*drainCluster
}

type drainCluster struct {
	id     string
	tokens []string
}

const (
	drainDepth, drainChildren = 4, 100
	drainSimilarity           = 0.4
)

var drainMasks = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b(?:[0-9a-f]{2,}:){3,}[0-9a-f]{2,}\b`), "<ID>"},
	{regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`), "<IP>"},
	{regexp.MustCompile(`\b[0-9a-f]{6,}(?: [0-9a-f]{6,}){3,}\b`), "<SEQ>"},
	{regexp.MustCompile(`\b[0-9A-F]{4}(?: [0-9A-F]{4}){4,}\b`), "<SEQ>"},
	{regexp.MustCompile(`\b0x[a-f0-9A-F]+\b`), "<HEX>"},
	{regexp.MustCompile(`\b[-+]?\d+\b`), "<NUM>"},
}

func newDrainBaseline() *drainBaseline { return &drainBaseline{root: &drainNode{}} }

func (d *drainBaseline) add(line string) string {
	for _, m := range drainMasks {
		line = m.re.ReplaceAllString(line, m.with)
	}
	tokens := strings.Fields(line)
	leaf := d.leaf(tokens)
	var best *drainCluster
	bestSame, bestWild := -1.0, -1
	for _, c := range leaf.clusters {
		same, wild := 0, 0
		for i, t := range c.tokens {
			if t == "<*>" {
				wild++
			} else if t == tokens[i] {
				same++
			}
		}
		if s := float64(same) / float64(max(1, len(tokens))); s > bestSame || s == bestSame && wild > bestWild {
			best, bestSame, bestWild = c, s, wild
		}
	}
	if best == nil || bestSame < drainSimilarity {
		d.clusters++
		best = &drainCluster{id: fmt.Sprint(d.clusters), tokens: tokens}
		leaf.clusters = append(leaf.clusters, best)
		return best.id
	}
	for i, t := range best.tokens {
		if t != tokens[i] {
			best.tokens[i] = "<*>"
		}
	}
	return best.id
}

// leaf follows the number of tokens and the first of them down the tree.
func (d *drainBaseline) leaf(tokens []string) *drainNode {
	n := d.root.child(fmt.Sprint(len(tokens)), 1<<30)
	for i := 0; i < drainDepth-2 && i < len(tokens); i++ {
		key := tokens[i]
		if strings.ContainsAny(key, "0123456789") {
			key = "<*>"
		}
		n = n.child(key, drainChildren)
	}
	return n
}

func (n *drainNode) child(key string, limit int) *drainNode {
	if n.children == nil {
		n.children = map[string]*drainNode{}
	}
	if c := n.children[key]; c != nil {
		return c
	}
	if len(n.children) >= limit-1 && key != "<*>" {
		return n.child("<*>", limit)
	}
	c := &drainNode{}
	n.children[key] = c
	return c
}
