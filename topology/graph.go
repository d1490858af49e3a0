package topology

import (
	"fmt"
	"strings"
)

// graph is the topology as nodes and arrows, in the order in which declarations mention them.
type graph struct {
	nodes  []node
	arrows []arrow
}

type node struct {
	kind  nodeKind
	label string
}

type nodeKind int8

const (
	streamNode nodeKind = iota
	internalNode
	processorNode
	tableNode
)

type arrow struct{ from, to int }

func (t *Topology) graph() *graph {
	g := &graph{}
	for _, p := range t.processors {
		this := g.node(processorNode, p.Name)
		for _, in := range p.Inputs {
			g.arrows = append(g.arrows, arrow{g.stream(in.Stream.Name, in.Stream.Internal), this})
		}
		for _, own := range p.Owns {
			g.arrows = append(g.arrows, arrow{this, g.node(tableNode, own.Name)})
		}
		for _, d := range foreign(p) {
			g.arrows = append(g.arrows, arrow{g.node(tableNode, d.Name), this})
		}
		for _, s := range p.Emits {
			g.arrows = append(g.arrows, arrow{this, g.stream(s.Name, s.Internal)})
		}
	}
	return g
}

func (g *graph) stream(name string, internal bool) int {
	if internal {
		return g.node(internalNode, name)
	}
	return g.node(streamNode, name)
}

// node finds a node or adds it.
func (g *graph) node(kind nodeKind, label string) int {
	for i, n := range g.nodes {
		if n.kind == kind && n.label == label {
			return i
		}
	}
	g.nodes = append(g.nodes, node{kind, label})
	return len(g.nodes) - 1
}

// mermaid writes what Markdown viewers draw. Names need no escape: they are letters, digits, - _ and dots.
func (g *graph) mermaid() string {
	shapes := map[nodeKind]string{streamNode: "n%d([%s])\n", internalNode: "n%d([%s])\n", processorNode: "n%d[%s]\n", tableNode: "n%d[(%s)]\n"}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range g.nodes {
		fmt.Fprintf(&b, "  "+shapes[n.kind], i, n.label)
	}
	for _, a := range g.arrows {
		line := "-->"
		if g.nodes[a.from].kind == internalNode || g.nodes[a.to].kind == internalNode {
			line = "-.->"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", a.from, line, a.to)
	}
	return b.String()
}

// dot writes what Graphviz draws.
func (g *graph) dot(app string) string {
	shapes := map[nodeKind]string{streamNode: "oval", internalNode: "oval, style=dashed", processorNode: "box", tableNode: "cylinder"}
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n  rankdir=LR\n", app)
	for i, n := range g.nodes {
		fmt.Fprintf(&b, "  n%d [label=%q, shape=%s]\n", i, n.label, shapes[n.kind])
	}
	for _, a := range g.arrows {
		fmt.Fprintf(&b, "  n%d -> n%d\n", a.from, a.to)
	}
	b.WriteString("}\n")
	return b.String()
}
