package transport_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// serveBoth runs a toy on streams and datagrams.
func serveBoth(t *testing.T) (*transport.TCP, netip.AddrPort, <-chan spec.Effect) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anywhere))
	if err != nil {
		t.Fatal(err)
	}
	tcp, effects := serve(t, transport.TCPConfig{Datagrams: conn, DatagramCodec: codec{}})
	return tcp, conn.LocalAddr().(*net.UDPAddr).AddrPort(), effects
}

func TestOneMachineHasStreamsAndDatagrams(t *testing.T) {
	a, aAt, fromA := serveBoth(t)
	b, bAt, fromB := serveBoth(t)
	connected(t, a, fromA, b, fromB)
	perform(t, a, spec.Send{To: bAt, Msg: text("one")}, spec.Send{To: bAt, Msg: text("two")})
	perform(t, b, spec.Send{To: aAt, Msg: text("back")})
	for _, want := range []text{"one", "two"} {
		if got := hear(t, fromB); got != (spec.Recv{From: aAt, Msg: want}) {
			t.Errorf("%v, want the datagram %q", got, want)
		}
	}
	if got := hear(t, fromA); got != (spec.Recv{From: bAt, Msg: text("back")}) {
		t.Errorf("%v, want the datagram back", got)
	}
	perform(t, a, spec.Write{Conn: 1, Msg: line("by stream")})
	if got := hear(t, fromB); got != (spec.Got{Conn: -1, Msg: line("by stream"), Lent: true}) {
		t.Errorf("%v, want the line", got)
	}
	want := transport.UDPStats{Received: 1, ReceivedBytes: 4, Sent: 2, SentBytes: 6}
	if s := a.Stats(); s.Datagrams != want || s.Dialled != 1 {
		t.Errorf("%+v", s)
	}
}

func TestDatagramsThatCannotBeReadOrSentAreToldOf(t *testing.T) {
	a, aAt, effects := serveBoth(t)
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(aAt))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("!")); err != nil {
		t.Fatal(err)
	}
	from := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	for range 2 {
		if d, ok := next(t, effects).(spec.Drop); !ok || d.From != from || !errors.Is(d.Reason, errText) {
			t.Errorf("%v, want a drop", d)
		}
		perform(t, a, spec.Send{To: from, Msg: text("")})
	}
	if s := a.Stats().Datagrams; s.Malformed != 1 || s.Unsent == 0 || s.Received != 1 {
		t.Errorf("%+v", s)
	}
}

// TestCloseUnderDatagrams: the end does not wait for a reader that is fed
// without pause.
func TestCloseUnderDatagrams(t *testing.T) {
	a, aAt, effects := serveBoth(t)
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(aAt))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	closed := make(chan struct{})
	for sent := 0; ; sent++ {
		_, _ = conn.Write([]byte("?x")) // refused once the socket is gone
		if sent == 1000 {
			go func() { a.Close(); close(closed) }()
		}
		select {
		case <-effects:
		case <-closed:
			return
		default:
		}
		if sent > 10_000_000 {
			t.Fatal("it does not close")
		}
	}
}

// A machine that sends datagrams where there is no socket for them is told of, and
// goes on.
func TestDatagramsWithoutASocketAreToldOf(t *testing.T) {
	a, effects := serve(t, transport.TCPConfig{})
	to := netip.MustParseAddrPort("127.0.0.1:9")
	if err := a.Do(do{[]spec.Effect{spec.Send{To: to, Msg: text("lost")}}}); err != nil {
		t.Fatal(err)
	}
	if d, ok := next(t, effects).(spec.Drop); !ok || d.From != to || d.Reason == nil {
		t.Errorf("%v, want a drop", d)
	}
}

func TestListenBothRefusesAPortThatIsTaken(t *testing.T) {
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anywhere))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := taken.LocalAddr().(*net.UDPAddr).AddrPort()
	if l, p, err := transport.ListenBoth(at); err == nil {
		l.Close()
		p.Close()
		t.Error("it took a port that is taken for datagrams")
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		t.Fatalf("it has kept the listener: %v", err)
	}
	l.Close()
}
