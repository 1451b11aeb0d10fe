package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math"
	"math/big"
	"math/bits"
	"net/netip"
	"strconv"
	"testing"
)

// The tests of this file compute the vectors again from the documents with the
// standard library alone, so that a vector and a core cannot be wrong in the
// same way.

// encode is bencoding as BEP 3 §bencoding says, entries in the order given.
func encode(value any) []byte {
	var b bytes.Buffer
	switch v := value.(type) {
	case []byte:
		b.WriteString(strconv.Itoa(len(v)) + ":")
		b.Write(v)
	case *big.Int:
		b.WriteString("i" + v.String() + "e")
	case []any:
		b.WriteByte('l')
		for _, item := range v {
			b.Write(encode(item))
		}
		b.WriteByte('e')
	case []Entry:
		b.WriteByte('d')
		for _, e := range v {
			b.Write(encode(e.Key))
			b.Write(encode(e.Value))
		}
		b.WriteByte('e')
	}
	return b.Bytes()
}

// sorted reports whether every dictionary's keys rise strictly.
func sorted(value any) bool {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if !sorted(item) {
				return false
			}
		}
	case []Entry:
		for i, e := range v {
			if i > 0 && bytes.Compare(v[i-1].Key, e.Key) >= 0 || !sorted(e.Value) {
				return false
			}
		}
	}
	return true
}

// lookup reads a key of a dictionary, nil when it is absent.
func lookup(value any, key string) any {
	entries, _ := value.([]Entry)
	for _, e := range entries {
		if string(e.Key) == key {
			return e.Value
		}
	}
	return nil
}

func equal(t *testing.T, v Vector, field string, got []byte) {
	t.Helper()
	if want := v.Expect.Bytes(field); !bytes.Equal(got, want) {
		t.Errorf("%s: %s is %x by the document, the vector has %x", v.Name, field, got, want)
	}
}

func TestTreesAreTheDecodedBytes(t *testing.T) {
	for _, c := range []struct{ file, operation, input, tree string }{
		{"bencode", "decode", "data", "value"},
		{"krpc", "parse", "packet", "message"},
		{"bep44", "parse", "packet", "message"},
	} {
		for _, v := range load(t, c.file).Select(c.operation) {
			if v.Expect.Has("valid") && !v.Expect.Bool("valid") {
				continue
			}
			tree := v.Expect.Tree(c.tree)
			if tree == nil {
				if v.Expect.Has("valid") {
					t.Errorf("%s: %s is valid and has no tree", c.file, v.Name)
				}
				continue
			}
			if !sorted(tree) {
				t.Errorf("%s: %s has unsorted keys", c.file, v.Name)
			}
			if got := encode(tree); !bytes.Equal(got, v.Input.Bytes(c.input)) {
				t.Errorf("%s: %s: the tree encodes to %q", c.file, v.Name, got)
			}
		}
	}
}

func TestKRPCFieldsAreThoseOfTheMessage(t *testing.T) {
	for _, v := range load(t, "krpc").Select("parse") {
		if !v.Expect.Bool("valid") {
			continue
		}
		m := v.Expect.Tree("message")
		equal(t, v, "transaction", lookup(m, "t").([]byte))
		if got := string(lookup(m, "y").([]byte)); got != v.Expect.Text("type") {
			t.Errorf("%s: y is %q, type is %q", v.Name, got, v.Expect.Text("type"))
		}
		method, _ := lookup(m, "q").([]byte)
		if string(method) != v.Expect.Text("method") {
			t.Errorf("%s: q is %q, method is %q", v.Name, method, v.Expect.Text("method"))
		}
	}
}

// bloom inserts addresses as the pseudocode of BEP 33 §Bloom Filters does.
func bloom(first, last []byte, filter []byte) {
	from, _ := netip.AddrFromSlice(first)
	to, _ := netip.AddrFromSlice(last)
	for a := from; a.Compare(to) <= 0; a = a.Next() {
		hash := sha1.Sum(a.AsSlice())
		for i := 0; i < 4; i += 2 {
			index := binary.LittleEndian.Uint16(hash[i:]) % 2048
			filter[index/8] |= 1 << (index % 8)
		}
	}
}

// estimate is the equation of BEP 33 §Calculating the estimate.
func estimate(filter []byte) float64 {
	zero := 0
	for _, b := range filter {
		zero += 8 - bits.OnesCount8(b)
	}
	const m = 2048
	return math.Log(math.Min(m-1, float64(zero))/m) / (2 * math.Log1p(-1.0/m))
}

