package bittorrent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
)

// sayPacket changes the packets of one action to a UDP tracker.
func sayPacket(action tracker.Action, change func(b []byte) []byte) func(*bent) {
	return func(b *bent) {
		b.sent = func(p []byte) []byte {
			if tracker.Action(binary.BigEndian.Uint32(p[8:])) == action {
				return change(p)
			}
			return p
		}
	}
}

// swapped exchanges two spans of a packet.
func swapped(p []byte, a, b, size int) []byte {
	q := slices.Clone(p)
	copy(q[a:], p[b:b+size])
	copy(q[b:], p[a:a+size])
	return q
}

func sayField(at int, value uint32) func(*bent) {
	return sayPacket(tracker.ActionAnnounce, func(p []byte) []byte {
		binary.BigEndian.PutUint32(p[at:], value)
		return p
	})
}

// packetMutants get the packets of BEP 15 and their options wrong.
func packetMutants() []Mutant {
	return slices.Concat(udpRequestMutants(), udpResponseMutants(), udpOptionMutants())
}

func udpRequestMutants() []Mutant {
	announce := func(change func(p []byte) []byte) func(*bent) { return sayPacket(tracker.ActionAnnounce, change) }
	return []Mutant{
		{
			Name: "udp-connect-without-protocol-id", What: "a connect has zeros in the place of the protocol id",
			bend: sayPacket(tracker.ActionConnect, func(p []byte) []byte {
				clear(p[:8])
				return p
			}),
		},
		{Name: "udp-transaction-ids-counted", What: "transaction ids are 1, 2, 3 …", bend: countTransactions},
		{
			Name: "udp-announce-of-97-bytes", What: "an announce lacks its last byte",
			bend: announce(func(p []byte) []byte { return p[:announceSize-1] }),
		},
		{
			Name: "udp-hash-behind-the-peer-id", What: "info-hash and peer id are exchanged",
			bend: announce(func(p []byte) []byte { return swapped(p, atInfoHash, atPeerID, 20) }),
		},
		{
			Name: "udp-left-first", What: "left is where downloaded belongs",
			bend: announce(func(p []byte) []byte { return swapped(p, atDownloaded, atLeft, 8) }),
		},
		{
			Name: "udp-events-from-zero", What: "started is 1 and completed 2",
			bend: announce(func(p []byte) []byte {
				if e := p[atEvent+3]; e == 1 || e == 2 {
					p[atEvent+3] = 3 - e
				}
				return p
			}),
		},
		{Name: "udp-own-address", What: "the address that the peer knows is told", bend: sayField(atIP, 0x7F000001)},
		{Name: "udp-wants-nobody", What: "0 peers are asked for", bend: sayField(atNumWant, 0)},
		{
			Name: "udp-port-little-endian", What: "the port has its low byte first",
			bend: announce(func(p []byte) []byte { return swapped(p, atPort, atPort+1, 1) }),
		},
		{
			Name: "udp-key-each-time", What: "a key is made for each announce",
			bend: func(b *bent) {
				n := uint32(0)
				announce(func(p []byte) []byte {
					n++
					binary.BigEndian.PutUint32(p[atKey:], n)
					return p
				})(b)
			},
		},
	}
}

// countTransactions sends counted ids, and reads them as the machine's own.
func countTransactions(b *bent) {
	n := uint32(0)
	b.sent = func(p []byte) []byte {
		n++
		binary.BigEndian.PutUint32(p[12:], n)
		return p
	}
	b.heard = func(r *tracker.Response, _ *spec.Recv) bool {
		if r.Transaction == n {
			r.Transaction = b.request().Transaction
		}
		return false
	}
}

