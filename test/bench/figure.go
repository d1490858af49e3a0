package main

import "slices"

// figure is one line of the result.
type figure struct {
	Name  string  `json:"name"`
	Rate  float64 `json:"rate"`
	Unit  string  `json:"unit"`
	Share float64 `json:"share"` // of the scan's rate in the same round
}

// results collects rates by name, one for each round.
type results struct {
	names []string // in the order of the first round
	rates map[string][]float64
}

func newResults() *results { return &results{rates: map[string][]float64{}} }

func (r *results) add(name string, rate float64) {
	if len(r.rates[name]) == 0 {
		r.names = append(r.names, name)
	}
	r.rates[name] = append(r.rates[name], rate)
}

func (r *results) medians() []figure {
	var figures []figure
	for _, name := range r.names {
		shares := make([]float64, len(r.rates[name]))
		for n, rate := range r.rates[name] {
			shares[n] = rate / r.rates["scan"][n]
		}
		figures = append(figures, figure{name, median(r.rates[name]), "records/s", median(shares)})
	}
	return figures
}

// median gives the middle value; of an even number of values the lower of the two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}
