package gnutella

import (
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
)

// FuzzQRP: no list of messages makes the receiver panic or its table lie about
// its fill, and what it holds is told to another in one update.
func FuzzQRP(f *testing.F) {
	f.Add([]byte("\x06\x00\x08\x00\x00\x00\x07\x09\x01\x01\x01\x00\x04\x00\xa0\x00\x00"))
	f.Add([]byte("\x06\x00\x08\x00\x00\x00\x07\x06\x01\x01\x01\x00\x01\xf0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r qrp.Receiver
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			m, err := qrp.Parse(b[1 : 1+n])
			if b = b[1+n:]; err != nil {
				continue
			}
			if reset, ok := m.(qrp.Reset); ok && reset.Slots > 1<<12 {
				continue // the bound of its own is not what this is about
			}
			if r.Take(m) != nil {
				return
			}
			if table := r.Table(); table != nil {
				tell(t, table)
			}
		}
	})
}

func tell(t *testing.T, table *qrp.Table) {
	messages, err := table.Update(nil, qrp.Shape{EntryBits: 1})
	if err != nil {
		t.Fatal(err)
	}
	var r qrp.Receiver
	for _, m := range messages {
		if err := r.Take(m); err != nil {
			t.Fatal(err)
		}
	}
	if other := r.Table(); other == nil || other.Filled() != table.Filled() {
		t.Fatalf("%v is told as %v", table, other)
	}
}
