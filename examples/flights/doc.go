// Package flights is Millrun on real input: the 336,776 departures from New York's three airports in 2013.
package flights
