package transfer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/spec"
)

// Each request has its answer: the status, the part of the file, and whether the
// stream lives on.
//
// GN-PU-08, GN-PU-10 to GN-PU-15, GN-PU-20 to GN-PU-22, GN-PU-24.
func TestAnswers(t *testing.T) {
	const get = "GET /get/5/hello world 100%.txt HTTP/1.1"
	bitprint := urn.Sum([]byte(content)).String()
	for _, c := range []struct {
		name, first string
		headers     []string
		code        int
		body        string
		closes      bool
	}{
		{"by index", get, nil, 200, content, false},
		{"encoded", "GET /get/5/hello%20world%20100%25.txt HTTP/1.1", nil, 200, content, false},
		{"half encoded", "GET /get/5/hello%20world 100%.txt HTTP/1.1", nil, 200, content, false},
		{"with a host", "GET http://1.2.3.4:6346/get/5/hello world 100%.txt HTTP/1.1", nil, 200, content, false},
		{"by urn", "GET /uri-res/N2R?" + hash().String() + " HTTP/1.1", nil, 200, content, false},
		{"in lower case", "GET /uri-res/n2r?" + strings.ToLower(hash().String()) + " HTTP/1.1", nil, 200, content, false},
		{"by bitprint", "GET /uri-res/N2R?" + bitprint + " HTTP/1.0", nil, 200, content, true},
		{"another urn", "GET /uri-res/N2R?" + urn.SHA1{1}.String() + " HTTP/1.1", nil, 404, "", false},
		{"the urn of none", "GET /uri-res/N2R?" + urn.SHA1{}.String() + " HTTP/1.1", nil, 404, "", false},
		{"no urn", "GET /uri-res/N2R?urn:sha1:x HTTP/1.1", nil, 404, "", false},
		{"another index", "GET /get/7/hello world 100%.txt HTTP/1.1", nil, 404, "", false},
		{"another name", "GET /get/5/hello HTTP/1.1", nil, 404, "", false},
		{"no index", "GET /get/hello HTTP/1.1", nil, 404, "", false},
		{"the root", "GET / HTTP/1.1", nil, 404, "", false},
		{"empty", "GET /get/8/empty HTTP/1.1", nil, 200, "", false},
		{"HTTP/1.0", "GET /get/5/hello%20world 100%.txt HTTP/1.0", nil, 200, content, true},
		{"HTTP/1.0 that persists", "GET /get/8/empty HTTP/1.0", []string{"Connection: keep-alive"}, 200, "", false},
		{"close", get, []string{"connection: Close"}, 200, content, true},
		{"unknown headers", get, []string{"X-Foo: bar", "Chat: 1.2.3.4:5"}, 200, content, false},
		{"HEAD", "HEAD /get/5/hello world 100%.txt HTTP/1.1", nil, 200, "", true},
		{"POST", "POST /get/5/hello world 100%.txt HTTP/1.1", nil, 501, "", true},
		{"a range", get, []string{"Range: bytes=6-13"}, 206, "gnutella", false},
		{"from there", get, []string{"Range: bytes=15-"}, 206, "world\n", false},
		{"the last", get, []string{"Range: bytes=-6"}, 206, "world\n", false},
		{"more than there is", get, []string{"Range: bytes=15-99"}, 206, "world\n", false},
		{"all of it", get, []string{"Range: bytes=0-"}, 206, content, false},
		{"beyond", get, []string{"Range: bytes=21-"}, 416, "", false},
		{"nothing", get, []string{"Range: bytes=-0"}, 416, "", false},
		{"backwards", get, []string{"Range: bytes=9-3"}, 200, content, false},
		{"two parts", get, []string{"Range: bytes=0-1,5-6"}, 200, content, false},
		{"of another unit", get, []string{"Range: lines=1-2"}, 200, content, false},
		{"of nothing", "GET /get/8/empty HTTP/1.1", []string{"Range: bytes=0-"}, 416, "", false},
		{"its content", get, []string{contentHeader + ": " + hash().String()}, 200, content, false},
		{"other content", get, []string{contentHeader + ": " + urn.SHA1{1}.String()}, 404, "", false},
		{"unknown content", get, []string{contentHeader + ": urn:md5:x"}, 200, content, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, Config{})
			answer, conn := d.get(c.first, c.headers...)
			top, body, _ := strings.Cut(answer, "\r\n\r\n")
			if want := fmt.Sprintf("HTTP/1.1 %d ", c.code); !strings.HasPrefix(top, want) || body != c.body {
				t.Fatalf("answered %q, want %q and %q", answer, want, c.body)
			}
			if d.lines[conn].closed != c.closes || strings.Contains(top, "Connection: close") != c.closes {
				t.Errorf("closed: %v, want %v; the head is %q", d.lines[conn].closed, c.closes, top)
			}
			named := strings.Contains(top, contentHeader+": "+hash().String())
			if (c.code == 200 || c.code == 206 || c.code == 416) != named && !strings.Contains(c.first, "empty") {
				t.Errorf("the content is named: %v (GN-PU-21)", named)
			}
			if !c.closes {
				if again := d.say(conn, head(get)); !strings.HasSuffix(again, content) {
					t.Errorf("the next request got %q", again)
				}
			}
		})
	}
}

