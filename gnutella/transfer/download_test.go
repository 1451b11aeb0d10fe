package transfer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func (d *desk) download(sources ...Source) {
	d.Helper()
	d.step(Download{Op: 1, Piece: 9, Size: uint32(len(content)), SHA1: hash(), Sources: sources})
}

func named(i int) Source { return Source{Addr: addr(i), Index: 3, Name: "a b"} }

func pushed(i int) Source {
	s := named(i)
	s.ServentID, s.Push = wire.GUID{byte(i)}, true
	return s
}

func (d *desk) isDone(want error) {
	d.Helper()
	e, ok := d.done[1]
	if !ok || !errors.Is(e.Err, want) || want == nil && string(d.pieces[9]) != content {
		d.Errorf("done %v: %v, %v; stored %q; want %v", ok, e.Result, e.Err, d.pieces[9], want)
	}
}

// A download asks by index and name, or by urn where no name is known, and names the
// content.
//
// GN-PU-10, GN-PU-20, GN-PU-21, GN-PU-24.
func TestRequest(t *testing.T) {
	for _, c := range []struct {
		source Source
		first  string
	}{
		{named(1), "GET /get/3/a%20b HTTP/1.1\r\n"},
		{Source{Addr: addr(1)}, "GET /uri-res/N2R?" + hash().String() + " HTTP/1.1\r\n"},
	} {
		d := newDesk(t, Config{})
		d.download(c.source)
		conn := d.connected()
		asked := d.lines[conn].wrote.String()
		if !strings.HasPrefix(asked, c.first) || !strings.Contains(asked, contentHeader+": "+hash().String()+"\r\n") ||
			strings.Contains(asked, "Range") || !strings.Contains(asked, "Host: "+addr(1).String()) {
			t.Errorf("asked %q", asked)
		}
		d.say(conn, answer())
		d.isDone(nil)
		if want := (Downloaded{9, uint32(len(content)), true}); d.done[1].Result != spec.Event(want) {
			t.Errorf("result %v", d.done[1].Result)
		}
		if !d.lines[conn].closed {
			t.Error("the stream stays open")
		}
	}
}

// Without a hash nothing is verified, and that is said.
func TestWithoutHash(t *testing.T) {
	d := newDesk(t, Config{})
	d.step(Download{Op: 1, Piece: 9, Size: 21, Sources: []Source{named(1), {Addr: addr(2)}}})
	d.say(d.connected(), "HTTP/1.0 200 OK\n\n"+content)
	d.isDone(nil)
	if want := (Downloaded{9, 21, false}); d.done[1].Result != spec.Event(want) {
		t.Errorf("result %v", d.done[1].Result)
	}
}

// What breaks goes on where it ended, with the same source at once and with others
// later; what was stored long ago is not fetched at all.
//
// GN-PU-13.
func TestResume(t *testing.T) {
	d := newDesk(t, Config{})
	d.pieces[9] = []byte(content[:3])
	d.step(Download{Op: 1, Piece: 9, Size: 21, Have: 3, SHA1: hash(), Sources: []Source{named(1), named(2)}})
	c := d.connected()
	d.say(c, head("HTTP/1.1 206 Partial", "Content-Range: bytes 3-20/21", "Content-Length: 18")+content[3:7])
	d.step(spec.Closed{Conn: c})
	c = d.connected()
	if got := d.lines[c].wrote.String(); d.dials[1] != addr(1) || !strings.Contains(got, "Range: bytes=7-\r\n") {
		t.Errorf("dialled %v, asked %q", d.dials[1], got)
	}
	d.step(spec.Closed{Conn: c}) // without a byte: another source's turn
	c = d.connected()
	if d.dials[2] != addr(2) {
		t.Errorf("dialled %v", d.dials)
	}
	d.say(c, answer()) // ignores the range
	d.isDone(nil)
}

// A source may send less than was asked for; then the rest is asked for on the same
// stream.
func TestShortPart(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(named(1))
	c := d.connected()
	again := d.say(c, head("HTTP/1.1 206 Partial", "Content-Range: bytes 0-4/*", "Content-Length: 5")+content[:5])
	if !strings.Contains(again, "Range: bytes=5-\r\n") {
		t.Fatalf("asked %q", again)
	}
	d.say(c, head("HTTP/1.1 206 Partial", "Content-Range: bytes=5-20/21", "Content-Length: 16")+content[5:])
	d.isDone(nil)
}

