package flights

import "github.com/millrun/millrun/examples/internal/rows"

// Check is one fact that is known beforehand, beside what was found. Expected and Got are both an int64 or both a string.
type Check = rows.Check

// NewCheck compares two values.
func NewCheck[T comparable](what string, expected, got T) Check {
	return rows.NewCheck(what, expected, got)
}

// Checks compares the tables with what is published about the data: the answers were counted from the source with
// another program and in another language.
func (t Tables) Checks() []Check {
	all, planes := sum(t.Carriers), sum(t.Planes)
	day := busiest(t.AirportDays)
	return []Check{
		NewCheck("flights", int64(Records), all.Flights),
		NewCheck("flights from EWR", int64(120_835), t.Airports["EWR"].Flights),
		NewCheck("flights from JFK", int64(111_279), t.Airports["JFK"].Flights),
		NewCheck("flights from LGA", int64(104_662), t.Airports["LGA"].Flights),
		NewCheck("flights of UA", int64(58_665), t.Carriers["UA"].Flights),
		NewCheck("flights of B6", int64(54_635), t.Carriers["B6"].Flights),
		NewCheck("flights of EV", int64(54_173), t.Carriers["EV"].Flights),
		NewCheck("cancelled flights", int64(8_255), all.Cancelled),
		NewCheck("miles", int64(350_217_607), all.Miles),
		NewCheck("minutes of departure delay", int64(4_152_200), all.Delay),
		NewCheck("tail numbers", int64(4_043), int64(len(t.Planes))),
		NewCheck("flights without tail number", int64(2_512), all.Flights-planes.Flights),
		NewCheck("busiest airport and day", "EWR 2013-04-15", day),
		NewCheck("flights on that day", int64(377), t.AirportDays[day].Flights),
		NewCheck("flights, added up by airport", int64(Records), sum(t.Airports).Flights),
		NewCheck("flights, added up by airport and day", int64(Records), sum(t.AirportDays).Flights),
	}
}