// The headers of a part say which it is, and how long.
//
// GN-PU-13.
func TestPartIsDescribed(t *testing.T) {
	d := newDesk(t, Config{})
	answer, _ := d.get("GET /get/5/hello world 100%.txt HTTP/1.1", "Range: bytes=6-13")
	for _, want := range []string{"\r\nContent-Range: bytes 6-13/21\r\n", "\r\nContent-Length: 8\r\n"} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %q in %q", want, answer)
		}
	}
	if answer, _ = d.get("HEAD /get/6/zeros HTTP/1.1"); !strings.Contains(answer, "\r\nContent-Length: 70000\r\n") {
		t.Errorf("HEAD was answered %q", answer)
	}
	if answer, _ = d.get("GET /get/6/zeros HTTP/1.1", "Range: bytes=70000-"); !strings.Contains(answer, "bytes */70000") {
		t.Errorf("416 was %q", answer)
	}
}

// A path out of what is shared is refused with the clause, whatever its spelling.
//
// GN-PU-10.
func TestPathsLeadNowhere(t *testing.T) {
	for _, path := range []string{
		"/get/5/../../../etc/passwd", "/../etc/passwd", "/get/../../x", "/get/5/%2e%2e/x", "/get/5/..%2fx",
		"/get/5/..\\x", "/get/5//etc/passwd", "/get/5/%2Fetc/passwd", "/get/5/x%00y", "/..", "http://a/../x",
	} {
		d := newDesk(t, Config{})
		answer, _ := d.get("GET " + path + " HTTP/1.1")
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || len(d.drops) != 1 || d.drops[0] != "GN-PU-10" {
			t.Errorf("%s: %q, drops %v", path, answer, d.drops)
		}
	}
}

// Requests that come at once are answered in order, up to a limit.
//
// GN-PU-13.
func TestPipeline(t *testing.T) {
	one := head("GET /get/5/hello world 100%.txt HTTP/1.1", "Range: bytes=0-4")
	two := head("GET /get/5/hello world 100%.txt HTTP/1.1", "Range: bytes=6-13")
	d := newDesk(t, Config{})
	answers := d.say(d.accept(), one+two+head("GET / HTTP/1.1")+one)
	for _, want := range []string{"206", "hello", "206", "gnutella", "404", "206", "hello"} {
		_, rest, found := strings.Cut(answers, want)
		if !found {
			t.Fatalf("no %q in %q", want, answers)
		}
		answers = rest
	}
	d.slow = true
	c := d.accept()
	d.say(c, strings.Repeat(one, maxPipelined+1))
	if d.lines[c].closed {
		t.Fatal("closed too early")
	}
	if d.say(c, one); !d.lines[c].closed || len(d.drops) != 1 {
		t.Errorf("closed: %v, drops: %v", d.lines[c].closed, d.drops)
	}
}

// Who says nothing, or takes nothing, is left.
func TestSlowHosts(t *testing.T) {
	d := newDesk(t, Config{})
	silent, reader := d.accept(), d.accept()
	d.slow = true
	d.say(reader, head("GET /get/6/zeros HTTP/1.1"))
	if d.wait(30 * time.Second); !d.lines[silent].closed || d.lines[reader].closed {
		t.Errorf("after 30 s: silent %v, reading %v", d.lines[silent].closed, d.lines[reader].closed)
	}
	if d.wait(30 * time.Second); !d.lines[reader].closed {
		t.Error("who takes nothing for a minute is still there")
	}
	_, idle := d.get("GET / HTTP/1.1")
	if d.wait(59 * time.Second); d.lines[idle].closed {
		t.Error("an idle stream ended early")
	}
	if d.wait(time.Second); !d.lines[idle].closed {
		t.Error("an idle stream is still there after a minute")
	}
}