// Where the end of a part is that of the stream, or close is asked for, the rest is
// asked for on another.
func TestLastPart(t *testing.T) {
	for _, header := range []string{"X: y", "Content-Length: 5\r\nConnection: close"} {
		d := newDesk(t, Config{})
		d.download(named(1))
		d.say(d.connected(), head("HTTP/1.1 206 Partial", "Content-Range: bytes 0-4/21", header)+content[:5])
		if len(d.dials) != 2 {
			t.Errorf("%s: dials %v", header, d.dials)
		}
	}
}

// Sources that promise something else are left, with the clause.
//
// GN-PU-13, GN-PU-21.
func TestLies(t *testing.T) {
	for _, c := range []struct{ answer, clause string }{
		{head("HTTP/1.1 200 OK", "Content-Length: 20"), "GN-PU-13"},
		{head("HTTP/1.1 200 OK", "Content-Length: 9999999999999999"), "GN-PU-13"},
		{head("HTTP/1.1 200 OK", "Content-Length: 4294967317"), "GN-PU-13"}, // 1<<32 and what it is
		{head("HTTP/1.1 200 OK") + content + "more", "GN-PU-13"},
		{head("HTTP/1.1 206 OK", "Content-Range: bytes 1-20/21"), "GN-PU-13"},
		{head("HTTP/1.1 206 OK", "Content-Range: bytes 0-20/22"), "GN-PU-13"},
		{head("HTTP/1.1 206 OK", "Content-Range: bytes 0-9/21", "Content-Length: 11"), "GN-PU-13"},
		{head("HTTP/1.1 206 OK"), "GN-PU-13"},
		{head("HTTP/1.1 200 OK", contentHeader+": "+urn.SHA1{1}.String()), "GN-PU-21"},
		{head("GET / HTTP/1.1"), "GN-PU-10"},
		{head("HTTP/1.1 200 OK", "Content-Length: 21") + "x" + head("HTTP/1.1 200 OK"), ""},
	} {
		d := newDesk(t, Config{})
		d.download(named(1), named(2))
		conn := d.connected()
		d.say(conn, c.answer)
		if c.clause == "" {
			continue // those bytes are the body
		}
		if !d.lines[conn].closed || strings.Join(d.drops, " ") != c.clause || len(d.dials) != 2 {
			t.Errorf("%q: closed %v, drops %v, dials %v", c.answer, d.lines[conn].closed, d.drops, d.dials)
		}
		d.say(d.connected(), answer())
		d.isDone(nil)
		if len(d.dials) != 2 {
			t.Errorf("%q: dials %v", c.answer, d.dials)
		}
	}
}

// What has the wrong hash is thrown away with the one who sent it. When two have
// sent parts, each has to send all of it by itself from then on.
//
// GN-PU-24.
func TestCorruption(t *testing.T) {
	wrong := strings.Replace(answer(), "gnutella", "gnuteller", 1)[:len(answer())]
	d := newDesk(t, Config{})
	d.download(named(1), named(2))
	d.say(d.connected(), wrong)
	if _, done := d.done[1]; done || d.dials[1] != addr(2) {
		t.Fatalf("done %v, dials %v", d.done, d.dials)
	}
	c := d.connected()
	if asked := d.lines[c].wrote.String(); strings.Contains(asked, "Range") {
		t.Errorf("asked the second for a part: %q", asked)
	}
	d.say(c, answer())
	d.isDone(nil)

	d = newDesk(t, Config{})
	d.download(named(1))
	d.say(d.connected(), wrong)
	d.isDone(ErrCorrupt)

	// The first sends a wrong part and goes away for good, the second is honest.
	d = newDesk(t, Config{})
	d.download(named(1), named(2))
	c = d.connected()
	d.say(c, wrong[:len(wrong)-5])
	d.step(spec.Closed{Conn: c})
	d.say(d.connected(), head("HTTP/1.1 404 Not Found"))
	c = d.connected()
	if asked := d.lines[c].wrote.String(); !strings.Contains(asked, "Range: bytes=16-") {
		t.Errorf("asked %q", asked)
	}
	d.say(c, head("HTTP/1.1 206 OK", "Content-Range: bytes 16-20/21")+content[16:])
	c = d.connected()
	if d.dials[3] != addr(2) {
		t.Fatalf("dials %v: the honest one is to send all of it", d.dials)
	}
	d.say(c, answer())
	d.isDone(nil)
}

