package topology

import (
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
)

// checkTables: a name is one table, and a table has one owner.
func (t *Topology) checkTables() (faults []error) {
	type owned struct {
		table *decl.Table
		by    *decl.Processor
	}
	seen := map[string]owned{}
	for _, p := range t.processors {
		for _, own := range p.Owns {
			if own.Topic {
				continue // checkForeign says that it cannot be owned
			}
			first, again := seen[own.Name]
			switch {
			case !again:
				seen[own.Name] = owned{own, p}
				faults = append(faults, checkTable(own)...)
			case first.table != own:
				faults = append(faults, fault(own.Site, "table %s is declared twice, first at %s: rename one, or share the handle", own.Name, first.table.Site))
				faults = append(faults, checkTable(own)...)
			case first.by == p:
				faults = append(faults, fault(p.Site, "processor %s: Owns names table %s twice", p.Name, own.Name))
			default:
				faults = append(faults, fault(p.Site, "table %s has two owners, processors %s and %s: it can have one", own.Name, first.by.Name, p.Name))
			}
		}
	}
	return faults
}

func checkTable(own *decl.Table) (faults []error) {
	for _, err := range own.Faults {
		faults = append(faults, fault(own.Site, "table %s: %w", own.Name, err))
	}
	if err := names.Check(own.Name); err != nil {
		faults = append(faults, fault(own.Site, "table: %w", err))
	}
	return faults
}
