package conformance

// Baseline is the known failures of one target.
type Baseline struct{}
