package rows

// Check is one fact that is known beforehand, beside what was found. Expected and Got are both an int64 or both a string.
type Check struct {
	What     string `json:"what"`
	Expected any    `json:"expected"`
	Got      any    `json:"got"`
	OK       bool   `json:"ok"` // Expected equals Got
}

// NewCheck compares two values.
func NewCheck[T comparable](what string, expected, got T) Check {
	return Check{what, expected, got, expected == got}
}
