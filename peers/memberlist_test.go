package peers

import (
	"bytes"
	"encoding/hex"
	"io"

	"log"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// mates carries one real memberlist's traffic to and from the test, in memory.
type mates struct {
	packets chan *memberlist.Packet
	streams chan net.Conn // accepted by memberlist
	sent    chan []byte   // its packets
	dialled chan net.Conn // the test's end of its streams
}

func (m *mates) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IPv4(127, 0, 0, 1).To4(), 7946, nil
}

func (m *mates) WriteTo(b []byte, _ string) (time.Time, error) {
	select {
	case m.sent <- slices.Clone(b):
	default: // nobody looks
	}
	return time.Now(), nil
}

func (m *mates) DialTimeout(string, time.Duration) (net.Conn, error) {
	theirs, ours := net.Pipe()
	m.dialled <- ours
	return theirs, nil
}

func (m *mates) PacketCh() <-chan *memberlist.Packet { return m.packets }
func (m *mates) StreamCh() <-chan net.Conn           { return m.streams }
func (m *mates) Shutdown() error                     { return nil }

// delegate is an application that has metadata and state.
type delegate struct {
	user   chan []byte
	merged chan []byte
}

func (d *delegate) NodeMeta(int) []byte                                        { return []byte("meta") }
func (d *delegate) NotifyMsg(b []byte)                                         { d.user <- slices.Clone(b) }
func (d *delegate) GetBroadcasts(_, _ int) [][]byte                            { return nil }
func (d *delegate) LocalState(bool) []byte                                     { return bytes.Repeat([]byte("local state"), 20) }
func (d *delegate) MergeRemoteState(b []byte, _ bool)                          { d.merged <- slices.Clone(b) }
func (d *delegate) AckPayload() []byte                                         { return []byte("coordinate") }
func (d *delegate) NotifyPingComplete(*memberlist.Node, time.Duration, []byte) {}

var tester = netip.MustParseAddrPort("127.0.0.2:9001")

// member is a real memberlist named "target" that talks as the format says.
type member struct {
	*mates
	*delegate
	format wire.Format
	list   *memberlist.Memberlist
	heard  []wire.Message // in its packets, since the start
}

func startMember(t *testing.T, f wire.Format) *member {
	m := &member{
		mates: &mates{
			make(chan *memberlist.Packet), make(chan net.Conn), make(chan []byte, 1024), make(chan net.Conn, 1),
		},
		delegate: &delegate{make(chan []byte, 8), make(chan []byte, 8)}, format: f,
	}
	cfg := memberlist.DefaultLocalConfig()
	cfg.Name, cfg.Transport, cfg.Delegate, cfg.Ping = "target", m.mates, m.delegate, m.delegate
	cfg.Label, cfg.EnableCompression = f.Label, f.Compress
	cfg.GossipInterval, cfg.ProbeInterval = 10*time.Millisecond, 20*time.Millisecond
	cfg.DisableTcpPings = true
	cfg.ProbeTimeout, cfg.SuspicionMult = 5*time.Millisecond, 1000
	cfg.LogOutput, cfg.Logger = nil, log.New(io.Discard, "", 0)
	if f.Version == 0 && len(f.Keys) > 0 {
		cfg.ProtocolVersion = 1
	}
	if len(f.Keys) > 0 {
		keyring, err := memberlist.NewKeyring(f.Keys, f.Keys[0])
		if err != nil {
			t.Fatal(err)
		}
		cfg.Keyring = keyring
	}
	list, err := memberlist.Create(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { list.Shutdown() })
	m.list = list
	return m
}

// await returns the first message that the member has sent for which want is true.
// Every packet on the way must be read without a fault, and written again alike.
func (m *member) await(t *testing.T, what string, want func(wire.Message) bool) wire.Message {
	deadline := time.After(5 * time.Second)
	for {
		if i := slices.IndexFunc(m.heard, want); i >= 0 {
			return m.heard[i]
		}
		select {
		case b := <-m.sent:
			p, err := m.format.ParseMessage(b)
			if err != nil {
				t.Fatalf("%x: %v", b, err)
			}
			packet := p.(wire.Packet)
			if packet.Faults != nil {
				t.Fatalf("%x: %v", b, packet.Faults)
			}
			if again, err := m.format.AppendMessage(nil, packet); err != nil || !bytes.Equal(again, b) {
				t.Errorf("memberlist wrote %x\nthis module    %x, %v", b, again, err)
			}
			m.heard = append(m.heard, packet.Parts...)
		case <-deadline:
			t.Fatalf("no %s in %+v", what, m.heard)
		}
	}
}

