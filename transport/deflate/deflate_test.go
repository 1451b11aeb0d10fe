package deflate

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drain inflates what can be inflated.
func drain(t require.TestingT, z *Inflater) (got []byte, err error) {
	for {
		b, err := z.Next()
		require.LessOrEqual(t, len(b), MaxChunk)
		if len(b) == 0 {
			return got, err
		}
		got = append(got, b...)
	}
}

func compressed(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// What was appended can be read at once, whatever follows. GN-HS-26.
func TestEachAppendIsFlushed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Deflater
		z := NewInflater()
		defer z.Stop()
		for _, m := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 20).Draw(t, "messages") {
			z.Push(d.Append(nil, m))
			got, err := drain(t, z)
			require.NoError(t, err)
			require.True(t, bytes.Equal(m, got), "%x came out as %x", m, got)
		}
	})
}

// However the bytes are cut, the same comes out.
func TestSplitAtEveryByte(t *testing.T) {
	var d Deflater
	text := []byte(strings.Repeat("a query, and what it finds; ", 700))
	flushed := d.Append(nil, text)
	for _, in := range [][]byte{flushed, compressed(text)} {
		for cut := range in {
			z := NewInflater()
			z.Push(in[:cut])
			got, err := drain(t, z)
			require.NoError(t, err)
			z.Push(in[cut:])
			rest, err := drain(t, z)
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
			}
			require.True(t, bytes.Equal(text, append(got, rest...)), "cut at %d", cut)
			z.Stop()
		}
	}
	z := NewInflater()
	defer z.Stop()
	var got []byte
	for _, c := range flushed {
		z.Push([]byte{c})
		b, err := drain(t, z)
		require.NoError(t, err)
		got = append(got, b...)
	}
	assert.True(t, bytes.Equal(text, got))
}

// LimeWire flushes a pong as Z_PARTIAL_FLUSH does, in the middle of a block.
func TestPartialFlush(t *testing.T) {
	in, err := hex.DecodeString("789caa0bdef5d32ee43ec37f878369deca2c0c8c8c0cda0c0c0c0d0df50c0c8ccc409603101f6676f1087" +
		"10632985c421d19987dfc9d9d53f3189a42039c19d46401")
	require.NoError(t, err)
	z := NewInflater()
	defer z.Stop()
	z.Push(in)
	got, err := drain(t, z)
	require.NoError(t, err)
	assert.Len(t, got, 66)

	there, here := net.Pipe()
	defer there.Close()
	go func() { _, _ = there.Write(in) }()
	r, read := NewReader(here), make([]byte, 66)
	defer r.Stop()
	_, err = io.ReadFull(r, read)
	require.NoError(t, err)
	assert.Equal(t, got, read)
}

// What is longer than the window comes out whole, however it was compressed.
func TestLongTextInEveryWay(t *testing.T) {
	var text []byte
	for i := 0; len(text) < 5*windowSize; i++ {
		text = fmt.Appendf(text, "%d: %x; ", i, i*i*i)
		text = append(text, text[max(0, len(text)-i%40_000):][:min(i%300, len(text))]...)
	}
	for _, level := range []int{
		zlib.NoCompression, zlib.BestSpeed, zlib.BestCompression, zlib.DefaultCompression, zlib.HuffmanOnly,
	} {
		var in bytes.Buffer
		w, err := zlib.NewWriterLevel(&in, level)
		require.NoError(t, err)
		_, _ = w.Write(text)
		_ = w.Close()
		z := NewInflater()
		z.Push(in.Bytes())
		got, err := drain(t, z)
		require.ErrorIs(t, err, io.EOF)
		require.True(t, bytes.Equal(text, got), "level %d", level)
		z.Stop()
	}
}

// A long text is flushed on the way. GN-HS-26.
func TestLongTextIsFlushedOnTheWay(t *testing.T) {
	text := make([]byte, 4*FlushEvery)
	for i := range text {
		text[i] = byte(i * i >> 7)
	}
	var d Deflater
	b := d.Append(nil, text)
	assert.Equal(t, 4, bytes.Count(b, []byte{0, 0, 0xff, 0xff}))
}

