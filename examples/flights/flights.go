// Package flights is Millrun on real input: the 336,776 departures from New York's three airports in 2013.
//
// Load puts the departures on a log. App keeps four tables of them: flights, cancellations, minutes of delay and miles per
// carrier, per airport, per plane, and per airport and day. The input is keyed by flight, the tables are not, so each
// departure travels through an internal stream to the partition of each table's key. Each cancelled flight is also emitted
// to the public stream cancellations.
//
//	log, err := embedded.Open("data")
//	err = flights.Load(ctx, log, flights.LoadConfig{})
//	err = worker.Run(ctx, flights.App, log, worker.Config{StateDir: "data/state", Partitions: 4})
//
// Read answers from the tables, Fold computes the same without Millrun, Tables.Checks compares either with what is known.
// DATA.md beside this file tells where the data comes from.
package flights

import (
	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/internal/rows"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// RowHeader is the record header that carries the row number of a departure, from 1 on, in decimal digits. Departures have
// it, and so have cancellations.
const RowHeader = rows.HeaderKey

// The public streams. Departures is keyed by flight ("UA1545"), Cancellations by airport.
var (
	Departures    = processor.NewStream("flights", codec.String, eventCodec)
	Cancellations = processor.NewStream("cancellations", codec.String, eventCodec)
)

// The tables. Keys are a carrier ("UA"), an airport ("EWR"), a tail number ("N14228"), an airport and a local date
// ("EWR 2013-04-15"). Departures without a tail number are in no row of Planes.
var (
	Carriers    = processor.NewTable("carriers", codec.String, totalsCodec)
	Airports    = processor.NewTable("airports", codec.String, totalsCodec)
	Planes      = processor.NewTable("planes", codec.String, totalsCodec)
	AirportDays = processor.NewTable("airport-days", codec.String, totalsCodec)
)

var (
	byCarrier    = processor.NewInternalStream("by-carrier", codec.String, eventCodec)
	byAirport    = processor.NewInternalStream("by-airport", codec.String, eventCodec)
	byPlane      = processor.NewInternalStream("by-plane", codec.String, eventCodec)
	byAirportDay = processor.NewInternalStream("by-airport-day", codec.String, eventCodec)
)

// ProcessorName is the name of the one processor of App.
const ProcessorName = "totals"

// App keeps the tables.
var App = topology.MustNew("flights", processor.New(ProcessorName,
	processor.On(Departures, spread),
	processor.On(byCarrier, addTo(Carriers)),
	processor.On(byAirport, addTo(Airports)),
	processor.On(byPlane, addTo(Planes)),
	processor.On(byAirportDay, addTo(AirportDays)),
	processor.Owns(Carriers, Airports, Planes, AirportDays),
	processor.Emits(Cancellations, byCarrier, byAirport, byPlane, byAirportDay),
))

// spread sends a departure to the partitions of the keys under which it counts.
func spread(ctx processor.Context, _ string, e Event) error {
	byCarrier.Emit(ctx, e.Carrier, e)
	byAirport.Emit(ctx, e.Origin, e)
	if e.Tail != "" {
		byPlane.Emit(ctx, e.Tail, e)
	}
	byAirportDay.Emit(ctx, airportDay(e), e)
	if e.Cancelled {
		row, _ := ctx.Header(RowHeader)
		Cancellations.EmitWith(ctx, e.Origin, e, processor.Meta{Headers: []commitlog.Header{{Key: RowHeader, Value: row}}})
	}
	return nil
}

// addTo counts a departure under the key it arrived with.
func addTo(table *processor.Table[string, Totals]) func(processor.Context, string, Event) error {
	return func(ctx processor.Context, key string, e Event) error {
		t, _ := table.Get(ctx, key)
		table.Put(ctx, key, t.Add(e))
		return nil
	}
}

func airportDay(e Event) string { return e.Origin + " " + e.Day() }