func (m *member) send(t *testing.T, parts ...wire.Message) {
	b, err := m.format.AppendMessage(nil, wire.Packet{Parts: parts, CRC: true, Nonce: wire.Nonce{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	m.packets <- &memberlist.Packet{Buf: b, From: net.UDPAddrFromAddrPort(tester), Timestamp: time.Now()}
}

// exchange writes a message on a new stream, and reads what comes back, if wanted.
func (m *member) exchange(t *testing.T, msg wire.Message, reply bool) (answer wire.Message) {
	theirs, ours := net.Pipe()
	m.streams <- theirs
	defer ours.Close()
	b, err := m.format.Stream().AppendMessage(nil, wire.Frame{Msg: msg, Opens: true, Nonce: wire.Nonce{9}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Write(b); err != nil {
		t.Fatal(err)
	}
	if !reply {
		return nil
	}
	return m.read(t, ours, false)
}

// read reads one frame from a stream that memberlist opened, or answers on.
func (m *member) read(t *testing.T, conn net.Conn, opens bool) wire.Message {
	decoder := m.format.Stream().Decoder()
	var arrived []byte
	chunk := make([]byte, 7)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		n, err := conn.Read(chunk)
		if err != nil {
			t.Fatalf("after %x: %v", arrived, err)
		}
		arrived = append(arrived, chunk[:n]...)
		got, n, err := decoder.Decode(arrived)
		if err != nil {
			t.Fatalf("%x: %v", arrived, err)
		}
		if n == 0 {
			continue
		}
		frame := got.(wire.Frame)
		if frame.Fault != nil {
			t.Fatalf("%x: %v", arrived, frame.Fault)
		}
		if opens != frame.Opens && m.format.Label != "" {
			t.Errorf("Opens is %t", frame.Opens)
		}
		again, err := m.format.Stream().AppendMessage(nil, wire.Frame{Msg: frame.Msg, Nonce: frame.Nonce, Opens: opens})
		if err != nil || !bytes.Equal(again, arrived[:n]) {
			t.Errorf("memberlist wrote %x\nthis module    %x, %v", arrived[:n], again, err)
		}
		return frame.Msg
	}
}

func memberFormats() map[string]wire.Format {
	key := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }
	return map[string]wire.Format{
		"plain":            {},
		"compressed":       {Compress: true},
		"labelled":         {Label: "blue"},
		"encrypted":        {Keys: [][]byte{key(32)}, Version: 1},
		"encrypted padded": {Keys: [][]byte{key(16)}, Version: 0},
		"all":              {Label: "blue", Compress: true, Keys: [][]byte{key(24), key(16)}, Version: 1},
	}
}

// TestMemberlistUnderstands lets a real memberlist talk with this module's codec,
// each way of every message, under every layer, and writes what it wrote again.
// GO-WF-01 to GO-WF-17
func TestMemberlistUnderstands(t *testing.T) {
	versions := wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2}
	for name, format := range memberFormats() {
		t.Run(name, func(t *testing.T) {
			m := startMember(t, format)
			m.send(t, wire.Ping{SeqNo: 70000, Node: "target"})
			ack := m.await(t, "ack", func(m wire.Message) bool { _, ok := m.(wire.Ack); return ok })
			if diff := cmp.Diff(wire.Message(wire.Ack{SeqNo: 70000, Payload: []byte("coordinate")}), ack); diff != "" {
				t.Error(diff)
			}

			state := []wire.NodeState{
				{Name: "tester", Addr: tester, Incarnation: 300, Versions: versions, Meta: []byte("mine")},
				{Name: "friend", Addr: netip.MustParseAddrPort("127.0.0.3:9001"), Incarnation: 7, Versions: versions},
				{Name: "gone", Addr: netip.MustParseAddrPort("[fd00::1]:9002"), Incarnation: 1, State: wire.StateLeft,
					Versions: versions},
			}
			answer := m.exchange(t, wire.PushPull{Join: true, Nodes: state, User: []byte("remote state")}, true)
			pp, ok := answer.(wire.PushPull)
			if !ok || len(pp.User) != 220 || len(pp.Nodes) != 1 || pp.Nodes[0].Name != "target" ||
				string(pp.Nodes[0].Meta) != "meta" {
				t.Errorf("answered %+v", answer)
			}
			if got := <-m.merged; string(got) != "remote state" {
				t.Errorf("merged %q", got)
			}
			ping := m.await(t, "ping", func(m wire.Message) bool {
				p, ok := m.(wire.Ping)
				return ok && p.Node == "tester"
			}).(wire.Ping)
			if ping.Source.Node != "target" || ping.Source.Addr.Port() != 7946 {
				t.Errorf("pinged %+v", ping)
			}
			reply := m.exchange(t, wire.Ping{SeqNo: 8, Node: "target"}, true)
			if diff := cmp.Diff(wire.Message(wire.Ack{SeqNo: 8}), reply); diff != "" {
				t.Error(diff)
			}

			m.send(t, wire.User{Payload: []byte("by packet")}, wire.IndirectPing{SeqNo: 9, Node: "ghost", Nack: true,
				Target: netip.MustParseAddrPort("127.0.0.3:9003"), Source: wire.Source{Addr: tester, Node: "tester"}})
			if got := <-m.user; string(got) != "by packet" {
				t.Errorf("heard %q", got)
			}
			m.await(t, "nack", func(m wire.Message) bool { return m == wire.Message(wire.Nack{SeqNo: 9}) })
			long := bytes.Repeat([]byte("by stream"), 5000)
			m.exchange(t, wire.User{Payload: long}, false)
			if got := <-m.user; !bytes.Equal(got, long) {
				t.Errorf("heard %q", got)
			}

			m.send(t, wire.Suspect{Incarnation: 1, Node: "target", From: "tester"})
			alive := m.await(t, "refutation", func(m wire.Message) bool {
				a, ok := m.(wire.Alive)
				return ok && a.Node == "target" && a.Incarnation > 1
			}).(wire.Alive)
			if string(alive.Meta) != "meta" || alive.Addr.Port() != 7946 {
				t.Errorf("refuted with %+v", alive)
			}
			m.await(t, "suspicion", func(m wire.Message) bool { s, ok := m.(wire.Suspect); return ok && s.From == "target" })
			m.send(t, wire.Dead{Incarnation: 7, Node: "friend", From: "tester"})
			m.await(t, "death", func(m wire.Message) bool {
				return m == wire.Message(wire.Dead{Incarnation: 7, Node: "friend", From: "tester"})
			})
		})
	}
}

func TestMemberlistDials(t *testing.T) {
	hello := bytes.Repeat([]byte("hello"), 50)
	for name, format := range memberFormats() {
		t.Run(name, func(t *testing.T) {
			m := startMember(t, format)
			joined := make(chan error)
			go func() {
				_, err := m.list.Join([]string{tester.String()})
				joined <- err
			}()
			conn := <-m.dialled
			got, ok := m.read(t, conn, true).(wire.PushPull)
			if !ok || !got.Join {
				t.Errorf("it joins with %+v", got)
			}
			answer := wire.Frame{Msg: wire.PushPull{Nodes: got.Nodes}, Nonce: wire.Nonce{5}}
			b, err := format.Stream().AppendMessage(nil, answer)
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(b)
			if err := <-joined; err != nil {
				t.Error(err)
			}
			go func() {
				node := &memberlist.Node{Name: "tester", Addr: tester.Addr().AsSlice(), Port: tester.Port()}
				joined <- m.list.SendReliable(node, hello)
			}()
			if got := m.read(t, <-m.dialled, true); !cmp.Equal(got, wire.Message(wire.User{Payload: hello})) {
				t.Errorf("it sends %+v", got)
			}
			if err := <-joined; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMemberlistAnswersErrors compares what ends a stream. GO-AE-06
func TestMemberlistAnswersErrors(t *testing.T) {
	keyed := wire.Format{Keys: [][]byte{bytes.Repeat([]byte{1}, 16)}, Version: 1}
	for _, c := range []struct {
		name, bytes string
		format      wire.Format
	}{
		{"encrypted without a key", "0a0000001000000000000000000000000000000000", wire.Format{}},
		{"not encrypted", "00", keyed},
		{"too long", "0a01400001", keyed},
		{"the wrong key", "0a0000001d01" + strings.Repeat("00", 12+16), keyed},
		{"another algorithm", "0982a4416c676f01a3427566a100", wire.Format{}},
		{"not LZW", "0982a4416c676f00a3427566a400ffffff", wire.Format{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := startMember(t, c.format)
			theirs, ours := net.Pipe()
			m.streams <- theirs
			b, err := hex.DecodeString(c.bytes)
			if err != nil {
				t.Fatal(err)
			}
			go ours.Write(b)
			got, ok := m.read(t, ours, false).(wire.Error)
			if !ok || got.Text == "" {
				t.Errorf("memberlist answers %+v", got)
			}
			frame, _, err := c.format.Stream().Decoder().Decode(b)
			if f, ok := frame.(wire.Frame); err != nil || !ok || f.Fault == nil {
				t.Errorf("here it is %+v, %v, not for an answer", frame, err)
			}
		})
	}
}
