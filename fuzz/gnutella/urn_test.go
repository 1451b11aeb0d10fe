package gnutella

import (
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/urn"
)

// FuzzURN: what is read as a name is written as it was, but for its case; of a
// bitprint's parts the SHA-1 is the name.
func FuzzURN(f *testing.F) {
	f.Add(urn.Sum(nil).String())
	f.Add(urn.Sum(nil).SHA1.String())
	f.Fuzz(func(t *testing.T, s string) {
		h, err := urn.Parse(s)
		b, notBitprint := urn.ParseBitprint(s)
		switch {
		case err != nil && notBitprint == nil:
			t.Fatalf("%q is a bitprint, but no name", s)
		case err == nil && notBitprint != nil && !strings.EqualFold(h.String(), s):
			t.Fatalf("%q is written %q", s, h)
		case err == nil && notBitprint == nil && (!strings.EqualFold(b.String(), s) || b.SHA1 != h):
			t.Fatalf("%q is written %q and %q", s, b, h)
		}
	})
}
