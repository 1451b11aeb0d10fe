package tracker

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
)

// operation is one announce: who, about what.
type operation struct {
	hash byte
	port uint16
	seed bool
	stop bool
}

// torrent is the sequential tracker for one torrent: bit i says whether the
// peer at port basePort+i is there, and whether it is a seed.
type torrent struct{ members, seeds uint32 }

const basePort = 7000

// sequential is what each announce answers when they come one after another.
func sequential() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byHash := make([][]porcupine.Operation, torrents)
			for _, op := range history {
				h := op.Input.(operation).hash
				byHash[h] = append(byHash[h], op)
			}
			return byHash
		},
		Init: func() any { return torrent{} },
		Step: func(state, input, output any) (bool, any) {
			t := state.(torrent).after(input.(operation))
			return output == t.answer(input.(operation)), t
		},
	}
}

func (t torrent) after(op operation) torrent {
	bit := uint32(1) << (op.port - basePort)
	t.members &^= bit
	t.seeds &^= bit
	if !op.stop {
		t.members |= bit
		if op.seed {
			t.seeds |= bit
		}
	}
	return t
}

// answer is the counts and the other peers, as text.
func (t torrent) answer(op operation) string {
	seeds, members := 0, 0
	var others []netip.AddrPort
	for i := range uint16(32) {
		bit := uint32(1) << i
		if t.members&bit == 0 {
			continue
		}
		members++
		if t.seeds&bit != 0 {
			seeds++
		}
		if !op.stop && i != op.port-basePort && !(op.seed && t.seeds&bit != 0) {
			others = append(others, netip.AddrPortFrom(netip.Addr{}, basePort+i))
		}
	}
	return text(seeds, members-seeds, others)
}

func text(complete, incomplete int, others []netip.AddrPort) string {
	return fmt.Sprint(complete, " ", incomplete, " ", ports(others))
}

// Sizes of the run.
const (
	torrents   = 3
	callers    = 8 // half over HTTP, half over UDP
	operations = 60
)

// caller makes one kind of announces, through the real driver.
type caller func(op operation) string

func httpCaller(t *testing.T, s *Server) caller {
	return func(op operation) string {
		_, body := get(t, s, announceQuery(op.request()))
		r, err := tracker.ParseAnnounceResponse(body)
		require.NoError(t, err)
		var others []netip.AddrPort
		for _, p := range r.Peers {
			others = append(others, p.Addr)
		}
		return text(int(r.Complete), int(r.Incomplete), others)
	}
}

func udpCaller(t *testing.T, s *Server) caller {
	conn, err := net.Dial("udp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	id := exchange(t, conn, &tracker.Request{Action: tracker.ActionConnect}).Connection
	tx := uint32(0)
	return func(op operation) string {
		tx++
		r := exchange(t, conn, &tracker.Request{
			Action: tracker.ActionAnnounce, Connection: id, Transaction: tx, Announce: op.request(),
		})
		others, ok := tracker.ParseCompactPeers(r.Peers, false)
		require.True(t, ok)
		return text(int(r.Seeders), int(r.Leechers), others)
	}
}

func (op operation) request() tracker.AnnounceRequest {
	r := tracker.AnnounceRequest{InfoHash: tracker.Hash{op.hash}, Port: op.port, Left: 1, NumWant: 100}
	if op.seed {
		r.Left = 0
	}
	if op.stop {
		r.Event = tracker.Stopped
	}
	return r
}

// history has all callers announce at once, and records what they saw when.
func history(t *testing.T, s *Server) []porcupine.Operation {
	var all sync.WaitGroup
	var mu sync.Mutex
	var recorded []porcupine.Operation
	began := time.Now()
	for id := range callers {
		call := httpCaller(t, s)
		if id%2 == 1 {
			call = udpCaller(t, s)
		}
		all.Add(1)
		go func() {
			defer all.Done()
			rng := rand.New(rand.NewPCG(1, uint64(id)))
			for range operations {
				op := operation{
					hash: byte(rng.IntN(torrents)), port: basePort + uint16(rng.IntN(6)),
					seed: rng.IntN(2) == 0, stop: rng.IntN(3) == 0,
				}
				call0 := time.Since(began)
				out := call(op)
				done := time.Since(began)
				mu.Lock()
				recorded = append(recorded, porcupine.Operation{
					ClientId: id, Input: op, Output: out, Call: int64(call0), Return: int64(done),
				})
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	return recorded
}

// BEP03-TRK-021, BEP03-TRK-022: whatever many callers see at once over HTTP
// and UDP could have happened one after another.
func TestTrackerIsLinearizable(t *testing.T) {
	got := history(t, listen(t, "127.0.0.1:0", nil))
	require.Len(t, got, callers*operations)
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(sequential(), got, time.Minute))
}

// A tracker that answers some announces from what it knew a little before is
// found out.
func TestStaleAnswersAreNoticed(t *testing.T) {
	s := listen(t, "127.0.0.1:0", func(m spec.Machine) spec.Machine { return &stale{Machine: m} })
	require.Equal(t, porcupine.Illegal,
		porcupine.CheckOperationsTimeout(sequential(), history(t, s), time.Minute))
}

// stale answers every fourth announce from a copy that is refreshed then.
type stale struct {
	spec.Machine
	old   spec.Machine
	count int
}

func (m *stale) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	_, isQuery := in.(tracker.Query)
	if m.count++; m.count%4 == 0 && isQuery && m.old != nil {
		out = m.old.Step(now, in, out)
		m.Machine.Step(now, in, nil)
		m.old = m.Machine.Clone()
		return out
	}
	if m.old == nil {
		m.old = m.Machine.Clone()
	}
	return m.Machine.Step(now, in, out)
}
