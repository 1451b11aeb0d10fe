package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// QueryHit answers a query (GN-QH-01).
type QueryHit struct {
	Addr      netip.AddrPort // IPv4, of who shares
	Speed     uint32         // of its line in kbit/s
	Count     uint8          // of results
	Results   []byte         // as they are on the wire: see [NextResult] and [Result.Append]
	Trailer   *Trailer       // EQHD, or nil
	ServentID GUID           // of who shares; the same in all its hits (GN-QH-10)
}

// Result is one file (GN-QH-02).
type Result struct {
	Index, Size uint32
	Name        []byte // without NUL
	Extensions  []byte // without NUL: see [NextExtension]
}

// Trailer is the extended query hit descriptor: who made the servent, and what it
// says of itself (GN-QH-07).
type Trailer struct {
	Vendor  [4]byte
	Flags   HitFlags
	XMLSize uint16 // of compressed metadata behind Private, where it has some
	Private []byte // the vendor's, and GGEP from the first c3 on (GN-QH-09)
}

// HitFlags are the two bytes of flags in a trailer. For all but push the first
// says which are known, and the second what they are; for push it is the other way
// round (GN-QH-08).
type HitFlags [2]byte

// HitFlag is a bit of [HitFlags].
type HitFlag byte

// The flags.
const (
	HitPush          HitFlag = 1 << 0 // the servent cannot be reached: send a push
	HitBusy          HitFlag = 1 << 2 // all slots are taken
	HitUploaded      HitFlag = 1 << 3 // a file was uploaded before
	HitMeasuredSpeed HitFlag = 1 << 4
	HitGGEP          HitFlag = 1 << 5 // Private has a block
)

// Get says what a flag is, and whether that is known.
func (f HitFlags) Get(flag HitFlag) (set, known bool) {
	enable, value := f[0], f[1]
	if flag == HitPush {
		enable, value = value, enable
	}
	return value&byte(flag) != 0, enable&byte(flag) != 0
}

// With returns the flags with one more that is known.
func (f HitFlags) With(flag HitFlag, set bool) HitFlags {
	enable, value := &f[0], &f[1]
	if flag == HitPush {
		enable, value = value, enable
	}
	*enable |= byte(flag)
	*value &^= byte(flag)
	if set {
		*value |= byte(flag)
	}
	return f
}

const (
	hitHeader   = 11 // count, port, address, speed
	openData    = 2  // flags
	openDataXML = 4  // flags and size of the metadata
	resultFixed = 8  // index and size
)

// Append appends the payload.
func (h *QueryHit) Append(b []byte) []byte {
	b = append(b, h.Count)
	b = binary.LittleEndian.AppendUint16(b, h.Addr.Port())
	b = appendIPv4(b, h.Addr.Addr())
	b = binary.LittleEndian.AppendUint32(b, h.Speed)
	b = append(b, h.Results...)
	if t := h.Trailer; t != nil {
		b = append(b, t.Vendor[:]...)
		if t.XMLSize > 0 {
			b = append(b, openDataXML, t.Flags[0], t.Flags[1])
			b = binary.LittleEndian.AppendUint16(b, t.XMLSize)
		} else {
			b = append(b, openData, t.Flags[0], t.Flags[1])
		}
		b = append(b, t.Private...)
	}
	return append(b, h.ServentID[:]...)
}

// ParseQueryHit reads a payload, from which the result borrows. It has gone
// through all results.
func ParseQueryHit(b []byte) (h QueryHit, err error) {
	if len(b) < hitHeader+len(h.ServentID) {
		return h, malformed("QueryHit", len(b), "GN-QH-01", "%d bytes, want at least %d", len(b), hitHeader+len(h.ServentID))
	}
	end := len(b) - len(h.ServentID)
	h = QueryHit{
		Count: b[0], Speed: binary.LittleEndian.Uint32(b[7:]), ServentID: GUID(b[end:]),
		Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[3:7])), binary.LittleEndian.Uint16(b[1:])),
	}
	rest := b[hitHeader:end]
	for range h.Count {
		if _, rest, err = NextResult(rest); err != nil {
			return QueryHit{}, err
		}
	}
	h.Results = b[hitHeader : end-len(rest)]
	if len(rest) == 0 {
		return h, nil
	}
	h.Trailer, err = parseTrailer(rest, end-len(rest))
	return h, err
}

func parseTrailer(b []byte, at int) (*Trailer, error) {
	if len(b) < 5 {
		return nil, malformed("QueryHit", at, "GN-QH-07", "%d bytes between results and servent", len(b))
	}
	size := int(b[4])
	if len(b)-5 < size || size < openData {
		return nil, malformed("QueryHit", at+4, "GN-QH-07", "open data of %d bytes, want at least %d, %d are left",
			size, openData, len(b)-5)
	}
	t := &Trailer{Vendor: [4]byte(b), Flags: HitFlags{b[5], b[6]}, Private: b[5+size:]}
	if size >= openDataXML {
		t.XMLSize = binary.LittleEndian.Uint16(b[7:])
	}
	return t, nil
}

// Append appends a result. A NUL in it has no encoding.
func (r *Result) Append(b []byte) ([]byte, error) {
	if bytes.IndexByte(r.Name, 0) >= 0 || bytes.IndexByte(r.Extensions, 0) >= 0 {
		return b, malformed("QueryHit", resultFixed, "GN-QH-02", "NUL in a result")
	}
	b = binary.LittleEndian.AppendUint32(b, r.Index)
	b = binary.LittleEndian.AppendUint32(b, r.Size)
	b = append(append(b, r.Name...), 0)
	return append(append(b, r.Extensions...), 0), nil
}

// NextResult splits the first result off.
func NextResult(b []byte) (r Result, rest []byte, err error) {
	if len(b) < resultFixed {
		return r, nil, malformed("QueryHit", hitHeader, "GN-QH-02", "a result of %d bytes", len(b))
	}
	name := bytes.IndexByte(b[resultFixed:], 0)
	if name < 0 {
		return r, nil, malformed("QueryHit", hitHeader, "GN-QH-02", "no NUL ends a name")
	}
	name += resultFixed
	extensions := bytes.IndexByte(b[name+1:], 0)
	if extensions < 0 {
		return r, nil, malformed("QueryHit", hitHeader, "GN-QH-02", "no NUL ends a result")
	}
	extensions += name + 1
	return Result{
		Index: binary.LittleEndian.Uint32(b), Size: binary.LittleEndian.Uint32(b[4:]),
		Name: b[resultFixed:name], Extensions: b[name+1 : extensions],
	}, b[extensions+1:], nil
}
