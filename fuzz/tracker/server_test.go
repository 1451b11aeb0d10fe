package tracker

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// A script is a list of inputs. Each begins with a byte that says what it is;
// the operands follow.
const (
	opWait     = iota // uint16: seconds that pass
	opWake            // until the deadline
	opAnnounce        // byte: source; byte: torrent; byte: port; byte: the rest
	opQuery           // byte: source; byte: path; uint16 and bytes: query
	opPacket          // byte: source; byte: 1 for a good connection id; uint16 and bytes: payload
	opCodes
)

// FuzzServer: no sequence of inputs makes the tracker panic, break an invariant,
// exceed its bounds, keep a trace of what it refused, wake for nothing, leave a
// query without an answer or answer what is not bencoded.
func FuzzServer(f *testing.F) {
	f.Add([]byte{opAnnounce, 0, 1, 2, 3, opAnnounce, 4, 1, 2, 3, opWait, 14, 16, opWake, opWake})
	var all []byte
	for i, p := range inputs(f, "bep15", "packet", "packet") {
		one := append([]byte{opPacket, byte(i), 1, byte(len(p) >> 8), byte(len(p))}, p...)
		f.Add(one)
		all = append(append(all, one...), opAnnounce, byte(i), byte(i), byte(i), byte(i))
	}
	query := tracker.AppendAnnounceQuery(nil, tracker.AnnounceRequest{Port: 1, Left: 5})
	all = append(append(all, opQuery, 0, 0, byte(len(query)>>8), byte(len(query))), query...)
	f.Add(append(all, opWake, opQuery, 1, 1, 0, 0))
	f.Fuzz(func(t *testing.T, script []byte) {
		server, err := tracker.NewServer(tracker.ServerConfig{
			Interval: time.Minute, MaxSwarms: 4, MaxSwarmPeers: 3, MaxPeers: 8, NumWant: 2, MaxNumWant: 4,
		}, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := &runner{Script: check.NewScript(t, script)}
		r.Machine, r.MaxEffects = server, tracker.MaxServerEffects
		r.Play(r.step)
	})
}

// runner plays one script.
type runner struct {
	*check.Script
	token spec.Token
}

func source(b byte) netip.AddrPort {
	if b%4 == 3 {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: b / 4 % 16}), 6881)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b / 4 % 16}), 6880+uint16(b%4))
}

func (r *runner) step() {
	switch r.Byte() % opCodes {
	case opWait:
		r.see(r.Wait(time.Duration(r.Uint16()) * time.Second))
	case opWake:
		r.see(r.Wake())
	case opAnnounce:
		b := r.Take(4)
		a := tracker.AnnounceRequest{
			InfoHash: tracker.Hash{b[1] % 8}, PeerID: tracker.PeerID{b[0]}, Port: uint16(b[2]%4) + 1,
			Left: int64(b[3]%3) - 1, Event: tracker.Event(b[3] / 4 % 4), NumWant: int32(b[3]/16) - 1,
		}
		r.query(source(b[0]), "/announce", string(tracker.AppendAnnounceQuery(nil, a)))
	case opQuery:
		b := r.Take(2)
		path := []string{"/announce", "/scrape", "/key/announce", ""}[b[1]%4]
		r.query(source(b[0]), path, string(r.Payload(int(r.Uint16()))))
	case opPacket:
		b := r.Take(2)
		p := r.Payload(int(r.Uint16()))
		if b[1] == 1 && len(p) >= 16 {
			binary.BigEndian.PutUint64(p, r.connectionID(source(b[0])))
		}
		if m, err := tracker.ParseRequest(p); err == nil {
			r.see(r.Input(spec.Recv{From: source(b[0]), Msg: m}))
		}
	}
}

// connectionID asks a copy of the server.
func (r *runner) connectionID(from netip.AddrPort) uint64 {
	connect := spec.Recv{From: from, Msg: &tracker.Request{Action: tracker.ActionConnect}}
	return r.Machine.Clone().Step(r.Now, connect, nil)[0].(spec.Send).Msg.(*tracker.Response).Connection
}

func (r *runner) query(from netip.AddrPort, path, query string) {
	r.token++
	answered := false
	effects := r.Input(tracker.Query{Token: r.token, From: from, Path: path, RawQuery: query})
	r.see(effects)
	for _, e := range effects {
		if respond, ok := e.(tracker.Respond); ok {
			_, err := bencode.Parse(respond.Body, bencode.Options{})
			if answered || err != nil || respond.Token != r.token {
				r.Fatalf("%q: %+v, %v", query, respond, err)
			}
			answered = true
		}
	}
	if !answered {
		r.Fatalf("%q was not answered", query)
	}
}

// see checks that each answer fits a packet.
func (r *runner) see(effects []spec.Effect) {
	for _, e := range effects {
		s, ok := e.(spec.Send)
		if !ok {
			continue
		}
		if b, err := tracker.AppendResponse(nil, s.Msg.(*tracker.Response)); err != nil || len(b) > tracker.MaxPacket {
			r.Fatalf("%+v has %d bytes: %v", s.Msg, len(b), err)
		}
	}
}