// A bomb comes in chunks, so that whoever reads can stop, and costs no memory
// that grows with it.
func TestBomb(t *testing.T) {
	bomb := compressed(make([]byte, 64<<20))
	var before, after runtime.MemStats
	z := NewInflater()
	runtime.ReadMemStats(&before)
	z.Push(bomb)
	total := 0
	for total < 64<<20 {
		b, err := z.Next()
		require.NoError(t, err)
		require.NotEmpty(t, b)
		require.LessOrEqual(t, len(b), MaxChunk)
		total += len(b)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
	_, err := z.Next()
	require.ErrorIs(t, err, io.EOF)
	z.Stop()
	_, err = z.Next()
	assert.ErrorIs(t, err, io.EOF, "what ended stays so")
}

func TestGarbage(t *testing.T) {
	var d Deflater
	damaged := compressed([]byte("the sum of this is wrong"))
	damaged[len(damaged)-1]++
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"plain text":        {[]byte("GNUTELLA/0.6 200 OK\r\n"), zlib.ErrHeader},
		"a dictionary":      {[]byte{0x78, 0xbb, 0, 0, 0, 0}, zlib.ErrDictionary},
		"a wrong sum":       {damaged, zlib.ErrChecksum},
		"an unknown block":  {[]byte{0x78, 0x9c, 7}, nil},
		"behind the header": {append(d.Append(nil, []byte("good")), bytes.Repeat([]byte{0xff}, 100)...), nil},
	} {
		z := NewInflater()
		z.Push(c.in)
		_, err := drain(t, z)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, io.EOF, name)
		if c.want != nil {
			require.ErrorIs(t, err, c.want, name)
		}
		z.Push([]byte("more"))
		_, again := z.Next()
		require.Equal(t, err, again, name)
		z.Stop()
	}
}

// Nothing is left of an Inflater that was stopped, wherever it was, nor of one
// that was forgotten.
func TestStopLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	var d Deflater
	in := d.Append(nil, make([]byte, 100<<10))
	for i := range 300 {
		z := NewInflater()
		z.Push(in[:min(i, len(in))])
		if i%3 > 0 {
			_, err := z.Next()
			require.NoError(t, err)
		}
		if i%2 == 0 {
			continue // forgotten
		}
		z.Stop()
		z.Stop()
		_, err := z.Next()
		require.True(t, errors.Is(err, errStopped))
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		require.True(t, time.Now().Before(deadline), "coroutines were left")
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// An Inflater takes any bytes, and says the same of them as compress/zlib.
func TestInflaterAgreesWithZlib(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := compressed(rapid.SliceOfN(rapid.ByteRange(0, 3), 0, 500).Draw(t, "text"))
		if rapid.Bool().Draw(t, "damaged") {
			in[rapid.IntRange(0, len(in)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		var want []byte
		r, wantErr := zlib.NewReader(bytes.NewReader(in))
		if wantErr == nil {
			want, wantErr = io.ReadAll(r)
		}
		z := NewInflater()
		defer z.Stop()
		z.Push(in)
		got, err := drain(t, z)
		require.True(t, bytes.HasPrefix(want, got))
		switch {
		case wantErr == nil:
			require.ErrorIs(t, err, io.EOF)
		case errors.Is(wantErr, io.ErrUnexpectedEOF):
			require.NoError(t, err, "more may come")
			return
		case errors.Is(wantErr, zlib.ErrHeader), errors.Is(wantErr, zlib.ErrChecksum), errors.Is(wantErr, zlib.ErrDictionary):
			require.ErrorIs(t, err, wantErr)
		default:
			require.ErrorIs(t, err, errCorrupt)
		}
		require.Len(t, got, len(want))
	})
}

func BenchmarkDeflater(b *testing.B) {
	var d Deflater
	out, m := []byte(nil), []byte(strings.Repeat("\x01\x02 a query of the usual length", 3))
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		out = d.Append(out[:0], m)
	}
}

func BenchmarkInflater(b *testing.B) {
	in := compressed(bytes.Repeat([]byte("\x01\x02 a query of the usual length"), 10_000))
	b.SetBytes(30 * 10_000)
	b.ReportAllocs()
	for b.Loop() {
		z := NewInflater()
		z.Push(in)
		for {
			if _, err := z.Next(); err != nil {
				break
			}
		}
		z.Stop()
	}
}

// Many short blocks take no more memory than one.
func TestFixedCodesAreMadeOnce(t *testing.T) {
	const blocks, bits = 20_000, 10
	b := make([]byte, blocks*bits/8)
	for i := range blocks {
		at := i*bits + 1 // behind the bit of the last block: the kind 1, and an end of block of zeros
		b[at/8] |= 1 << (at % 8)
	}
	z := NewInflater()
	defer z.Stop()
	z.Push([]byte{0x78, 0x9c})
	z.Push(b)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := z.Next()
	runtime.ReadMemStats(&after)
	if len(got) > 0 || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d blocks took %d bytes of memory", blocks, grown)
	}
}