func TestBloomFilters(t *testing.T) {
	f := load(t, "bep33")
	for _, v := range f.Vectors {
		filter := make([]byte, 256)
		for i, first := range v.Input.List("first") {
			bloom(first, v.Input.List("last")[i], filter)
		}
		for _, part := range v.Input.List("filters") {
			for i, b := range part {
				filter[i] |= b
			}
		}
		equal(t, v, "filter", filter)
		if got, want := estimate(filter), v.Expect.Number("estimate"); math.Abs(got-want) > 5e-5 {
			t.Errorf("%s: the estimate is %.4f, the vector has %.4f", v.Name, got, want)
		}
	}
}

// idHash is the example code of BEP 42 §Node ID restriction.
func idHash(address []byte, random byte) []byte {
	mask := []byte{0x03, 0x0f, 0x3f, 0xff}
	if len(address) == 16 {
		mask = []byte{0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff}
	}
	masked := make([]byte, len(mask))
	for i := range mask {
		masked[i] = address[i] & mask[i]
	}
	masked[0] |= random & 7 << 5
	return binary.BigEndian.AppendUint32(nil,
		crc32.Checksum(masked, crc32.MakeTable(crc32.Castagnoli)))
}

func TestNodeIDsOfAddresses(t *testing.T) {
	f := load(t, "bep42")
	for _, v := range f.Select("hash") {
		equal(t, v, "crc32c", idHash(v.Input.Bytes("address"), byte(v.Input.Int("random"))))
	}
	for _, v := range f.Select("verify") {
		address, id := v.Input.Bytes("address"), v.Input.Bytes("id")
		hash := idHash(address, id[19])
		valid := id[0] == hash[0] && id[1] == hash[1] && id[2]&0xf8 == hash[2]&0xf8
		a, _ := netip.AddrFromSlice(address)
		for _, exempt := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
			"169.254.0.0/16", "127.0.0.0/8"} {
			valid = valid || netip.MustParsePrefix(exempt).Contains(a)
		}
		if valid != v.Expect.Bool("valid") {
			t.Errorf("%s: by the document valid is %v", v.Name, valid)
		}
	}
}

func TestStoredItems(t *testing.T) {
	f := load(t, "bep44")
	for _, v := range f.Select("immutable") {
		target := sha1.Sum(v.Input.Bytes("v"))
		equal(t, v, "target", target[:])
	}
	for _, v := range f.Select("mutable") {
		key, salt := v.Input.Bytes("k"), v.Input.Bytes("salt")
		var signed []byte
		if len(salt) > 0 {
			signed = append([]byte("4:salt"), encode(salt)...)
		}
		signed = append(signed, "3:seqi"+strconv.FormatInt(v.Input.Int("seq"), 10)+"e1:v"...)
		signed = append(signed, v.Input.Bytes("v")...)
		equal(t, v, "signed", signed)
		target := sha1.Sum(append(bytes.Clone(key), salt...))
		equal(t, v, "target", target[:])
		if got := ed25519.Verify(key, signed, v.Input.Bytes("sig")); got != v.Expect.Bool("valid") {
			t.Errorf("%s: by Ed25519 valid is %v", v.Name, got)
		}
	}
}

func TestMutableTorrentTargets(t *testing.T) {
	for _, v := range load(t, "bep46").Vectors {
		target := sha1.Sum(append(v.Input.Bytes("k"), v.Input.Bytes("salt")...))
		equal(t, v, "target", target[:])
	}
}

// TestPublishedDigitsAreHere guards the values that no computation can: a
// slip that changed an input and its result together would pass the others.
func TestPublishedDigitsAreHere(t *testing.T) {
	for _, c := range []struct{ file, vector, field, digits string }{
		{"bep33", "filter/published", "filter", "f6c3f5eaa07ffd91bde89f777f26fb2b"},
		{"bep33", "filter/ipv4-part", "filter", "24c0004020043000102012743e004800"},
		{"bep44", "test-1/mutable", "target", "4a533d47ec9c7d95b1ad75f576cffc641853b750"},
		{"bep44", "test-2/mutable-with-salt", "target", "411eba73b6f087ca51a3795d9c8c938d365e32c1"},
		{"bep44", "test-3/immutable", "target", "e5f96f6f38320f0f33959cb4d3d656452117aadb"},
		{"bep46", "target/no-salt", "target", "cc3f9d90b572172053626f9980ce261a850d050b"},
		{"bep46", "target/salt", "target", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"},
	} {
		found := false
		for _, v := range load(t, c.file).Vectors {
			if v.Name == c.vector {
				want, _ := hex.DecodeString(c.digits)
				found = bytes.HasPrefix(v.Expect.Bytes(c.field), want)
			}
		}
		if !found {
			t.Errorf("%s: %s does not have the published %s", c.file, c.vector, c.field)
		}
	}
}
