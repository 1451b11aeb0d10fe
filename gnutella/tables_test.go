package gnutella

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// teach sends the servent the table of a host that shares the given names.
func (d *desk) teach(c spec.Conn, names ...string) {
	d.Helper()
	t, err := qrp.NewTable(1<<12, qrp.DefaultInfinity)
	if err != nil {
		d.Fatal(err)
	}
	library(d, names...).AddTo(t)
	for _, m := range mustUpdate(t, nil, qrp.Shape{}) {
		out := d.got(c, wire.Descriptor{Type: wire.TypeQRP, TTL: 1, Payload: qrp.Append(nil, m)})
		if len(out) > 0 {
			d.Fatalf("a part of a table led to %v", out)
		}
	}
}

// On the last hop, and to leaves, a query goes only where the tables have it, or
// where none came.
//
// GN-UQ-01, GN-UQ-02, GN-UQ-03, GN-UQ-04.
func TestTablesRouteQueries(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	from := d.join(ultrapeer())
	var with, without, silent []spec.Conn
	for _, h := range []wire.Header{ultrapeer(), leaf()} {
		with, without = append(with, d.join(h)), append(without, d.join(h))
		silent = append(silent, d.join(h))
		d.teach(with[len(with)-1], "alpha bravo.txt")
		d.teach(without[len(without)-1], "alpha charlie.txt")
	}
	flat := d.join()
	for ttl, want := range [][]spec.Conn{
		1: {with[1], silent[1]},
		2: {with[0], silent[0], with[1], silent[1], flat},
		3: {with[0], without[0], silent[0], with[1], silent[1], flat},
	} {
		if ttl == 0 {
			continue
		}
		to, _ := sent(d.got(from, query(byte(ttl), uint8(ttl), 0, "bravo alpha")), wire.TypeQuery)
		slices.Sort(to)
		slices.Sort(want)
		if !slices.Equal(to, want) {
			t.Errorf("TTL %d: it went to %v, want %v", ttl, to, want)
		}
	}
}

// A leaf passes on nothing from or to its ultrapeer; among equals it does.
//
// GN-UQ-01, GN-HS-31.
func TestLeavesDoNotRelay(t *testing.T) {
	d := newDesk(t, Config{Mode: Leaf, Peers: 4})
	a, b := d.join(leaf()), d.join(leaf())
	up := d.join(ultrapeer())
	if to, _ := sent(d.got(up, query(1, 5, 0, "alpha")), wire.TypeQuery); len(to) > 0 {
		t.Errorf("a query of an ultrapeer went to %v", to)
	}
	if to, _ := sent(d.got(a, query(2, 5, 0, "alpha")), wire.TypeQuery); !slices.Equal(to, []spec.Conn{b}) {
		t.Errorf("a query of an equal went to %v", to)
	}
}

// An ultrapeer tells its neighbours what its leaves have, and when that changes.
//
// GN-UQ-05, GN-UQ-08, GN-UQ-13, GN-UQ-17.
func TestMergedTable(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer, QRPSlots: 1 << 12}, "own file.txt")
	c := d.join(leaf())
	d.teach(c, "alpha bravo.txt")
	up, _ := d.accept(ultrapeer(), wire.Header{Name: "X-Ultrapeer-Query-Routing", Value: "0.1"},
		wire.Header{Name: "X-Query-Routing", Value: "0.2"})
	var r qrp.Receiver
	take := func(out []spec.Effect) *qrp.Table {
		_, list := sent(out, wire.TypeQRP)
		for _, m := range list {
			p, err := qrp.Parse(m.Payload)
			if patch, ok := p.(qrp.Patch); err != nil || m.TTL != 1 || m.Hops != 0 || ok && patch.EntryBits != 4 {
				t.Fatalf("%v, %v", m, err)
			}
			if err := r.Take(p); err != nil {
				t.Fatal(err)
			}
		}
		return r.Table()
	}
	table := take(d.step(spec.Got{Conn: up, Msg: wire.Status{Code: wire.Accepted}}))
	for word, want := range map[string]bool{"own": true, "bravo": true, "zulu": false} {
		if table.Has(qrp.KeyOf(word)) != want {
			t.Errorf("%q: %v", word, !want)
		}
	}
	d.step(spec.Closed{Conn: c})
	if table = take(d.wait(30 * time.Second)); table.Has(qrp.KeyOf("bravo")) || !table.Has(qrp.KeyOf("own")) {
		t.Error("the words of a leaf that is gone are still there, or all are gone")
	}
}

// GN-UQ-09, GN-UQ-10.
func TestBrokenTables(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	c := d.join(leaf(), wire.Header{Name: "Bye-Packet", Value: "0.1"})
	patch := qrp.Append(nil, qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: []byte{0}})
	out := d.got(c, wire.Descriptor{Type: wire.TypeQRP, TTL: 1, Payload: patch})
	_, list := sent(out, wire.TypeBye)
	if len(list) != 1 {
		t.Fatalf("PATCH before RESET: %v", out)
	}
	if y, _ := wire.ParseBye(list[0].Payload); y.Code != byeBadTable {
		t.Errorf("the Bye is %v", y)
	}
}

// Whatever a library answers, its table lets through: there are no false negatives.
//
// GN-UQ-01, GN-UQ-16.
func TestTablesHideNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Z0-9äÉß .\-_日本]{1,40}`).Draw(t, "name")
		table, err := qrp.NewTable(1<<uint(rapid.IntRange(1, 16).Draw(t, "bits")), qrp.DefaultInfinity)
		if err != nil {
			t.Fatal(err)
		}
		l := library(t, name)
		l.AddTo(table)
		parts := words(name)
		var text string
		for range rapid.IntRange(0, 3).Draw(t, "words") {
			if len(parts) > 0 {
				text += rapid.SampledFrom(parts).Draw(t, "word") + " "
			}
		}
		w := understand(&wire.Query{Flags: wire.QueryMarked, Text: []byte(text)})
		if found := l.Search(text, 9); len(found) > 0 && !w.mayBeIn(table) || len(found) == 0 && len(words(text)) > 0 {
			t.Fatalf("%q: %d files, in the table: %v", text, len(found), w.mayBeIn(table))
		}
		hash := understand(&wire.Query{Extensions: []byte(l.Files()[0].SHA1.String())})
		if !hash.mayBeIn(table) {
			t.Fatal("the hash is not in the table")
		}
	})
}