// A body is read no faster than it is taken.
func TestWindow(t *testing.T) {
	n, err := New(Config{Files: []File{{Index: 1, Size: 1000, Name: "x"}}, Block: 100, Window: 250}, 0)
	if err != nil {
		t.Fatal(err)
	}
	n.Step(0, spec.Opened{Conn: -1, Remote: addr(1)}, nil)
	effects := n.Step(0, spec.Got{Conn: -1, Msg: Request{Method: "GET", Target: "/get/1/x", Minor: 1}}, nil)
	loads := 0
	for len(effects) > 0 {
		load, ok := effects[len(effects)-1].(spec.Load)
		if !ok {
			break
		}
		loads++
		effects = n.Step(0, spec.Loaded{Token: load.Token, Data: make([]byte, load.Length)}, nil)
	}
	if loads != 3 {
		t.Errorf("%d blocks of 100 bytes were read, the window is 250", loads)
	}
	if effects = n.Step(0, spec.Drained{Conn: -1}, nil); len(effects) != 1 {
		t.Errorf("Drained had %v", effects)
	}
}

// Without a slot a request is told to come back; whoever knows the queue is told
// its place, and gets its turn when it asks in time, and in the order of places.
//
// GN-PU-16, GN-PU-17.
func TestQueue(t *testing.T) {
	const get = "GET /get/6/zeros HTTP/1.1"
	d := newDesk(t, Config{Uploads: 1, Queue: 2})
	d.slow = true
	_, busy := d.get(get)
	answer, plain := d.get(get)
	if !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.Contains(answer, "Retry-After: 60") ||
		!d.lines[plain].closed {
		t.Errorf("without a queue: %q", answer)
	}
	first, a := d.get(get, "X-Queue: 0.1")
	second, b := d.get(get, "X-Queue: 0.1")
	full, c := d.get(get, "X-Queue: 0.1")
	if !strings.Contains(first, "X-Queue: position=1,length=1,limit=1,pollMin=30,pollMax=120") ||
		!strings.Contains(second, "X-Queue: position=2,length=2,") || strings.Contains(full, "X-Queue") ||
		!d.lines[c].closed {
		t.Errorf("queued as %q, %q, %q", first, second, full)
	}
	d.wait(30 * time.Second)
	d.step(spec.Closed{Conn: busy})
	if answer := d.say(b, head(get, "X-Queue: 0.1")); !strings.Contains(answer, "position=2") {
		t.Errorf("the second overtook the first: %q", answer)
	}
	if answer := d.say(a, head(get, "X-Queue: 0.1")); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Errorf("the first was not served: %q", answer)
	}
	if answer := d.say(b, head(get, "X-Queue: 0.1")); answer != "" || !d.lines[b].closed || d.drops[0] != "GN-PU-17" {
		t.Errorf("who asked too early got %q", answer)
	}
	_, e := d.get(get, "X-Queue: 0.1")
	_, f := d.get(get, "X-Queue: 0.1")
	d.step(spec.Closed{Conn: e})
	d.now += 40 * time.Second
	if answer := d.say(f, head(get, "X-Queue: 0.1")); !strings.Contains(answer, "position=1,length=1") {
		t.Errorf("who was behind one that left is told %q", answer)
	}
	if d.wait(119 * time.Second); d.lines[f].closed {
		t.Error("who may still ask is gone")
	}
	if d.wait(time.Second); !d.lines[f].closed || len(d.queue) > 0 {
		t.Error("who never asked again is still there")
	}
}

