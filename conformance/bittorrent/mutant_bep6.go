package bittorrent

import (
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func fastMutants() []Mutant {
	return []Mutant{
		{
			Name: "fast-without-agreement", What: "messages of the fast extension are read and sent whoever offers it",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if h, ok := m.(*wire.Handshake); ok {
						mine := *h
						mine.Offer(wire.FeatureFast)
						return same(&mine)
					}
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Reject {
						return nil // of a request that was never made
					}
					return same(m)
				}
			},
		},
		{
			Name: "announces-twice", What: "have all is followed by a bitfield",
			bend: sayType(wire.HaveAll, func(m wire.Message) []spec.Message {
				field := bits(Standard.pieces(), func(int) bool { return true })
				return []spec.Message{&m, &field}
			}),
		},
		{
			Name: "nothing-announced-first", What: "not interested is sent before have all",
			bend: sayType(wire.HaveAll, func(m wire.Message) []spec.Message {
				return []spec.Message{&wire.Message{Type: wire.NotInterested}, &m}
			}),
		},
		{
			Name: "no-rejects", What: "a request that is not served gets no answer",
			bend: sayType(wire.Reject, nothing),
		},
		{
			Name: "answers-twice", What: "a request that was cancelled is rejected although its block was sent",
			bend: func(b *bent) {
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Cancel {
						reject := *w
						reject.Type = wire.Reject
						b.reply(c, &reject)
					}
					return same(m)
				}
			},
		},
		{
			Name: "cancel-forgets", What: "a request that is cancelled gets no answer",
			bend: func(b *bent) {
				var cancelled []wire.Message
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Cancel {
						cancelled = append(cancelled, block(wire.Cancel, int(w.Index), int(w.Begin), 0))
					}
					return same(m)
				}
				b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if ok && (w.Type == wire.Piece || w.Type == wire.Reject) &&
						slices.ContainsFunc(cancelled, func(c wire.Message) bool { return c.Index == w.Index && c.Begin == w.Begin }) {
						return nil
					}
					return same(m)
				}
			},
		},
		{
			Name: "nothing-allowed-fast", What: "no piece is allowed fast",
			bend: sayType(wire.AllowedFast, nothing),
		},
		{
			Name: "allowed-fast-as-have", What: "pieces are allowed fast under the id of have",
			bend: sayType(wire.AllowedFast, func(m wire.Message) []spec.Message {
				m.Type = wire.Have
				return same(&m)
			}),
		},
		{
			Name: "allowed-fast-refused", What: "what was allowed fast is rejected while choked",
			bend: func(b *bent) {
				unchoked := map[spec.Conn]bool{}
				b.say = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && (w.Type == wire.Choke || w.Type == wire.Unchoke) {
						unchoked[c] = w.Type == wire.Unchoke
					}
					return same(m)
				}
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Request && !unchoked[c] {
						reject := *w
						reject.Type = wire.Reject
						b.reply(c, &reject)
						return nil
					}
					return same(m)
				}
			},
		},
	}
}
