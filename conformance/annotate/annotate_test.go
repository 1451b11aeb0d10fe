package annotate

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/spec/catalogue"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

func find(t *testing.T, fields []Field, path string) Field {
	t.Helper()
	for _, f := range fields {
		if f.Path == path {
			return f
		}
	}
	t.Fatalf("no field %s in %+v", path, fields)
	return Field{}
}

func annotated(t *testing.T, message string) []Field {
	t.Helper()
	fields, err := DHT([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

const (
	idA = "abcdefghij0123456789"
	idB = "mnopqrstuvwxyz123456"
)

func TestGetPeersResponse(t *testing.T) {
	fields := annotated(t, "d1:rd2:id20:"+idA+"5:nodes26:"+idB+"\x7f\x00\x00\x01\x1a\xe1"+
		"5:token8:aoeusnth6:valuesl6:\x0a\x00\x00\x01\x00\x50ee1:t2:aa1:y1:re")
	for _, want := range []Field{
		{Offset: 0, Path: "", Value: "dictionary of 3", Meaning: "KRPC message",
			Clause: "BEP05-KRPC-001"},
		{Offset: 5, Path: "r.id", Value: "6162636465666768696a30313233343536373839",
			Meaning: "node id of the responder", Clause: "BEP05-KRPC-004"},
		{Offset: 42, Path: "r.nodes[0]", Meaning: "node id and address", Clause: "BEP05-KRPC-013",
			Value: "6d6e6f707172737475767778797a313233343536 at 127.0.0.1:6881"},
		{Offset: 94, Path: "r.values[0]", Value: "10.0.0.1:80", Meaning: "peer",
			Clause: "BEP05-RPC-004"},
		{Offset: 111, Path: "y", Value: `"r"`, Meaning: "kind: q query, r response, e error",
			Clause: "BEP05-KRPC-001"},
	} {
		got := find(t, fields, want.Path)
		got.Bytes, got.Depth = nil, 0
		if got.Offset != want.Offset || got.Value != want.Value || got.Meaning != want.Meaning ||
			got.Clause != want.Clause || got.Problem != "" {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ message, path, says string }{
		{"d1:ad2:id19:bcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", "a.id", "20 bytes"},
		{"d1:q4:ping1:t2:aa1:y1:qe", "", "a is missing"},
		{"d1:y1:re", "", "t, the transaction id"},
		{"d1:t2:aae", "", "y, the kind"},
		{"le", "", "dictionary"},
		{"d1:t2:aa1:y1:xe", "y", "one of"},
		{"d1:rd5:nodes25:" + idA + "12345e1:t2:aa1:y1:re", "r.nodes", "multiple of 26"},
		{"d1:rd6:valuesl5:12345ee1:t2:aa1:y1:re", "r.values[0]", "6 bytes"},
		{"d1:ad4:porti0ee1:t2:aa1:y1:qe", "a.port", "1 to 65535"},
		{"d1:eli201ee1:t2:aa1:y1:ee", "e", "code and a text"},
		{"d1:t2:aa1:y1:rei1e", "", "BEP"},
	} {
		fields, _ := DHT([]byte(c.message))
		if strings.HasSuffix(c.message, "i1e") {
			last := fields[len(fields)-1]
			if last.Problem == "" || last.Clause != "BEP03-BENC-013" {
				t.Errorf("%q: trailing bytes are not flagged: %+v", c.message, last)
			}
			continue
		}
		if got := find(t, fields, c.path); !strings.Contains(got.Problem, c.says) {
			t.Errorf("%q: problem %q does not say %q", c.message, got.Problem, c.says)
		}
	}
}

func TestUnsortedKeysAreShownAndRefused(t *testing.T) {
	fields, err := DHT([]byte("d1:y1:r1:t2:aa1:rd2:id20:" + idA + "ee"))
	var syntax *bencode.SyntaxError
	if !errors.As(err, &syntax) || syntax.Rule != "BEP03-BENC-008" {
		t.Errorf("error %v, want BEP03-BENC-008", err)
	}
	if find(t, fields, "r.id").Clause != "BEP05-KRPC-004" {
		t.Error("the fields are missing")
	}
}

func TestNotBencoded(t *testing.T) {
	for _, message := range []string{"", "hello", "d1:t", "d1:t2:aae1:y"} {
		if fields, err := DHT([]byte(message)); err == nil {
			t.Errorf("%q is annotated: %+v", message, fields)
		}
	}
}

// The fields of a message are its bytes, in order and without a gap, whatever
// the message.
func checkTiling(t rapid.TB, message []byte) {
	fields, err := DHT(message)
	if fields == nil && err != nil {
		return
	}
	var joined []byte
	for _, f := range fields {
		if f.Offset != len(joined) {
			t.Fatalf("%q: %s begins at %d, want %d", message, f.Path, f.Offset, len(joined))
		}
		joined = append(joined, f.Bytes...)
	}
	if !bytes.Equal(joined, message) {
		t.Fatalf("%q: the fields are %q", message, joined)
	}
}

func TestFieldsTileTheVectors(t *testing.T) {
	file, err := vectors.Load("krpc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range file.Vectors {
		checkTiling(t, v.Input.Bytes("packet"))
		n++
	}
	if n < 20 {
		t.Errorf("only %d messages in the vectors", n)
	}
}

func TestFieldsTileAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
			"d", "l", "e", "i1e", "i-0e", "1:a", "1:r", "1:e", "2:id", "20:" + idA, "01:t", "5:nodes",
			"26:" + idA + "123456", "6:values", "6:123456", "0:", "1:\xff", "3:want", "7:samples",
		}), 0, 30).Draw(t, "pieces")
		checkTiling(t, []byte("d"+strings.Join(pieces, "")+"e"))
	})
}

func TestClausesExist(t *testing.T) {
	paths := []string{"", "e[0]", "r.values[0]", "a.want[0]"}
	for _, key := range []string{"t", "y", "q", "a", "r", "e", "v", "ro", "ip", "other"} {
		paths = append(paths, key)
	}
	for _, key := range []string{"id", "target", "info_hash", "port", "implied_port", "token", "want",
		"seed", "scrape", "noseed", "cas", "salt", "v", "k", "sig", "seq", "nodes", "nodes6", "values",
		"BFsd", "BFpe", "samples", "num", "interval", "other"} {
		paths = append(paths, "a."+key, "r."+key)
	}
	for _, path := range paths {
		if _, ok := catalogue.Lookup(dhtRule(path).clause); !ok {
			t.Errorf("%s cites %q, which the catalogue lacks", path, dhtRule(path).clause)
		}
	}
}