// A file that cannot be read ends the stream.
func TestUnreadable(t *testing.T) {
	n, err := New(Config{Files: []File{{Index: 1, Size: 10, Name: "x"}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	n.Step(0, spec.Opened{Conn: -1, Remote: addr(1)}, nil)
	n.Step(0, spec.Got{Conn: -1, Msg: Request{Method: "GET", Target: "/get/1/x", Minor: 1}}, nil)
	effects := n.Step(0, spec.Loaded{Token: 1, Data: make([]byte, 10), Err: errors.New("gone")}, nil)
	if len(effects) != 1 || effects[0] != spec.Effect(spec.Close{Conn: -1}) {
		t.Errorf("%v", effects)
	}
}

// Files that are being fetched are not sent, nor found.
//
// GN-PU-19.
func TestIncompleteIsNotShared(t *testing.T) {
	d := newDesk(t, Config{})
	d.step(Download{Op: 1, Piece: 9, Size: 100, SHA1: urn.SHA1{4}, Sources: []Source{{Addr: addr(1), Name: "x"}}})
	d.say(d.connected(), head("HTTP/1.1 200 OK", "Content-Length: 100")+"a half")
	answer, _ := d.get("GET /uri-res/N2R?" + urn.SHA1{4}.String() + " HTTP/1.1")
	if !strings.HasPrefix(answer, "HTTP/1.1 404 ") {
		t.Errorf("a part was served: %q", answer)
	}
}

// Locations that requests name are told to others who ask for the file, the latest
// first, as many as a head takes; nobody is told his own.
//
// GN-PU-23.
func TestLocations(t *testing.T) {
	const get = "GET /get/5/hello world 100%.txt HTTP/1.1"
	url := func(i int) string { return "http://" + addr(i).String() + "/uri-res/N2R?" + hash().String() }
	d := newDesk(t, Config{Alternates: 12})
	d.get(get, locationHeader+": "+url(1)+" 2002-04-30T08:30Z extra, "+url(2)+",", "X-Gnutella-alternate-location:",
		"  "+url(3), "X-Alt: 203.0.113.4:99, 203.0.113.5")
	answer, _ := d.get(get)
	_, list, _ := strings.Cut(answer, locationHeader+": ")
	list, _, _ = strings.Cut(list, "\r\n")
	want := "http://203.0.113.5:6346/uri-res/N2R?" + hash().String() + ", http://203.0.113.4:99/uri-res/N2R?" +
		hash().String() + ", " + url(3) + ", " + url(2) + ", " + url(1)
	if list != want {
		t.Errorf("told %q, want %q", list, want)
	}
	d.get(get, locationHeader+": http://example.com/x, "+url(99)+", http://1.2.3.4/get/1/x, http://1.2.3.4:5/uri-res/N2R?"+
		urn.SHA1{3}.String()+", http://0.0.0.0:5/uri-res/N2R?"+hash().String()+
		", x, http://[::1]:6346/uri-res/N2R?"+hash().String())
	d.get(get, "X-Alt: 203.0.113.5:6346")
	if again, _ := d.get(get); !strings.Contains(again, locationHeader+": "+want+"\r\n") {
		t.Errorf("what names another file, a name or nobody was taken: %q", again)
	}
	for i := range 40 {
		d.get(get, locationHeader+": "+url(101+i))
	}
	answer, _ = d.get(get)
	if n := strings.Count(answer, "http://"); n != maxTold || len(d.locations[0]) != 12 {
		t.Errorf("%d locations told, %d remembered", n, len(d.locations[0]))
	}
	d.get(get, locationHeader+": "+url(101-int(d.last-1))) // of the next to connect
	if answer, _ = d.get(get); strings.Contains(answer, addr(100-int(d.last)).String()+"/") {
		t.Errorf("told its own location: %q", answer)
	}
	answer, _ = d.get("GET /get/6/zeros HTTP/1.1", locationHeader+": "+url(1))
	if strings.Contains(answer, locationHeader) {
		t.Error("a file without a hash has locations")
	}
}

// Who is pushed dials, says GIV in lower case, and serves whatever is asked for.
//
// GN-PU-06, GN-PU-08.
func TestOffer(t *testing.T) {
	d := newDesk(t, Config{})
	d.step(Offer{Op: 1, To: addr(1), Index: 5, Name: "hello world 100%.txt"})
	c := d.connected()
	const want = "GIV 5:0123456789abcdef0000000000000000/hello world 100%.txt\n\n"
	if got := d.lines[c].wrote.String(); got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	answer := d.say(c, head("GET /get/8/empty HTTP/1.1")+head("GET /get/5/hello%20world%20100%.txt HTTP/1.1"))
	if !strings.HasSuffix(answer, content) {
		t.Errorf("answered %q", answer)
	}
	d.step(Offer{Op: 2, To: addr(2), Index: 5})
	d.wait(30 * time.Second)
	if !d.lines[2].closed {
		t.Error("a dial that leads nowhere goes on")
	}
	d.step(Offer{Op: 3, To: addr(2), Name: "a\nb"})
	if d.done[1].Err != nil || d.done[2].Err != nil || d.done[3].Err == nil {
		t.Errorf("done: %v", d.done)
	}
}

// What has no place where it comes costs the stream.
func TestOutOfOrder(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 200 OK\r\n\r\n", "GIV 1:" + strings.Repeat("0", 32) + "/x\n\n"} {
		d := newDesk(t, Config{})
		c := d.accept()
		if d.say(c, text); !d.lines[c].closed || len(d.drops) != 1 {
			t.Errorf("%q: closed %v, drops %v", text, d.lines[c].closed, d.drops)
		}
	}
	d := newDesk(t, Config{Conns: 2})
	d.accept()
	d.accept()
	if c := d.accept(); !d.lines[c].closed {
		t.Error("a third stream was taken, the limit is 2")
	}
	d.step(Offer{Op: 1, To: addr(1)})
	if d.done[1].Err != ErrTooMany {
		t.Errorf("an offer beyond the limit: %v", d.done[1])
	}
}
