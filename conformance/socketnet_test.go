package conformance

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSourcesSpreadOverNetworks(t *testing.T) {
	s := SourcesIn(netip.MustParsePrefix("10.77.64.0/18"))
	seen := map[netip.Addr]bool{}
	for range 64 * 254 {
		a, err := s.take()
		require.NoError(t, err)
		require.True(t, s.prefix.Contains(a), a)
		require.False(t, seen[a], a)
		if len(seen) < 64 {
			p, _ := a.Prefix(24)
			require.False(t, seen[p.Addr()], "a network is used again while others are fresh")
			seen[p.Addr()] = true
		}
		seen[a] = true
	}
	_, err := s.take()
	assert.ErrorContains(t, err, "used up")
}

func TestSourcesPace(t *testing.T) {
	s := SourcesIn(netip.MustParsePrefix("127.64.0.0/10"))
	s.Pace = 2
	a, b := netip.MustParseAddr("127.64.0.1"), netip.MustParseAddr("127.64.1.1")
	at := time.Now()
	assert.Zero(t, s.wait(a, at))
	assert.Zero(t, s.wait(a, at.Add(time.Second)))
	assert.Equal(t, PaceWindow-2*time.Second, s.wait(a, at.Add(2*time.Second)))
	assert.Zero(t, s.wait(b, at.Add(2*time.Second)), "another address has its own budget")
	assert.Zero(t, s.wait(a, at.Add(PaceWindow)), "the first packet has left the window")
	assert.NotZero(t, s.wait(a, at.Add(PaceWindow)))
}

func TestSocketNetworkCarriesDatagrams(t *testing.T) {
	n := NewSocketNetwork(LoopbackSources())
	defer n.Shut()
	a, err := n.Open(netip.AddrPort{})
	require.NoError(t, err)
	b, err := n.Open(netip.AddrPort{})
	require.NoError(t, err)
	require.NotEqual(t, a.Addr(), b.Addr())
	require.NoError(t, n.Send(a, b, []byte("hello")))
	got, ok := n.Recv(n.Now() + 5*time.Second)
	require.True(t, ok)
	d := got.(Datagram)
	assert.Equal(t, Datagram{At: d.At, From: a, To: b, Data: []byte("hello")}, d)

	go n.Wake()
	_, ok = n.Recv(n.Now() + time.Minute)
	assert.False(t, ok, "Wake ends the wait")
	n.Close(a)
	assert.ErrorContains(t, n.Send(a, b, nil), "no socket")
}