func udpResponseMutants() []Mutant {
	return []Mutant{
		{
			Name: "udp-size-exact", What: "a packet must have the very size of its kind",
			bend: func(b *bent) {
				b.received = func(p []byte) []byte {
					if p[3] == 0 && len(p) != 16 || p[3] == 1 && len(p)%6 != 2 {
						return nil
					}
					return p
				}
			},
		},
		{
			Name: "udp-short-ones-filled", What: "what a packet lacks is taken to be zeros",
			bend: func(b *bent) {
				b.received = func(p []byte) []byte { return append(p, make([]byte, max(0, 20-len(p)))...) }
			},
		},
		{
			Name: "udp-short-error-taken", What: "an error is one whatever its size",
			bend: func(b *bent) {
				b.received = func(p []byte) []byte {
					if p[3] == 3 && len(p) < 8 {
						return binary.BigEndian.AppendUint32(p[:4], b.request().Transaction)
					}
					return p
				}
			},
		},
		{
			Name: "udp-transaction-unchecked", What: "any packet is the answer",
			bend: func(b *bent) {
				b.heard = func(r *tracker.Response, _ *spec.Recv) bool {
					r.Transaction = b.request().Transaction
					return false
				}
			},
		},
		{
			Name: "udp-action-unchecked", What: "what answers a connect is a connect",
			bend: func(b *bent) {
				b.received = func(p []byte) []byte {
					p[3] = byte(b.request().Action)
					return p
				}
			},
		},
		{
			Name: "udp-any-source", What: "the address of a packet is not looked at",
			bend: func(b *bent) {
				b.heard = func(_ *tracker.Response, in *spec.Recv) bool {
					in.From = b.asked.To
					return false
				}
			},
		},
		{
			Name: "udp-announce-answers-unread", What: "the peers of an answer are not used",
			bend: func(b *bent) {
				b.heard = func(r *tracker.Response, _ *spec.Recv) bool {
					r.Peers = nil
					return false
				}
			},
		},
	}
}

func udpOptionMutants() []Mutant {
	tail := func(change func(options []byte) []byte) func(*bent) {
		return sayPacket(tracker.ActionAnnounce, func(p []byte) []byte {
			return append(p[:announceSize:announceSize], change(p[announceSize:])...)
		})
	}
	return []Mutant{
		{
			Name: "udp-options-without-query", What: "the URL is told to its question mark",
			bend: tail(func(o []byte) []byte {
				told, _, _ := bytes.Cut([]byte(mustOptions(o)), []byte("?"))
				return append([]byte{2, byte(len(told))}, told...)
			}),
		},
		{
			Name: "udp-options-cut-at-255", What: "only the first 255 bytes of the URL are told",
			bend: tail(func(o []byte) []byte {
				told := mustOptions(o)
				told = told[:min(len(told), 255)]
				return append([]byte{2, byte(len(told))}, told...)
			}),
		},
		{
			Name: "udp-padded", What: "the packet is filled up to 104 bytes with what was in memory",
			bend: tail(func([]byte) []byte { return []byte{7, 200, 1, 2, 3, 4} }),
		},
	}
}

func mustOptions(b []byte) string {
	told, err := options(b)
	if err != nil {
		panic(fmt.Sprintf("conformance: the reference peer's options: %v", err))
	}
	return told
}

// patienceMutants try too often, or not again.
func patienceMutants() []Mutant {
	return []Mutant{
		{
			Name: "udp-interval-ignored", What: "trackers are announced to every minute",
			bend: func(b *bent) {
				b.heard = func(r *tracker.Response, _ *spec.Recv) bool {
					r.Interval = 60
					return false
				}
			},
		},
		{
			Name: "udp-two-tries", What: "a packet is sent twice, and then not for a while",
			bend: func(b *bent) {
				b.trackers = func(cfg *tracker.ClientConfig) { cfg.Retransmits = 1 }
			},
		},
		{
			Name: "udp-connection-for-ever", What: "the first connection id is used for good",
			bend: func(b *bent) {
				b.heard = func(r *tracker.Response, _ *spec.Recv) bool {
					if r.Action == tracker.ActionConnect && r.Transaction == b.request().Transaction {
						b.connection = r.Connection
					}
					return false
				}
			},
		},
		{
			Name: "udp-error-ends-it", What: "a tracker that refused once is given up",
			bend: func(b *bent) {
				over := false
				b.heard = func(r *tracker.Response, _ *spec.Recv) bool {
					over = over || r.Action == tracker.ActionError && r.Transaction == b.request().Transaction
					return false
				}
				b.sent = func(p []byte) []byte {
					if over {
						return nil
					}
					return p
				}
			},
		},
		{
			Name: "udp-error-retried-at-once", What: "what was refused is sent again at once, twenty times",
			bend: func(b *bent) {
				b.heard = func(r *tracker.Response, _ *spec.Recv) bool { return b.hammer(r) }
			},
		},
	}
}

// hammer repeats a refused request.
func (b *bent) hammer(r *tracker.Response) (drop bool) {
	if r.Action != tracker.ActionError || r.Transaction != b.request().Transaction || b.hammered >= 20 {
		return false
	}
	b.hammered++
	b.again = true
	return true
}
