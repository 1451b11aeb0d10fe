package vectors

import (
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

// TestAllowedFastSets follows BEP 6 §Allowed Fast Set Generation.
func TestAllowedFastSets(t *testing.T) {
	for _, v := range load(t, "bep06").Vectors {
		x := append(bytes.Clone(v.Input.Bytes("address")[:3]), 0)
		x = append(x, v.Input.Bytes("info_hash")...)
		pieces := uint32(v.Input.Int("pieces"))
		var set [][]byte
		for int64(len(set)) < v.Input.Int("k") {
			hash := sha1.Sum(x)
			x = hash[:]
			for i := 0; i < 20 && int64(len(set)) < v.Input.Int("k"); i += 4 {
				index := binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(x[i:])%pieces)
				if !slices.ContainsFunc(set, func(b []byte) bool { return bytes.Equal(b, index) }) {
					set = append(set, index)
				}
			}
		}
		if !slices.EqualFunc(set, v.Expect.List("set"), bytes.Equal) {
			t.Errorf("%s: the set is %x", v.Name, set)
		}
	}
}

// TestPeerPriorities follows BEP 40 §Overview.
func TestPeerPriorities(t *testing.T) {
	for _, v := range load(t, "bep40").Vectors {
		a, b := bytes.Clone(v.Input.Bytes("address")), bytes.Clone(v.Input.Bytes("peer_address"))
		if bytes.Equal(a, b) {
			a = binary.BigEndian.AppendUint16(nil, uint16(v.Input.Int("port")))
			b = binary.BigEndian.AppendUint16(nil, uint16(v.Input.Int("peer_port")))
		} else {
			whole := 2 // bytes that the mask keeps whole
			if len(a) == 16 {
				whole = 6
			}
			for bytes.Equal(a[:whole], b[:whole]) {
				whole++
			}
			for i := whole; i < len(a); i++ {
				a[i] &= 0x55
				b[i] &= 0x55
			}
		}
		hashed := slices.Concat(a, b)
		if bytes.Compare(a, b) > 0 {
			hashed = slices.Concat(b, a)
		}
		equal(t, v, "hashed", hashed)
		crc := crc32.Checksum(hashed, crc32.MakeTable(crc32.Castagnoli))
		equal(t, v, "priority", binary.BigEndian.AppendUint32(nil, crc))
	}
}

// TestUDPTrackerPackets lays the fields out as the tables of BEP 15 do.
func TestUDPTrackerPackets(t *testing.T) {
	for _, v := range load(t, "bep15").Select("packet") {
		e := v.Expect
		var b []byte
		u32 := func(fields ...string) {
			for _, f := range fields {
				b = binary.BigEndian.AppendUint32(b, uint32(e.Int(f)))
			}
		}
		u64 := func(field string) { b = binary.BigEndian.AppendUint64(b, uint64(e.Int(field))) }
		raw := func(fields ...string) {
			for _, f := range fields {
				b = append(b, e.Bytes(f)...)
			}
		}
		if strings.Contains(v.Name, "request") {
			raw("protocol_id", "connection_id")
			u32("action")
			raw("transaction_id")
		} else {
			u32("action")
			raw("transaction_id", "connection_id")
		}
		if e.Has("peer_id") {
			raw("info_hash", "peer_id")
			u64("downloaded")
			u64("left")
			u64("uploaded")
			u32("event")
			raw("address", "key")
			u32("num_want")
			b = binary.BigEndian.AppendUint16(b, uint16(e.Int("port")))
		}
		if e.Has("interval") {
			u32("interval", "leechers", "seeders")
		}
		for _, part := range []string{"peers", "info_hashes", "scrape"} {
			b = append(b, bytes.Join(e.List(part), nil)...)
		}
		b = append(b, e.Text("message")...)
		if !bytes.Equal(b, v.Input.Bytes("packet")) {
			t.Errorf("%s: the fields make %x", v.Name, b)
		}
	}
}

