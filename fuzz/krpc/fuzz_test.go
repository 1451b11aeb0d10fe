// Package krpc holds the fuzz target of the DHT's wire format:
//
//	go test -fuzz FuzzParse ./fuzz/krpc
//
// Without -fuzz, go test runs the seeds: the published vectors.
package krpc

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// seeds are defects that the vectors do not have.
var seeds = []string{
	"d1:ad2:id20:abcdefghij01234567895:nodes1:n6:valuesl1:v18:abcdefghijklmnopqre" +
		"4:wantl2:n4i1eee1:q4:ping1:t1:t1:y1:qe",
	"d1:q4:ping1:ad2:id20:abcdefghij0123456789e1:t1:t1:y1:qe",
	"d1:ad1:vd1:b0:1:a0:ee1:q3:put1:t1:t1:y1:qe",
	"d1:ad3:casi01e4:porti-1e3:seqi99999999999999999999e1:vdee1:q3:put1:t1:t1:y1:qe",
	"d1:eli-5e1:xe1:t0:1:y1:ee",
}

// FuzzParse: no input makes the parser panic. What it accepts is bencoded and
// has an encoding; that reads as the same message, with a reused parser as
// with a new one, and is written as it was.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, protocol := range []string{"krpc", "bep44"} {
		file, err := vectors.Load(protocol)
		if err != nil {
			f.Fatal(err)
		}
		for _, v := range file.Select("parse") {
			f.Add(v.Input.Bytes("packet"))
		}
	}
	var reused mainline.Message
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := mainline.ParseMessage(b)
		if again := reused.Parse(b); (again == nil) != (err == nil) {
			t.Fatalf("a new parser says %v, a reused one %v", err, again)
		}
		if err != nil {
			return
		}
		m := parsed.(*mainline.Message)
		if diff := compare(m, &reused); diff != "" {
			t.Fatalf("a reused parser differs: %s", diff)
		}
		if m.Fault.Clause != "" && m.Fault.Text == "" {
			t.Fatal("a fault without a text")
		}
		if _, err := bencode.Parse(b, bencode.Options{Lenient: true}); err != nil {
			t.Fatalf("accepted what is not bencoding: %v", err)
		}
		roundTrip(t, m)
	})
}

func roundTrip(t *testing.T, m *mainline.Message) {
	b, err := mainline.AppendMessage(nil, m)
	if err != nil {
		t.Fatalf("parsed, but has no encoding: %v", err)
	}
	parsed, err := mainline.ParseMessage(b)
	if err != nil {
		if len(b) > mainline.MaxDatagram || m.Fault.Clause != "" {
			return // shorter forms than the canonical, or a part that is none
		}
		t.Fatalf("%q cannot be read again: %v", b, err)
	}
	if m.Fault.Clause != "" {
		return // what was at fault is gone
	}
	if diff := compare(m, parsed.(*mainline.Message)); diff != "" {
		t.Fatalf("%q reads otherwise: %s", b, diff)
	}
	if c, _ := mainline.AppendMessage(nil, parsed); !bytes.Equal(b, c) {
		t.Fatalf("%q is written again as %q", b, c)
	}
}

func compare(a, b *mainline.Message) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{}))
}
