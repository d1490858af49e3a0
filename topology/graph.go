package topology

import (
	"fmt"
	"strings"

	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
)

// graph is the topology as nodes and arrows, in the order in which declarations mention them.
type graph struct {
	nodes  []node
	arrows []arrow
}

// node is a shape with a name and, below it, what is derived from the name: the topic of an internal stream or of a changelog,
// and the proof class of a processor.
type node struct {
	kind    nodeKind
	label   string
	derived string // "" for none
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
		this := g.node(processorNode, p.Name, "proof: "+ProofOf(p).String())
		for _, in := range p.Inputs {
			g.arrows = append(g.arrows, arrow{g.stream(t.name, p, in.Stream), this})
		}
		for _, own := range p.Owns {
			g.arrows = append(g.arrows, arrow{this, g.table(t, own)})
		}
		for _, d := range foreign(p) {
			g.arrows = append(g.arrows, arrow{g.table(t, d), this})
		}
		for _, s := range p.Emits {
			g.arrows = append(g.arrows, arrow{this, g.stream(t.name, p, s)})
		}
	}
	return g
}

func (g *graph) stream(app string, p *decl.Processor, s *decl.Stream) int {
	if s.Internal {
		return g.node(internalNode, s.Name, number(names.Internal(app, p.Name, s.Name, 1)))
	}
	return g.node(streamNode, s.Name, "")
}

func (g *graph) table(t *Topology, d *decl.Table) int {
	if owner := t.Owner(d.Name); !d.Topic && owner != nil {
		return g.node(tableNode, d.Name, number(names.Changelog(t.name, owner.Name, d.Name, 1)))
	}
	return g.node(tableNode, d.Name, "")
}

// node finds a node or adds it.
func (g *graph) node(kind nodeKind, label, derived string) int {
	for i, n := range g.nodes {
		if n.kind == kind && n.label == label && n.derived == derived {
			return i
		}
	}
	g.nodes = append(g.nodes, node{kind, label, derived})
	return len(g.nodes) - 1
}

// mermaid writes what Markdown viewers draw. Names are letters, digits, - _ and dots; only the <N> of an edition needs an escape.
func (g *graph) mermaid() string {
	shapes := map[nodeKind]string{streamNode: "n%d([%s])\n", internalNode: "n%d([%s])\n", processorNode: "n%d[%s]\n", tableNode: "n%d[(%s)]\n"}
	escape := strings.NewReplacer("<", "&lt;", ">", "&gt;")
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range g.nodes {
		label := n.label
		if n.derived != "" {
			label = `"` + label + "<br/>" + escape.Replace(n.derived) + `"`
		}
		fmt.Fprintf(&b, "  "+shapes[n.kind], i, label)
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
		label := n.label
		if n.derived != "" {
			label += "\n" + n.derived
		}
		fmt.Fprintf(&b, "  n%d [label=%q, shape=%s]\n", i, label, shapes[n.kind])
	}
	for _, a := range g.arrows {
		fmt.Fprintf(&b, "  n%d -> n%d\n", a.from, a.to)
	}
	b.WriteString("}\n")
	return b.String()
}