// Once bytes of two were wrong together, those of two are not mixed again.
func TestCorruptionOfTwo(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(named(1), named(2))
	c := d.connected()
	d.say(c, head("HTTP/1.1 200 OK")+"wrong")
	d.step(spec.Closed{Conn: c})
	d.step(spec.Closed{Conn: 2})
	d.say(d.connected(), head("HTTP/1.1 206 OK", "Content-Range: bytes 5-20/21")+content[5:])
	c = d.connected()
	if len(d.events) != 3 || d.events[2] != spec.Event(Corrupted{1}) || d.dials[3] != addr(2) {
		t.Fatalf("events %v, dials %v", d.events, d.dials)
	}
	d.say(c, head("HTTP/1.1 200 OK")+content[:9])
	d.step(spec.Closed{Conn: c})
	d.step(spec.Closed{Conn: 5})
	d.wait(time.Minute)
	c = d.connected()
	if asked := d.lines[c].wrote.String(); d.dials[5] != addr(1) || strings.Contains(asked, "Range") {
		t.Fatalf("dials %v, asked %q", d.dials, asked)
	}
	d.say(c, answer())
	d.isDone(nil)
}

// Who is busy is asked again after a minute, by then others have been asked.
//
// GN-PU-16.
func TestBusy(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(named(1), named(2))
	d.say(d.connected(), head("HTTP/1.1 503 Busy", "Retry-After: 90"))
	d.say(d.connected(), head("HTTP/1.1 503 Busy"))
	if len(d.dials) != 2 {
		t.Fatalf("dials %v", d.dials)
	}
	if d.wait(60*time.Second - 1); len(d.dials) != 2 {
		t.Errorf("dialled %v before a minute was over", d.dials[2])
	}
	if d.wait(1); len(d.dials) != 3 || d.dials[2] != addr(2) {
		t.Fatalf("dials %v", d.dials)
	}
	d.say(d.connected(), head("HTTP/1.1 404 Not Found"))
	if d.wait(30*time.Second - 1); len(d.dials) != 3 {
		t.Errorf("dialled %v before the time that it has told", d.dials[3])
	}
	d.wait(1)
	d.say(d.connected(), head("HTTP/1.1 410 Gone"))
	d.isDone(ErrNoSource)
}

// In a queue a download asks again on the same stream, at the time it was told.
//
// GN-PU-17.
func TestPoll(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(named(1))
	c := d.connected()
	if asked := d.lines[c].wrote.String(); !strings.Contains(asked, "X-Queue: 0.1\r\n") {
		t.Errorf("asked %q", asked)
	}
	d.say(c, head("HTTP/1.1 503 Queued", "X-Queue: position=2,length=5, limit=4,pollMin=45,pollMax=120",
		"Content-Length: 2")+"no")
	before := d.lines[c].wrote.Len()
	if d.wait(45*time.Second - 1); d.lines[c].wrote.Len() > before {
		t.Error("asked too early")
	}
	if d.wait(1); d.lines[c].wrote.Len() == before || d.lines[c].closed {
		t.Fatal("did not ask in time")
	}
	d.say(c, answer())
	d.isDone(nil)
}

