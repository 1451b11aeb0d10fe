package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// BEP20-ID-001, BEP20-ID-002
func TestParsePeerID(t *testing.T) {
	for _, c := range []struct {
		id   string
		want Client
	}{
		{"-TR300Z-w4bd4mkebkbi", Client{StyleAzureus, "TR", "3.0.0.Z"}},
		{"-LT20B0-............", Client{StyleAzureus, "LT", "2.0.B.0"}},
		{"-AZ2060-\x00\xff..........", Client{StyleAzureus, "AZ", "2.0.6.0"}},
		{"-TR300-w4bd4mkebkbi.", Client{}},
		{"-T?3000-w4bd4mkebkbi", Client{}},
		{"T03I-----abcdefghijk", Client{StyleShadow, "T", "0.3.18"}},
		{"S58B-----abcdefghijk", Client{StyleShadow, "S", "5.8.11"}},
		{"A---------abcdefghij", Client{}},
		{"T03?-----abcdefghijk", Client{}},
		{"T03I--a--abcdefghijk", Client{}},
		{"M7-10-5-abcdefghijkl", Client{StyleMainline, "M", "7.10.5"}},
		{"M4-3-6--abcdefghijkl", Client{StyleMainline, "M", "4.3.6"}},
		{"A2-1-36-0-abcdefghij", Client{StyleMainline, "A2", "1.36.0"}},
		{"M4-3-x--abcdefghijkl", Client{}},
		{"M4-3333-1-bcdefghijk", Client{}},
		{"--------------------", Client{}},
		{strings.Repeat("\xff", 20), Client{}},
		{strings.Repeat("\x00", 20), Client{}},
	} {
		if got := ParsePeerID([20]byte([]byte(c.id))); got != c.want {
			t.Errorf("%q is %+v, want %+v", c.id, got, c.want)
		}
	}
}

// BEP20-ID-001
func TestNewPeerID(t *testing.T) {
	random := [12]byte{1, 2, 3, 11: 0xff}
	id, err := NewPeerID("-XY0102-", random)
	if want := append([]byte("-XY0102-"), random[:]...); err != nil || !bytes.Equal(id[:], want) {
		t.Errorf("%q, %v; want %q", id, err, want)
	}
	for _, prefix := range []string{"", "-XY0102", "XXY0102-", "-XY01 2-", "-XY0102x", "-XY0102--"} {
		var refused *Error
		if id, err := NewPeerID(prefix, [12]byte{}); !errors.As(err, &refused) {
			t.Errorf("%q gives %q, %v", prefix, id, err)
		}
	}
}

// BEP05-PEER-001, BEP06-FAST-001, BEP10-EXT-001, BEP52-PEER-001
func TestFeatures(t *testing.T) {
	for feature, want := range map[Feature][8]byte{
		FeatureDHT: {7: 0x01}, FeatureFast: {7: 0x04}, FeatureV2: {7: 0x10}, FeatureExtension: {5: 0x10},
	} {
		var h Handshake
		if h.Offers(feature) {
			t.Errorf("a zero handshake offers %d", feature)
		}
		h.Offer(feature)
		if h.Reserved != want || !h.Offers(feature) {
			t.Errorf("feature %d is %x, want %x", feature, h.Reserved, want)
		}
		others := Handshake{Reserved: [8]byte(bytes.Repeat([]byte{0xff}, 8))}
		for i := range want {
			others.Reserved[i] &^= want[i]
		}
		if others.Offers(feature) {
			t.Errorf("other bits offer %d", feature)
		}
	}
}