// TestUDPTrackerOptions follows BEP 41 §Extension Format.
func TestUDPTrackerOptions(t *testing.T) {
	for _, v := range load(t, "bep15").Select("options") {
		var url []byte
		for b := v.Input.Bytes("options"); len(b) > 0 && b[0] != 0; {
			if b[0] == 1 {
				b = b[1:]
				continue
			}
			if b[0] == 2 {
				url = append(url, b[2:2+b[1]]...)
			}
			b = b[2+b[1]:]
		}
		equal(t, v, "url_data", url)
	}
}

func TestTrackerReplies(t *testing.T) {
	for _, v := range load(t, "tracker").Vectors {
		tree := v.Expect.Tree("message")
		got := tree != nil && sorted(tree) && bytes.Equal(encode(tree), v.Input.Bytes("body"))
		if got != v.Expect.Bool("sorted") {
			t.Errorf("%s: sorted is %v", v.Name, got)
		}
		compact, _ := lookup(tree, "peers").([]byte)
		compact6, _ := lookup(tree, "peers6").([]byte)
		if v.Expect.Has("peers") {
			want := bytes.Join(v.Expect.List("peers"), nil)
			if !bytes.Equal(slices.Concat(compact, compact6), want) {
				t.Errorf("%s: the peers of the body are %x %x", v.Name, compact, compact6)
			}
		}
	}
}

func TestExtensionPayloads(t *testing.T) {
	for _, v := range load(t, "extension").Vectors {
		payload := append(encode(v.Expect.Tree("message")), v.Expect.Bytes("rest")...)
		if !bytes.Equal(payload, v.Input.Bytes("payload")) {
			t.Errorf("%s: the parts make %q", v.Name, payload)
		}
	}
}

func TestInfoHashes(t *testing.T) {
	for _, v := range load(t, "metainfo").Select("info-hash") {
		hash := sha1.Sum(v.Input.Bytes("info"))
		equal(t, v, "info_hash", hash[:])
		piece := sha1.Sum(v.Input.Bytes("content"))
		if pieces := v.Expect.List("pieces"); len(pieces) != 1 || !bytes.Equal(pieces[0], piece[:]) {
			t.Errorf("%s: the piece is %x", v.Name, piece)
		}
	}
}

// TestQueryRoutingHash follows Query Routing v1.0 §Hashing.
func TestQueryRoutingHash(t *testing.T) {
	for _, v := range load(t, "gnutella").Select("qrp-hash") {
		var x uint32
		for i, c := range []byte(strings.ToLower(v.Input.Text("word"))) {
			x ^= uint32(c) << (8 * (i % 4))
		}
		if hash := int64(x * 0x4F1BBCDC >> (32 - v.Input.Int("bits"))); hash != v.Expect.Int("hash") {
			t.Errorf("%s: the hash is %d", v.Name, hash)
		}
	}
}

func TestGnutellaEncodings(t *testing.T) {
	f := load(t, "gnutella")
	for _, v := range f.Select("ggep-length") {
		n := v.Input.Int("length")
		encoded := []byte{0x40 | byte(n&0x3f)}
		for n >>= 6; n > 0; n >>= 6 {
			encoded = append([]byte{0x80 | byte(n&0x3f)}, encoded...)
		}
		equal(t, v, "encoded", encoded)
	}
	for _, v := range f.Select("cobs") {
		var encoded []byte
		for _, block := range bytes.Split(v.Input.Bytes("data"), []byte{0}) {
			encoded = append(append(encoded, byte(len(block)+1)), block...)
		}
		equal(t, v, "encoded", encoded)
	}
	for _, v := range f.Select("urn-sha1") {
		hash := sha1.Sum(v.Input.Bytes("data"))
		urn := "urn:sha1:" + base32.StdEncoding.EncodeToString(hash[:])
		if urn != v.Expect.Text("urn") {
			t.Errorf("%s: the URN is %s", v.Name, urn)
		}
	}
	for _, v := range f.Select("message") {
		e := v.Expect
		m := bytes.Clone(e.Bytes("guid"))
		for _, f := range []string{"type", "ttl", "hops"} {
			m = append(m, byte(e.Int(f)))
		}
		m = binary.LittleEndian.AppendUint32(m, uint32(len(e.Bytes("payload"))))
		m = append(m, e.Bytes("payload")...)
		if !bytes.Equal(m, v.Input.Bytes("message")) {
			t.Errorf("%s: the fields make %x", v.Name, m)
		}
	}
}
