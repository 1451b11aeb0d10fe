package experiment

// Gnutella returns the experiments of `p2pspec sim gnutella`, in the order of their
// names.
func Gnutella() []Experiment {
	return []Experiment{
		{"reach", "servents reached and messages by TTL, beside Ritter's and Fisk's tables", GnutellaReach},
	}
}

// FindGnutella returns the experiment of Gnutella with the given name; the error
// lists the names.
func FindGnutella(name string) (Experiment, error) { return find(Gnutella(), name) }