// A source that cannot be reached is pushed, and its GIV is taken whatever file it
// names, in either case of its digits.
//
// GN-PU-07, GN-PU-09.
func TestPush(t *testing.T) {
	for _, id := range []string{"0400000000000000000000000000000a", "0400000000000000000000000000000A"} {
		d := newDesk(t, Config{})
		s := named(1)
		s.ServentID = wire.GUID{4, 15: 10}
		d.download(s)
		d.step(spec.Closed{Conn: 1, Err: errors.New("refused")})
		if want := (PushNeeded{1, s.ServentID, 3}); len(d.events) != 1 || d.events[0] != spec.Event(want) {
			t.Fatalf("events %v", d.events)
		}
		other := d.accept()
		if d.say(other, "GIV 3:"+strings.Repeat("7", 32)+"/a b\n\n"); !d.lines[other].closed || d.drops[0] != "GN-PU-06" {
			t.Errorf("a stranger's GIV: drops %v", d.drops)
		}
		c := d.accept()
		asked := d.say(c, "GIV 77:"+id+"/another name\n\n")
		if !strings.HasPrefix(asked, "GET /get/3/a%20b HTTP/1.1\r\n") {
			t.Fatalf("asked %q", asked)
		}
		d.say(c, answer())
		d.isDone(nil)
	}
}

// A GIV on a stream that was dialled is out of place.
func TestGivOnDialled(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(pushed(1))
	d.step(Offer{Op: 2, To: addr(3), Index: 5})
	c := d.connected()
	if d.say(c, "GIV 3:01"+strings.Repeat("0", 30)+"/a b\n\n"); !d.lines[c].closed {
		t.Error("it was taken")
	}
}

// A push that nobody answers, or that has no way, counts as a try.
func TestPushFails(t *testing.T) {
	d := newDesk(t, Config{})
	d.download(pushed(1), pushed(2))
	d.step(NoPush{wire.GUID{1}})
	d.wait(30 * time.Second) // the second does not come
	d.wait(30 * time.Second) // the first is due again
	d.step(NoPush{wire.GUID{1}})
	d.wait(30 * time.Second)
	if len(d.events) != 4 || len(d.dials) != 0 {
		t.Fatalf("events %v, dials %v", d.events, d.dials)
	}
	for i := 0; i < 9 && len(d.done) == 0; i++ {
		d.wait(time.Minute)
	}
	d.isDone(ErrNoSource)
}

// Locations that answers name become sources, once each and never itself.
//
// GN-PU-23.
func TestLearnedSources(t *testing.T) {
	d := newDesk(t, Config{Sources: 4})
	d.download(named(1), pushed(4))
	url := func(i int) string { return "http://" + addr(i).String() + "/uri-res/N2R?" + hash().String() }
	d.say(d.connected(), head("HTTP/1.1 404 Not Found", locationHeader+": "+url(1)+", "+url(99)+", "+url(2)+", "+url(2),
		"X-Alt: "+addr(3).String()+","+addr(4).String()))
	d.step(NoPush{wire.GUID{4}})
	c := d.connected()
	if asked := d.lines[c].wrote.String(); d.dials[1] != addr(2) || !strings.HasPrefix(asked, "GET /uri-res/N2R?") {
		t.Errorf("dials %v, asked %q", d.dials, asked)
	}
	d.say(c, head("HTTP/1.1 200 OK")+content[:4])
	d.step(spec.Closed{Conn: c})
	d.step(spec.Closed{Conn: 3})
	c = d.connected()
	asked := d.lines[c].wrote.String()
	if d.dials[3] != addr(3) || !strings.Contains(asked, locationHeader+": "+url(2)+"\r\n") {
		t.Errorf("dials %v, asked %q: the one who gave is to be named", d.dials, asked)
	}
	if len(d.downloads[0].sources) != 3 { // 2, 3, and the one at 4 once
		t.Errorf("%d sources", len(d.downloads[0].sources))
	}
	d.say(c, head("HTTP/1.1 404 Not Found"))
	d.wait(time.Minute)
	d.step(NoPush{wire.GUID{4}})
	d.say(d.connected(), answer())
	d.isDone(nil)
}

// Silence ends a source's turn, at every stage.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(d *desk)
		wait time.Duration
	}{
		{"dial", func(*desk) {}, 30 * time.Second},
		{"head", func(d *desk) { d.connected() }, 30 * time.Second},
		{"body", func(d *desk) { d.say(d.connected(), head("HTTP/1.1 200 OK")) }, time.Minute},
		{"refusals", func(d *desk) { d.say(d.connected(), head("HTTP/1.1 500 Oops")) }, 0},
	} {
		d := newDesk(t, Config{})
		d.download(named(1), named(2))
		c.do(d)
		if d.wait(c.wait); len(d.dials) != 2 {
			t.Errorf("%s: dials %v", c.name, d.dials)
		}
	}
}

