package tracker_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	core "github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/tracker"
)

// An announcer and a tracker talk over HTTP and over UDP: the swarm grows by a
// peer, and loses it when the announcer ends.
func TestAnnouncerAndServer(t *testing.T) {
	for _, scheme := range []string{"http", "udp"} {
		t.Run(scheme, func(t *testing.T) {
			machine, err := core.NewServer(core.ServerConfig{}, 0)
			require.NoError(t, err)
			server, err := tracker.Listen(netip.MustParseAddrPort("127.0.0.1:0"), tracker.ServerConfig{Machine: machine})
			require.NoError(t, err)
			defer server.Close()
			url := scheme + "://" + server.Addr().String() + "/announce"
			heard := make(chan spec.Event, 10)
			announce := func(id byte) *tracker.Announcer {
				a, err := tracker.Announce(tracker.AnnouncerConfig{
					Client: core.ClientConfig{
						InfoHash: core.Hash{1}, PeerID: core.PeerID{id}, Port: 1000 + uint16(id), Tiers: [][]string{{url}},
					},
					Bind:    netip.MustParseAddr("127.0.0.1"),
					Observe: func(e spec.Event) { heard <- e },
				}, core.Progress{Left: 9})
				require.NoError(t, err)
				return a
			}
			next := func() core.Announced {
				select {
				case e := <-heard:
					require.IsType(t, core.Announced{}, e)
					return e.(core.Announced)
				case <-time.After(10 * time.Second):
					require.Fail(t, "nothing was heard")
					return core.Announced{}
				}
			}
			first := announce(1)
			assert.Empty(t, next().Response.Peers)
			second := announce(2)
			peers := next().Response.Peers
			require.Len(t, peers, 1)
			assert.Equal(t, netip.MustParseAddrPort("127.0.0.1:1001"), peers[0].Addr)
			require.NoError(t, second.Report(core.Progress{Downloaded: 9}))
			assert.Equal(t, core.Completed, next().Event)
			require.NoError(t, first.Close(core.Progress{Left: 9}))
			assert.Equal(t, core.Stopped, next().Event)
			require.NoError(t, second.Close(core.Progress{}))
		})
	}
}

// A tracker that does not exist is a failure, and ends nothing.
func TestAnnouncerFails(t *testing.T) {
	heard := make(chan spec.Event, 10)
	a, err := tracker.Announce(tracker.AnnouncerConfig{
		Client:  core.ClientConfig{Tiers: [][]string{{"http://127.0.0.1:1/announce"}}},
		Observe: func(e spec.Event) { heard <- e },
	}, core.Progress{})
	require.NoError(t, err)
	assert.IsType(t, core.Failed{}, <-heard)
	assert.NoError(t, a.Close(core.Progress{}))
}
