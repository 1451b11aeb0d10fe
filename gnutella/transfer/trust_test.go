package transfer

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Sources that do not have the file, and name each other, are not asked for ever.
//
// GN-PU-23.
func TestSourcesThatNameEachOther(t *testing.T) {
	d := newDesk(t, Config{Sources: 2})
	d.download(named(1))
	for len(d.done) == 0 && len(d.dials) < 100 {
		other := addr(1)
		if d.dials[len(d.dials)-1] == other {
			other = addr(2)
		}
		d.say(d.connected(), head("HTTP/1.1 404 Not Found", "X-Alt: "+other.String()))
	}
	d.isDone(ErrNoSource)
	if len(d.dials) != 1+2*namedPerSource {
		t.Errorf("%d dials", len(d.dials))
	}
}

// Without a hash the file is of one source: it may go on, another begins anew. What
// is there already is of nobody.
func TestOneSourceWithoutHash(t *testing.T) {
	d := newDesk(t, Config{})
	d.step(Download{Op: 1, Piece: 9, Size: 21, Sources: []Source{named(1), named(2)}})
	c := d.connected()
	d.say(c, head("HTTP/1.1 200 OK")+"other")
	d.now += time.Second
	d.step(spec.Closed{Conn: c})
	c = d.connected()
	if asked := d.lines[c].wrote.String(); d.dials[1] != addr(1) || !strings.Contains(asked, "Range: bytes=5-") {
		t.Errorf("dials %v, asked %q", d.dials, asked)
	}
	d.say(c, head("HTTP/1.1 404 Not Found"))
	c = d.connected()
	if asked := d.lines[c].wrote.String(); d.dials[2] != addr(2) || strings.Contains(asked, "Range") {
		t.Errorf("dials %v, asked %q: bytes of two are mixed", d.dials, asked)
	}
	d.say(c, answer())
	d.isDone(nil)
	d.step(Download{Op: 2, Piece: 10, Size: 21, Have: 1, Sources: []Source{named(1)}})
	if d.done[2].Err != ErrNoHash {
		t.Errorf("a part of an unknown file: %v", d.done[2])
	}
}

// Without a hash each source begins anew: two that break off at the same byte again and
// again bring nothing new, and are given up.
func TestSourcesThatGetNoFurther(t *testing.T) {
	d := newDesk(t, Config{})
	d.step(Download{Op: 1, Piece: 9, Size: 21, Sources: []Source{named(1), named(2)}})
	for len(d.done) == 0 && len(d.dials) < 100 {
		dials, c := len(d.dials), d.connected()
		if asked := d.lines[c].wrote.String(); !strings.Contains(asked, "Range") {
			d.say(c, head("HTTP/1.1 200 OK")+"other")
		}
		d.step(spec.Closed{Conn: c})
		for len(d.done) == 0 && len(d.dials) == dials {
			d.wait(time.Minute)
		}
	}
	d.isDone(ErrNoSource)
}

// A source that sends byte after byte in answers of their own, or has one wait in its
// queue for hours, gives way to others.
//
// GN-PU-13, GN-PU-17.
func TestSlowSourcesGiveWay(t *testing.T) {
	const size = 1_000_000
	sources := []Source{named(1), named(2)}
	d := newDesk(t, Config{})
	d.step(Download{Op: 1, Piece: 9, Size: size, SHA1: hash(), Sources: sources})
	c := d.connected()
	for n := 0; n < 100 && len(d.dials) == 1; n++ {
		d.say(c, head("HTTP/1.1 206 OK", "Content-Length: 1", fmt.Sprintf("Content-Range: bytes %d-%d/%d", n, n, size)))
		d.wait(59 * time.Second)
		d.say(c, "x")
	}
	if len(d.dials) != 2 || d.dials[1] != addr(2) || d.now > time.Hour {
		t.Errorf("a byte a minute: dials %v after %v", d.dials, d.now)
	}
	d = newDesk(t, Config{})
	d.step(Download{Op: 1, Piece: 9, Size: size, SHA1: hash(), Sources: sources})
	place := "X-Queue: position=1,length=1,limit=1,pollMin=3600"
	d.say(d.connected(), head("HTTP/1.1 503 Busy", "Content-Length: 0", place))
	if len(d.dials) != 2 || d.dials[1] != addr(2) {
		t.Errorf("an hour to wait: dials %v", d.dials)
	}
}

// An operation that is under way is refused, and goes on.
func TestSameOperation(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(named(1))
	d.step(Download{Op: 1, Piece: 10, Size: 3, SHA1: hash(), Sources: []Source{named(2)}})
	d.isDone(ErrOp)
	d.say(d.connected(), answer())
	d.isDone(nil)
}