// Commands that cannot be are refused, and one that is under way can be cancelled.
func TestCommands(t *testing.T) {
	d := newDesk(t, Config{Downloads: 2})
	d.download(named(1))
	for op, c := range map[spec.OpID]struct {
		in   Download
		want error
	}{
		2: {Download{Piece: 2, Size: 1}, ErrPiece}, 3: {Download{Piece: 9, Size: 1}, ErrPiece},
		4: {Download{Piece: -1, Size: 1}, ErrPiece}, 5: {Download{Piece: 10, Size: MaxSize + 1}, ErrSize},
		6: {Download{Piece: 10, Size: 5, Have: 6}, ErrSize}, 7: {Download{Piece: 10, Size: 5}, ErrNoSource},
	} {
		c.in.Op = op
		if d.step(c.in); !errors.Is(d.done[op].Err, c.want) {
			t.Errorf("%+v: %v, want %v", c.in, d.done[op].Err, c.want)
		}
	}
	d.step(Download{Op: 20, Piece: 10, Size: 1, SHA1: hash(), Sources: []Source{named(3)}})
	d.step(Download{Op: 21, Piece: 11, Size: 1, SHA1: hash(), Sources: []Source{named(3)}})
	d.step(Cancel{Op: 22, Task: 20})
	d.step(Cancel{Op: 23, Task: 20})
	if d.done[21].Err != ErrTooMany || d.done[20].Err != ErrCancelled ||
		d.done[22].Err != nil || d.done[23].Err != ErrUnknown {
		t.Errorf("done: %v", d.done)
	}
}

// A storage that fails, or never answers, ends a download; one that is behind only
// holds it up.
func TestStorage(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b *behind)
		want error // nil: it goes on
	}{
		{"full", func(b *behind) { b.step(0, spec.Stored{Token: b.stores[0], Err: errors.New("full")}) }, ErrStorage},
		{"silent", func(b *behind) { b.step(storageLimit, spec.Wake{}) }, ErrStorage},
		{"slow", func(b *behind) {
			for _, token := range b.stores[:maxStoring/2+1] {
				if b.dials > 1 {
					t.Fatal("dialled while the storage was behind")
				}
				b.step(0, spec.Stored{Token: token})
			}
		}, nil},
	} {
		b := newBehind(t)
		c.do(b)
		if c.want == nil && (b.dials != 2 || len(b.done) > 0) ||
			c.want != nil && (len(b.done) != 1 || !errors.Is(b.done[0].Err, c.want)) {
			t.Errorf("%s: %d dials, done %v", c.name, b.dials, b.done)
		}
	}
}

// behind is a download whose storage has as many Stores to answer as it may have.
type behind struct {
	*Node
	stores []spec.Token
	done   []spec.Done
	dials  int
}

func newBehind(t *testing.T) *behind {
	n, err := New(Config{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := &behind{Node: n}
	b.step(0, Download{Op: 1, Piece: 9, Size: 5000, SHA1: hash(), Sources: []Source{named(1)}})
	b.step(0, spec.Opened{Conn: 1, Remote: addr(1)})
	b.step(0, spec.Got{Conn: 1, Msg: Response{Minor: 1, Code: 200}})
	for range 3 * maxStoring {
		b.step(0, spec.Got{Conn: 1, Msg: Body{[]byte{0}}})
	}
	if len(b.stores) != maxStoring {
		t.Fatalf("%d Stores are unanswered, at most %d", len(b.stores), maxStoring)
	}
	return b
}

func (b *behind) step(now time.Duration, in spec.Input) {
	for _, e := range b.Step(now, in, nil) {
		switch e := e.(type) {
		case spec.Store:
			b.stores = append(b.stores, e.Token)
		case spec.Done:
			b.done = append(b.done, e)
		case spec.Dial:
			b.dials++
		}
	}
}
