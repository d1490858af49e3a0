package topology_test

import (
	"errors"
	"fmt"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

var (
	visits = processor.NewStream("visits", codec.String, codec.String)
	pages  = processor.NewTable("last-page", codec.String, codec.String)
)

func keep(ctx processor.Context, user, page string) error {
	pages.Put(ctx, user, page)
	return nil
}

// New reports every fault of all processors at once.
func ExampleNew() {
	_, err := topology.New("site",
		processor.New("first", processor.On(visits, keep), processor.Owns(pages)),
		processor.New("second", processor.On(visits, keep), processor.Owns(pages)),
		processor.New("third"))
	var faults *topology.Faults
	fmt.Println(errors.As(err, &faults))
	fmt.Println(err)
	// Output:
	// true
	// application site: 2 faults
	// 	example_test.go:27: processor third has no input: add On
	// 	example_test.go:26: table last-page has two owners, processors first and second: it can have one
}

// MustNew is for package variables: a fault shows when the program starts.
func ExampleMustNew() {
	app := topology.MustNew("site", processor.New("last-page", processor.On(visits, keep), processor.Owns(pages)))
	fmt.Println(app.Name())
	// Output: site
}

func ExampleTopology_Describe() {
	app := topology.MustNew("site", processor.New("last-page", processor.On(visits, keep), processor.Owns(pages)))
	fmt.Print(app.Describe(topology.Text))
	// Output:
	// application site
	//   control    site.control
	//
	// processor last-page, version 1
	//   consumes   visits: string to string, by murmur2
	//   owns       last-page: string to string, changelog site.last-page.last-page.e<N>
	//   starts at  beginning
	//   on error   stop
	//   group      site.last-page.e<N>
	//   journal    site.last-page.journal
	//   proof      exact: a rebuild gives equal tables, or names the first keys that differ
}

// Markdown viewers draw it.
func ExampleTopology_Describe_mermaid() {
	app := topology.MustNew("site", processor.New("last-page", processor.On(visits, keep), processor.Owns(pages)))
	fmt.Print(app.Describe(topology.Mermaid))
	// Output:
	// flowchart LR
	//   n0["last-page<br/>proof: exact"]
	//   n1([visits])
	//   n2[("last-page<br/>site.last-page.last-page.e&lt;N&gt;")]
	//   n1 --> n0
	//   n0 --> n2
}
