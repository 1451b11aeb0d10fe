package transfer

import (
	"testing"

	"github.com/p2pspec/p2pspec/spec"
)

// BenchmarkServe sends a file of 1 MiB to one of 16 hosts an iteration, with blocks
// that the driver lends; the metric is what the machine itself can keep up with.
func BenchmarkServe(b *testing.B) {
	const size, hosts = 1 << 20, 16
	n, err := New(Config{Files: []File{{Index: 1, Size: size, Name: "a file"}}, Uploads: hosts}, 0)
	if err != nil {
		b.Fatal(err)
	}
	for c := range spec.Conn(hosts) {
		n.Step(0, spec.Opened{Conn: -1 - c, Remote: addr(int(c))}, nil)
	}
	block := make([]byte, 32<<10)
	var out []spec.Effect
	b.SetBytes(size)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := -1 - spec.Conn(i%hosts)
		request := Request{Method: "GET", Target: "/get/1/a%20file", Minor: 1}
		out = n.Step(0, spec.Got{Conn: c, Msg: request}, out[:0])
		for load, ok := lastLoad(out); ok; load, ok = lastLoad(out) {
			out = n.Step(0, spec.Loaded{Token: load.Token, Data: block[:load.Length], Lent: true}, out[:0])
			if _, more := lastLoad(out); !more {
				out = n.Step(0, spec.Drained{Conn: c}, out[:0])
			}
		}
	}
}

// lastLoad is the last effect, if that is a Load.
func lastLoad(effects []spec.Effect) (e spec.Load, ok bool) {
	if len(effects) > 0 {
		e, ok = effects[len(effects)-1].(spec.Load)
	}
	return e, ok
}

// BenchmarkRequest reads the head of a request.
func BenchmarkRequest(b *testing.B) {
	head := []byte("GET /get/5/monkey%20island.ogg HTTP/1.1\r\nHost: 203.0.113.1:6346\r\nUser-Agent: p2pspec\r\n" +
		"X-Queue: 0.1\r\nRange: bytes=100-\r\n\r\n")
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	d := Codec{}.Decoder()
	for b.Loop() {
		if _, n, err := d.Decode(head); n == 0 || err != nil {
			b.Fatal(err)
		}
	}
}
