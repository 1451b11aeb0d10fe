package tracker_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/null"
	"github.com/p2pspec/p2pspec/conformance/tracker"
)

// page answers a request by HTTP that carries nothing of a tracker.
func page(got []byte) []byte {
	if !bytes.Contains(got, []byte("\r\n\r\n")) {
		return nil
	}
	return []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde")
}

// oneConnect answers the first connect of its life, and no other packet.
type oneConnect struct{ spent bool }

func (o *oneConnect) Deliver(
	_ time.Duration, d conformance.Datagram, out []conformance.Outgoing,
) []conformance.Outgoing {
	if o.spent || len(d.Data) < 16 || binary.BigEndian.Uint32(d.Data[8:]) != 0 {
		return out
	}
	o.spent = true
	answer := append([]byte{0, 0, 0, 0}, d.Data[12:16]...)
	return append(out, conformance.Outgoing{To: d.From, Payload: append(answer, "connects"...)})
}

func (*oneConnect) Wake(_ time.Duration, out []conformance.Outgoing) []conformance.Outgoing {
	return out
}
func (*oneConnect) Deadline() (time.Duration, bool) { return 0, false }

func kinds() []null.Kind {
	return slices.Concat(null.Datagram(), null.Stream(page), []null.Kind{
		{Name: "one-connect", New: func() conformance.Host { return &oneConnect{} }},
	})
}

// No case passes against a target that does nothing of use.
func TestNullTargetsPassNothing(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			suites().NoPasses(t, null.Target{Kind: kind}, runtime.GOMAXPROCS(0))
		})
	}
}

// A run against a null target on a real socket ends soon, as unreachable.
func TestNullTargetsEndARunSoon(t *testing.T) {
	began := time.Now()
	for _, kind := range []null.Kind{null.Datagram()[1], null.Stream(page)[1], null.Stream(page)[2]} {
		at, stop, err := null.Listen(kind)
		require.NoError(t, err)
		target := conformance.NewLiveTarget(at, conformance.LoopbackSources())
		r, err := conformance.Run(t.Context(), target, conformance.Options{Suites: tracker.Suites()})
		stop()
		require.NoError(t, err)
		require.Zero(t, r.Summary[conformance.Pass], kind.Name)
		require.Equal(t, conformance.ExitUnreachable, r.Exit, kind.Name)
	}
	require.Less(t, time.Since(began), 30*time.Second)
}