// Pushes to hosts that are silent leave streams for others.
//
// GN-PU-06.
func TestSilentOffers(t *testing.T) {
	d := newDesk(t, Config{Conns: 8})
	for i := range 8 {
		d.step(Offer{Op: spec.OpID(i + 1), To: addr(i), Index: 5})
	}
	if len(d.dials) != 2 || d.done[2].Err != nil || d.done[3].Err != ErrTooMany {
		t.Errorf("dials %v, done %v", d.dials, d.done)
	}
	d.connected()
	if d.step(Offer{Op: 9, To: addr(9), Index: 5}); d.done[9].Err != nil {
		t.Errorf("after an answer: %v", d.done[9])
	}
}

// What is refused teaches nothing.
//
// GN-PU-23.
func TestNothingLearntOfRefused(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(named(1))
	d.say(d.connected(), head("HTTP/1.1 200 OK", "Content-Length: 20", "X-Alt: "+addr(2).String()))
	d.isDone(ErrNoSource)

	const get = "GET /get/5/hello world 100%.txt HTTP/1.1"
	d = newDesk(t, Config{Uploads: 1})
	d.slow = true
	d.get(get)
	_, c := d.get(get, "X-Queue: 0.1")
	if d.say(c, head(get, "X-Queue: 0.1", "X-Alt: "+addr(2).String())); !d.lines[c].closed {
		t.Fatal("it is not too early")
	}
	if len(d.locations[0]) > 0 {
		t.Errorf("learnt %v of a request that came too early", d.locations)
	}
}

// Private addresses that a public host names are neither dialled nor told, and
// those that a private one has named are told to private ones.
//
// GN-PG-15.
func TestPrivateLocations(t *testing.T) {
	for _, inner := range []string{"10.0.0.1:6346", "127.0.0.1:80", "192.168.3.4:5", "169.254.1.1:6346"} {
		d := newDesk(t, Config{})
		d.download(named(1))
		d.say(d.connected(), head("HTTP/1.1 404 Not Found", "X-Alt: "+inner))
		d.isDone(ErrNoSource)

		d = newDesk(t, Config{})
		near := named(1)
		near.Addr = netip.MustParseAddrPort("10.0.0.7:6346")
		d.download(near)
		d.say(d.connected(), head("HTTP/1.1 404 Not Found", "X-Alt: "+inner))
		if len(d.dials) != 2 || d.dials[1].String() != inner {
			t.Errorf("named by a neighbour: dials %v", d.dials)
		}

		const get = "GET /get/5/hello world 100%.txt HTTP/1.1"
		d.get(get, "X-Alt: "+inner)
		if len(d.locations[0]) > 0 {
			t.Errorf("learnt %v of a public host", d.locations[0])
		}
		d.last--
		d.lines[d.last] = &line{decoder: Codec{}.Decoder()}
		d.step(spec.Opened{Conn: d.last, Remote: near.Addr})
		d.say(d.last, head(get, "X-Alt: "+inner))
		if again := d.say(d.last, head(get)); !strings.Contains(again, "http://"+inner+"/") {
			t.Errorf("a neighbour is told %q", again)
		}
		if answer, _ := d.get(get); strings.Contains(answer, inner) {
			t.Errorf("a public host is told %q", answer)
		}
	}
}

// A source that only drips is left for others, and is dropped after a few times.
func TestDrip(t *testing.T) {
	d := newDesk(t, Config{StallTimeout: time.Minute, RetryAfter: time.Minute})
	d.step(Download{Op: 1, Piece: 9, Size: 9000, SHA1: hash(), Sources: []Source{named(1), named(2)}})
	c := d.connected()
	d.say(c, head("HTTP/1.1 200 OK")+strings.Repeat("x", minProgress-1))
	d.wait(59 * time.Second)
	if d.say(c, "x"); d.lines[c].closed {
		t.Fatal("it was left")
	}
	d.wait(59 * time.Second) // a modem
	if d.say(c, "x"); d.lines[c].closed {
		t.Fatal("it was left though it had sent enough")
	}
	d.wait(time.Second)
	if !d.lines[c].closed || len(d.dials) != 2 || d.dials[1] != addr(2) {
		t.Fatalf("dials %v", d.dials)
	}
	d.say(d.connected(), head("HTTP/1.1 404 Not Found"))
	for i := 0; i < 20 && len(d.done) == 0; i++ {
		if len(d.dials) > 2+i/2 {
			begin := d.downloads[0].at
			c = d.connected()
			d.say(c, head("HTTP/1.1 206 OK", fmt.Sprintf("Content-Range: bytes %d-8999/9000", begin))+"x")
		}
		d.wait(time.Minute)
	}
	d.isDone(ErrNoSource)
	if len(d.dials) != 4 {
		t.Errorf("dials %v", d.dials)
	}
}

// Who breaks off is asked again after those whose turn it is.
func TestBreaksOff(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(named(1), named(2))
	c := d.connected()
	d.say(c, head("HTTP/1.1 200 OK")+content[:3])
	d.now += time.Second
	d.step(spec.Closed{Conn: c})
	if len(d.dials) != 2 || d.dials[1] != addr(2) {
		t.Errorf("dials %v", d.dials)
	}
}
