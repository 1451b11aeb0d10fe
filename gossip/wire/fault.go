package wire

import "fmt"

// Fault says what could not be read or written, where, and by which rule.
type Fault struct {
	Clause string // the requirement's catalogue id
	What   string // the layer or message: "compound", "alive"
	At     int32  // the byte of it at which reading stopped; of what is written, 0
	Reason string
}

// Error is the fault as one line.
func (f *Fault) Error() string {
	return fmt.Sprintf("wire: %s, byte %d: %s (%s)", f.What, f.At, f.Reason, f.Clause)
}

func newFault(clause, what string, at int, reason string) *Fault {
	return &Fault{clause, what, int32(at), reason}
}
