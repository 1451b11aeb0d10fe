package transport_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// say writes to a raw connection.
func say(t testing.TB, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly what is wanted.
func expect(t testing.TB, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%.40q after %v, want %.40q", got[:n], err, want)
	}
}

// A stream is compressed from where the machine says, whatever of it came with the
// message before.
func TestDeflateBeginsWhereTheMachineSays(t *testing.T) {
	b, _ := serve(t, transport.TCPConfig{})
	hello, long := raw("#go"), "?"+strings.Repeat("it compresses; ", 3000)
	for _, cut := range []int{0, 1, len(hello), len(hello) + 1, len(hello) + 2, len(hello) + 9} {
		conn := dialRaw(t, b)
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var d deflate.Deflater
		all := d.Append(hello, append(raw("?hi"), raw(long)...))
		say(t, conn, all[:cut])
		time.Sleep(20 * time.Millisecond)
		say(t, conn, all[cut:])
		expect(t, conn, raw("=#go"))
		r := deflate.NewReader(conn)
		defer r.Stop()
		expect(t, r, raw("=?hi"))
		expect(t, r, raw("="+long))
		say(t, conn, d.Append(nil, raw("?ho"))) // flushed, and so are we
		expect(t, r, raw("=?ho"))
		say(t, conn, d.Append(nil, raw(".bye")))
		expect(t, r, raw("=.bye"))
		if n, err := r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes and %v behind the last", n, err)
		}
	}
	if s := b.Stats(); s.ReceivedBytes > 6*3000 || s.SentBytes > 6*3000 {
		t.Errorf("%+v: that is not compressed", s)
	}
}

// A machine may compress one direction alone, and when no message came.
func TestDirectionsAreCompressedAlone(t *testing.T) {
	a, fromA := serve(t, transport.TCPConfig{})
	b, fromB := serve(t, transport.TCPConfig{})
	connected(t, a, fromA, b, fromB)
	perform(t, b, spec.Deflate{Conn: -1, In: true}, spec.Deflate{Conn: -1, In: true}, spec.Deflate{Conn: 9, In: true})
	if err := b.Do(do{[]spec.Effect{spec.Write{Conn: -1, Msg: line("ready")}}}); err != nil {
		t.Fatal(err)
	}
	if got := hear(t, fromA); got != (spec.Got{Conn: 1, Msg: line("ready"), Lent: true}) {
		t.Fatalf("%v", got)
	}
	perform(t, a, spec.Deflate{Conn: 1, Out: true}, spec.Write{Conn: 1, Msg: line("?plain comes back")},
		spec.Deflate{Conn: 1, Out: true}, spec.Write{Conn: 1, Msg: line("and the end")}, spec.Close{Conn: 1})
	for _, want := range []spec.Input{
		spec.Got{Conn: -1, Msg: line("?plain comes back"), Lent: true},
		spec.Got{Conn: -1, Msg: line("and the end"), Lent: true}, spec.Closed{Conn: -1},
	} {
		if got := hearPast(t, fromB, spec.Drained{Conn: -1}); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

// A machine that closes a stream in the step in which it wants it inflated is done
// with it: nothing is kept to inflate what nobody will read.
func TestDeflateOfAStreamThatIsClosed(t *testing.T) {
	b, fromB := serve(t, transport.TCPConfig{Machine: &fickle{}})
	before := runtime.NumGoroutine()
	for range 20 {
		conn := dialRaw(t, b)
		say(t, conn, raw("#go"))
		expect(t, conn, raw("=#go"))
		conn.Close()
		for {
			if _, ok := hear(t, fromB).(spec.Got); ok {
				break
			}
		}
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 400 {
			t.Fatalf("%d goroutines are left, of %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// fickle is a toy that closes what it has just begun to compress.
type fickle struct{ toy }

func (m *fickle) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if got, ok := in.(spec.Got); ok {
		out = append(out, spec.Write{Conn: got.Conn, Msg: "=" + got.Msg.(line)},
			spec.Deflate{Conn: got.Conn, In: true}, spec.Close{Conn: got.Conn})
		return append(out, spec.Notify{Event: heard{in}})
	}
	return m.toy.Step(now, in, out)
}

// bomb is many bytes in few.
func bomb(b byte, n int) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(bytes.Repeat([]byte{b}, n)) // to memory
	_ = w.Close()
	return out.Bytes()
}

// What does not inflate ends a stream, and so does what inflates to what the
// decoder refuses: before memory has grown.
func TestWhatInflatesBadly(t *testing.T) {
	b, fromB := serve(t, transport.TCPConfig{})
	half := (&deflate.Deflater{}).Append(nil, []byte("\x00\x09hi"))
	for i, c := range []struct {
		in   []byte
		want error
	}{
		{[]byte("GNUTELLA"), zlib.ErrHeader},
		{bomb(0xff, 64<<20), errText},
		{half, io.ErrUnexpectedEOF},
		{half[:1], nil},
		{bomb('x', 0), nil},
		{nil, nil},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		conn := dialRaw(t, b)
		say(t, conn, append(raw("#go"), c.in...))
		_ = conn.CloseWrite() // it may be closed
		for {
			got, ok := hear(t, fromB).(spec.Closed)
			if !ok {
				continue
			}
			if got.Conn != spec.Conn(-1-i) || !errors.Is(got.Err, c.want) {
				t.Errorf("%.10x: %v, want %v", c.in, got, c.want)
			}
			break
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%.10x took %d bytes of memory", c.in, grown)
		}
	}
}

// A machine that lags holds up what inflates as it does what is plain: the remote
// party's bytes stay where they are.
func TestInflatingWaitsForTheMachine(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	b, _ := serve(t, transport.TCPConfig{Machine: &sleepy{held: held, release: release}})
	conn := dialRaw(t, b)
	var d deflate.Deflater
	many := bytes.Repeat(raw(strings.Repeat("x", 1000)), 50_000)
	say(t, conn, d.Append(raw("#go"), raw("wait")))
	<-held
	var before, after runtime.MemStats
	packed := d.Append(nil, many)
	runtime.ReadMemStats(&before)
	if err := conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write(packed) // the sockets may hold it all
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d bytes were taken while the machine slept", grown)
	}
	if s := b.Stats(); s.Received > 2 {
		t.Errorf("%d messages were handed to it", s.Received)
	}
	close(release)
}

// sleepy is a toy that sleeps at the line "wait".
type sleepy struct {
	toy
	held, release chan struct{}
}

func (m *sleepy) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if got, ok := in.(spec.Got); ok {
		if got.Msg == line("wait") {
			close(m.held)
			<-m.release
		}
		if got.Msg.(line)[0] == 'x' {
			return out
		}
	}
	return m.toy.Step(now, in, out)
}
