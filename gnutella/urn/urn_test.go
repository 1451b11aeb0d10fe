package urn

import (
	"bytes"
	"crypto/sha1"
	"flag"
	"fmt"
	"go/format"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

var update = flag.Bool("urn.update", false, "write sboxes.go")

// The constants come out of Tiger itself, run on a sentence of 64 bytes five
// times over boxes that begin as plain counts: as its authors made them.
func TestSBoxesAreTheirAuthors(t *testing.T) {
	boxes := generate("Tiger - A Fast New Hash Function, by Ross Anderson and Eli Biham", 5)
	if *update {
		source, err := format.Source(render(boxes))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("sboxes.go", source, 0o644))
	}
	if boxes != sBoxes() {
		t.Error("sboxes.go holds others")
	}
}

func generate(sentence string, passes int) (boxes [4][256]uint64) {
	for i := range 4 * 256 {
		boxes[i/256][i%256] = uint64(i%256) * 0x0101010101010101
	}
	state, turn := tigerStart(), 2
	for i := range passes * 256 {
		for box := range boxes {
			if turn++; turn == 3 {
				turn = 0
				state.compress([]byte(sentence), &boxes)
			}
			for column := range 8 {
				swap(&boxes[box][i%256], &boxes[box][byte(state[turn]>>(8*column))], 0xff<<(8*column))
			}
		}
	}
	return boxes
}

// Published values: the reference's, a servent's own list, HUGE and THEX.
func TestPublished(t *testing.T) {
	f, err := vectors.Load("gnutella")
	require.NoError(t, err)
	for _, v := range f.Select("tiger") {
		assert.Equal(t, v.Expect.Text("root"), Tiger(v.Input.Bytes("data")).String(), v.Name)
	}
	for _, v := range f.Select("tiger-tree") {
		assert.Equal(t, v.Expect.Text("root"), Sum(v.Input.Bytes("data")).Tiger.String(), v.Name)
	}
	for _, v := range f.Select("urn-sha1") {
		name := Sum(v.Input.Bytes("data")).SHA1
		assert.Equal(t, v.Expect.Text("urn"), name.String(), v.Name)
		again, err := Parse(strings.ToLower(v.Expect.Text("urn"))) // GN-QY-18
		require.NoError(t, err)
		assert.Equal(t, name, again)
	}
	assert.Equal(t, "B72Q", base32Text([]byte{0x0f, 0xf5})) // HUGE §2.3
}

// GN-PU-24: who knows bitprints alone is answered by SHA-1.
func TestBitprintIsReducedToSHA1(t *testing.T) {
	const published = "J2LHXO34QXD4Q6ITI3TRT5WF2BFOHISE.AS3DST7FHA6Q5TY3ANBKCZY5YQK5POZHM3T6ZXA"
	b, err := ParseBitprint("urn:bitprint:" + published)
	require.NoError(t, err)
	assert.Equal(t, "urn:bitprint:"+published, b.String())
	h, err := Parse("urn:BITPRINT:" + published)
	require.NoError(t, err)
	assert.Equal(t, b.SHA1, h)
}

func TestParseRefuses(t *testing.T) {
	const good = "3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
	for in, want := range map[string]error{
		"":                              ErrUnknown,
		"urn:":                          ErrUnknown,
		"urn:md5:" + good:               ErrUnknown,
		"urn:sha1:":                     ErrMalformed,
		"urn:sha1:" + good[1:]:          ErrMalformed,
		"urn:sha1:" + good + "A":        ErrMalformed,
		"urn:sha1:" + good[:31] + "1":   ErrMalformed,
		"urn:sha1:" + good[:31] + "=":   ErrMalformed,
		"urn:sha1:" + good[:31] + "\n":  ErrMalformed,
		"urn:bitprint:" + good:          ErrMalformed,
		"urn:bitprint:" + good + ".AAA": ErrMalformed,
	} {
		_, err := Parse(in)
		assert.ErrorIs(t, err, want, "%q", in)
	}
	// The last digit of a Tiger root has bits that mean nothing: they are zero.
	_, err := ParseBitprint("urn:bitprint:" + good + "." + strings.Repeat("A", 38) + "B")
	assert.ErrorIs(t, err, ErrMalformed)
}

// In whatever pieces a file comes, and wherever its root is asked for on the way,
// the root is that of the tree built from all leaves, row by row.
func TestTreeIsThatOfRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := make([]byte, rapid.IntRange(0, 9*TreeBlock).Draw(t, "size"))
		for i := range file {
			file[i] = byte(i * i >> 3)
		}
		var tree Tree
		for rest := file; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 3000).Draw(t, "piece"))
			_, _ = tree.Write(rest[:n])
			rest = rest[n:]
			require.Equal(t, byRows(file[:len(file)-len(rest)]), tree.Root())
		}
		require.Equal(t, byRows(file), tree.Root())
	})
}

func byRows(file []byte) TigerHash {
	var row []TigerHash
	for at := 0; at == 0 || at < len(file); at += TreeBlock {
		row = append(row, Tiger(append([]byte{0}, file[at:min(at+TreeBlock, len(file))]...)))
	}
	for len(row) > 1 {
		var above []TigerHash
		for i := 0; i+1 < len(row); i += 2 {
			above = append(above, parent(row[i], row[i+1]))
		}
		if len(row)%2 == 1 {
			above = append(above, row[len(row)-1])
		}
		row = above
	}
	return row[0]
}

func BenchmarkTree(b *testing.B) {
	file := make([]byte, 1<<20)
	b.SetBytes(int64(len(file)))
	for range b.N {
		var t Tree
		_, _ = t.Write(file)
		t.Root()
	}
}

func BenchmarkSHA1(b *testing.B) {
	file := make([]byte, 1<<20)
	b.SetBytes(int64(len(file)))
	for range b.N {
		sha1.Sum(file)
	}
}

func swap(a, b *uint64, mask uint64) {
	x, y := *a&mask, *b&mask
	*a = *a&^mask | y
	*b = *b&^mask | x
}

func render(boxes [4][256]uint64) []byte {
	b := bytes.NewBufferString("package urn\n\n// sBoxes is what Tiger substitutes bytes by,\n" +
		"// generated by `go test ./gnutella/urn -urn.update`.\nfunc sBoxes() [4][256]uint64 {\n return [4][256]uint64{\n")
	for _, box := range boxes {
		b.WriteString("{\n")
		for i, v := range box {
			fmt.Fprintf(b, "0x%016x,", v)
			if i%4 == 3 {
				b.WriteString("\n")
			}
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n}\n")
	return b.Bytes()
}
