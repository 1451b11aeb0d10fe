package gnutella

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
)

// FuzzGGEP: no block makes the parser panic, and what it reads is read again from
// what is written of it.
func FuzzGGEP(f *testing.F) {
	for _, s := range []string{
		"c383545354426869", "c3025550430001028256434547544b4712", "c3a1444c789c4b4ca43d00007a4725e5", "c3c1414401000101",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		block, n, err := ggep.Parse(b)
		if err != nil {
			return
		}
		if n > len(b) || len(block) == 0 || len(block) > ggep.MaxExtensions {
			t.Fatalf("%d extensions in %d bytes of %d", len(block), n, len(b))
		}
		for i := range block {
			block[i].Deflate = false // a value may have been written at greater length
		}
		again, err := ggep.Append(nil, block)
		if err != nil {
			return // without compression or with COBS it may not fit
		}
		got, _, err := ggep.Parse(again)
		if err != nil || len(got) != len(block) {
			t.Fatalf("%x is read as %v, %v", again, got, err)
		}
		for i := range got {
			if got[i].ID != block[i].ID || !bytes.Equal(got[i].Data, block[i].Data) {
				t.Fatalf("%+v and %+v", got[i], block[i])
			}
		}
	})
}
