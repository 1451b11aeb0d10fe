// Package tape holds the fuzz target of what p2pspec check --tape reads:
//
//	go test -fuzz FuzzTape ./fuzz/tape
//
// Without -fuzz, go test runs the seeds: a tape of a node that was asked.
package tape

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// suite has a case that does a little of everything that a tape can tell.
func suite() []conformance.Suite {
	run := func(t *conformance.T) {
		s := t.Open()
		t.Outside(func() uint64 { return 1 })
		s.Send([]byte("ping"), "")
		c := t.Dial()
		c.Write([]byte("hello"), "")
		l := t.Listen(func(s *conformance.Stream) { s.Write([]byte("welcome"), "") })
		t.Until(func() bool { return len(s.Inbox()) > 0 && c.Ended() }, time.Minute)
		l.Close()
		c.Abort()
		t.Renew(t.Standard())
		t.Quit()
		t.Earn()
	}
	return []conformance.Suite{{
		Name: "toy", Family: "toys",
		Cases: []conformance.Case{{ID: "toy/area/case", Rev: 1, Level: conformance.Must, Run: run}},
	}}
}

// FuzzTape: no file makes the reader or the player panic or go on for ever, and a case
// that was not taped is at most inconclusive: never an error of the harness.
func FuzzTape(f *testing.F) {
	head := `{"schema":1,"target":{"name":"x","how":"live"},"seed":1}` + "\n"
	f.Add([]byte(head + `{"case":"toy/area/case","shared":{"addr":"127.0.0.1:9"},"renews":true,"steps":[` +
		`{"op":"open","at":1,"local":"127.0.0.2:7"},{"op":"outside","at":1,"number":3},` +
		`{"op":"send","at":2,"size":4,"sum":4027020077},{"op":"dial","at":3,"conn":1},{"op":"opened","at":4,"conn":1},` +
		`{"op":"write","at":5,"conn":1,"size":5,"sum":907060870},{"op":"listen","at":5,"local":"127.0.0.2:7"},` +
		`{"op":"accepted","at":6,"conn":-1,"local":"127.0.0.2:7"},{"op":"write","at":6,"conn":-1,"size":7,"sum":0},` +
		`{"op":"datagram","at":7,"data":"cG9uZw=="},{"op":"silence","at":8},{"op":"data","at":9,"conn":1,"data":"aGk="},` +
		`{"op":"broken","at":9,"conn":1,"err":"the connection was reset"},{"op":"unlisten","at":9},` +
		`{"op":"start","at":9,"start":{"addr":"127.0.0.1:9","warm":5}},{"op":"quit","at":9},{"op":"exited","at":9}]}`))
	f.Add([]byte(head + `{"case":"toy/area/case","steps":[{"op":"start","start":{"addr":""}}]}`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		tapes, err := conformance.ReadTapes(packed(t, lines))
		if err != nil {
			return
		}
		again, err := conformance.ReadTapes(written(t, tapes))
		if err != nil || len(again.Cases) != len(tapes.Cases) {
			t.Fatalf("%d cases were written and %v", len(tapes.Cases), err)
		}
		r, err := conformance.Run(t.Context(), conformance.NewTapeTarget(again), conformance.Options{
			Suites: suite(), Seed: again.Seed,
		})
		if err != nil {
			t.Fatal(err)
		}
		if res := r.Results[0]; res.Verdict == conformance.Error {
			t.Fatalf("%+v", res.Failure)
		}
	})
}

func packed(t *testing.T, lines []byte) io.Reader {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(lines); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func written(t *testing.T, tapes *conformance.Tapes) io.Reader {
	var b bytes.Buffer
	if err := tapes.Write(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}
