package gnutella

import (
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
)

// GN-QY-06, GN-QY-07, GN-QY-09, GN-QY-16.
func TestLibrary(t *testing.T) {
	l := library(t, "alpha alpha bravo.txt", "Bravo-2 \u00c4pfel.ogg", "charlie.txt", "\xc4pfel.txt")
	for text, want := range map[string]string{
		"alpha": "1", "BRAVO": "1 2", "bravo txt": "1", "txt": "1 3 4", "äpfel": "2 4", "\xe4pfel": "2 4",
		"": "", "2": "", "alph": "", "charlie zulu": "", "bravo bravo": "1 2",
	} {
		var got []string
		for _, f := range l.Search(text, 9) {
			got = append(got, string('0'+rune(f.Index)))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q finds %v, want %s", text, got, want)
		}
	}
	if found := l.Search("txt", 2); len(found) != 2 {
		t.Errorf("%d files, the limit is 2", len(found))
	}
	if f, ok := l.ByHash(urn.Sum([]byte("charlie.txt")).SHA1); !ok || f.Index != 3 {
		t.Errorf("by hash: %v, %v", f, ok)
	}
	if _, ok := l.ByHash(urn.SHA1{1}); ok {
		t.Error("a hash of nothing is found")
	}
	if f, ok := l.File(2); !ok || f.Size != 2000 {
		t.Errorf("file 2 is %v, %v", f, ok)
	}
	for _, files := range [][]File{
		{{Name: "a"}, {Name: "b"}}, {{Name: ""}}, {{Name: "a\x00"}}, {{Name: strings.Repeat("a", 256)}},
	} {
		if _, err := NewLibrary(files); err == nil {
			t.Errorf("%.40v: no error", files)
		}
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"Mode":       {Mode: 3},
		"Peers":      {Peers: -1},
		"Leaves":     {Leaves: 1},
		"MaxTTL":     {MaxTTL: 11},
		"QueryTTL":   {Mode: Ultrapeer, QueryTTL: 5},
		"QRPSlots":   {QRPSlots: 100},
		"Maintain":   {Maintain: time.Microsecond},
		"UserAgent":  {UserAgent: "a\r\nb"},
		"QueueBytes": {QueueBytes: 1},
	} {
		c.Addr = addr(1)
		if _, err := New(c, 0); err == nil || !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Config{}, 0); err == nil {
		t.Error("without an address: no error")
	}
}

// Two files of one index are found wherever they are, with any numbers between them.
func TestIndexesFarApart(t *testing.T) {
	files := []File{{Index: 1, Name: "aa"}, {Index: 0x70000000, Name: "bb"}, {Index: 0xe0000000, Name: "cc"}}
	l, err := NewLibrary(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if got, ok := l.File(f.Index); !ok || got.Name != f.Name {
			t.Errorf("index %x: %q, %v", f.Index, got.Name, ok)
		}
	}
	if _, err := NewLibrary(append(files, File{Index: 1, Name: "dd"})); err == nil {
		t.Error("two files of one index are shared")
	}
}
