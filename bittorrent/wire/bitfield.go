package wire

import "fmt"

// BitfieldLen is the length in bytes of the bitfield of a torrent. The bit of
// piece 0 is the highest of the first byte. BEP03-PEER-023
func BitfieldLen(pieces int32) int32 {
	return int32((int64(pieces) + 7) / 8)
}

// CheckBitfield holds a bitfield against the number of pieces of its torrent,
// once that is known: it has the one length, and the bits behind the last
// piece are zero. The error is an *[Error]. BEP03-PEER-024, BEP03-PEER-025
func CheckBitfield(bits []byte, pieces int32) error {
	if want := BitfieldLen(pieces); int64(len(bits)) != int64(want) {
		return &Error{"BEP03-PEER-024",
			fmt.Sprintf("a bitfield of %d bytes for %d pieces, which take %d", len(bits), pieces, want)}
	}
	if used := pieces % 8; used > 0 && bits[len(bits)-1]&(0xff>>used) != 0 {
		return &Error{"BEP03-PEER-025",
			fmt.Sprintf("a bitfield with bits behind the last of %d pieces", pieces)}
	}
	return nil
}
