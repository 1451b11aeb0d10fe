package gnutella

import (
	"time"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// tellingTable changes what the servent tells of its table: values are those of the slots,
// all of which it tells anew each time. In nil nothing is told.
func tellingTable(change func(b *bent, c spec.Conn, t *qrp.Table, values []uint8) []uint8) func(*bent) {
	return func(b *bent) {
		told := tables{}
		b.say = sayingRoutes(func(c spec.Conn, d wire.Descriptor, m qrp.Message) []spec.Message {
			_, _ = told.take(c, d)
			if p, ok := m.(qrp.Patch); !ok || p.Seq < p.Of {
				return nil
			}
			t := told.of(c)
			values := make([]uint8, t.Slots())
			for i := range values {
				values[i] = t.Value(i)
			}
			if values = change(b, c, t, values); values == nil {
				return nil
			}
			data := make([]byte, len(values))
			for i, v := range values {
				data[i] = v - t.Infinity()
			}
			return routed(d, qrp.Reset{Slots: uint32(len(values)), Infinity: t.Infinity()}, packedPatch(8, data))
		})
	}
}

// sayingRoutes replaces the messages of query routing.
func sayingRoutes(
	say func(c spec.Conn, d wire.Descriptor, m qrp.Message) []spec.Message,
) func(spec.Conn, spec.Message) []spec.Message {
	return func(c spec.Conn, message spec.Message) []spec.Message {
		d, ok := message.(wire.Descriptor)
		if !ok || d.Type != wire.TypeQRP {
			return same(message)
		}
		m, err := qrp.Parse(d.Payload)
		if err != nil {
			return same(message)
		}
		return say(c, d, m)
	}
}

// messages replaces the messages of query routing whatever the neighbour.
func messages(say func(m qrp.Message) []qrp.Message) func(*bent) {
	return func(b *bent) {
		b.say = sayingRoutes(func(_ spec.Conn, d wire.Descriptor, m qrp.Message) []spec.Message {
			return routed(d, say(m)...)
		})
	}
}

// listing is a table as large as another with what the servent itself shares.
func listing(b *bent, like *qrp.Table, add func(t *qrp.Table, f core.File)) *qrp.Table {
	t := sizedTable(uint32(like.Slots()), like.Infinity())
	for _, f := range b.node.Library().Files() {
		add(t, f)
	}
	return t
}

// leavingOut empties slots that only these words are in.
func leavingOut(add, keep func(t *qrp.Table, f core.File)) func(*bent) {
	return tellingTable(func(b *bent, _ spec.Conn, t *qrp.Table, values []uint8) []uint8 {
		out, in := listing(b, t, add), listing(b, t, keep)
		for i := range values {
			if out.Value(i) < t.Infinity() && in.Value(i) == t.Infinity() {
				values[i] = t.Infinity()
			}
		}
		return values
	})
}

func addName(t *qrp.Table, f core.File)  { t.Add(f.Name) }
func addHash(t *qrp.Table, f core.File)  { t.AddWhole(f.SHA1.String()) }
func addWhole(t *qrp.Table, f core.File) { eachToken(f.Name, t.AddWhole) }

// eachToken calls f with each run of letters and digits.
func eachToken(name string, f func(string)) {
	at := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && (name[i]|0x20 >= 'a' && name[i]|0x20 <= 'z' || name[i] >= '0' && name[i] <= '9') {
			continue
		}
		f(name[at:i])
		at = i + 1
	}
}

func qrpFormMutants() []Mutant {
	return []Mutant{
		{
			Name: "tables-travel-on", What: "messages of query routing have a TTL of 7",
			bend: changing(wire.TypeQRP, func(d *wire.Descriptor) { d.TTL = 7 }),
		},
		{
			Name: "tables-begin-without-reset", What: "no RESET is sent",
			bend: messages(func(m qrp.Message) []qrp.Message {
				if _, ok := m.(qrp.Reset); ok {
					return nil
				}
				return []qrp.Message{m}
			}),
		},
		{
			Name: "parts-are-counted-from-zero", What: "the first part of a patch has the number 0",
			bend: messages(func(m qrp.Message) []qrp.Message {
				if p, ok := m.(qrp.Patch); ok {
					p.Seq--
					return []qrp.Message{p}
				}
				return []qrp.Message{m}
			}),
		},
		{
			Name: "last-parts-are-lost", What: "the last part of a patch is not sent",
			bend: messages(func(m qrp.Message) []qrp.Message {
				if p, ok := m.(qrp.Patch); ok && p.Seq == p.Of {
					return nil
				}
				return []qrp.Message{m}
			}),
		},
		{
			Name: "everybody-is-told-tables", What: "ultrapeers that said nothing of query routing are told tables",
			bend: hearing(func(_ *bent, _ spec.Conn, m wire.Connect) []spec.Message {
				m.Headers = wire.Headers(Offer(m.Headers).With("X-Query-Routing", "0.1").With("X-Ultrapeer-Query-Routing", "0.1"))
				return same(m)
			}),
		},
		{
			Name: "everybody-is-told-bits", What: "entries of one bit are sent whatever the version",
			bend: func(b *bent) {
				told := tables{}
				b.say = sayingRoutes(func(c spec.Conn, d wire.Descriptor, m qrp.Message) []spec.Message {
					_, _ = told.take(c, d)
					if p, ok := m.(qrp.Patch); !ok || p.Seq < p.Of {
						return nil
					}
					return routed(d, updateTo(told.of(c), nil, qrp.Shape{EntryBits: 1})...)
				})
			},
		},
	}
}

func qrpContentMutants() []Mutant {
	return []Mutant{
		{
			Name: "own-words-are-not-listed", What: "names of shared files are not in the table",
			bend: leavingOut(addName, addHash),
		},
		{
			Name: "only-whole-words-are-listed", What: "words are not in the table without their end",
			bend: leavingOut(addName, addWhole),
		},
		{
			Name: "short-beginnings-are-not-listed", What: "beginnings of less than five letters are not in the table",
			bend: leavingOut(addName, func(t *qrp.Table, f core.File) {
				addWhole(t, f)
				eachToken(f.Name, func(w string) {
					for cut := 1; cut <= 3 && len(w)-cut >= 5; cut++ {
						t.AddWhole(w[:len(w)-cut])
					}
				})
			}),
		},
		{
			Name: "own-hashes-are-not-listed", What: "urns of shared files are not in the table",
			bend: leavingOut(addHash, addName),
		},
		{
			Name: "another-hash", What: "words are in the slot after theirs",
			bend: tellingTable(func(_ *bent, _ spec.Conn, _ *qrp.Table, values []uint8) []uint8 {
				return append(values[len(values)-1:], values[:len(values)-1]...)
			}),
		},
		{
			Name: "everything-is-listed", What: "the table has a value in each slot",
			bend: tellingTable(func(_ *bent, _ spec.Conn, _ *qrp.Table, values []uint8) []uint8 {
				for i := range values {
					values[i] = 1
				}
				return values
			}),
		},
		{
			Name: "tables-count-hops", What: "what is here has the value 2",
			bend: tellingTable(func(_ *bent, _ spec.Conn, t *qrp.Table, values []uint8) []uint8 {
				for i, v := range values {
					if v < t.Infinity() {
						values[i] = 2
					}
				}
				return values
			}),
		},
		{
			Name: "words-of-leaves-are-not-listed", What: "the table has the words of own files alone",
			bend: tellingTable(func(b *bent, _ spec.Conn, t *qrp.Table, values []uint8) []uint8 {
				own := listing(b, t, func(t *qrp.Table, f core.File) { addName(t, f); addHash(t, f) })
				for i := range values {
					values[i] = own.Value(i)
				}
				return values
			}),
		},
		{
			Name: "words-of-former-leaves-stay", What: "what was told once is never taken back",
			bend: func(b *bent) {
				all := map[spec.Conn][]uint8{}
				tellingTable(func(_ *bent, c spec.Conn, _ *qrp.Table, values []uint8) []uint8 {
					for i, v := range all[c] {
						values[i] = min(values[i], v)
					}
					all[c] = values
					return values
				})(b)
			},
		},
		{
			Name: "tables-list-a-vocabulary", What: "some hundred words that nobody shares are in the table",
			bend: tellingTable(func(_ *bent, _ spec.Conn, _ *qrp.Table, values []uint8) []uint8 {
				for i := range 300 {
					values[i*7] = 1
				}
				return values
			}),
		},
		{
			Name: "tables-are-small", What: "the own table has 1024 slots",
			configure: func(cfg *core.Config) { cfg.QRPSlots = 1 << 10 },
		},
		{
			Name: "tables-are-told-all-the-time", What: "the table is told every second if a leaf's has changed",
			configure: func(cfg *core.Config) { cfg.Maintain = time.Second },
		},
	}
}

// qrpMutants are wrong about query routing.
func qrpMutants() (list []Mutant) {
	for _, some := range [][]Mutant{
		qrpRoutingMutants(), lastHopMutants(), qrpReadMutants(), qrpRefusalMutants(), qrpFormMutants(), qrpContentMutants(),
	} {
		list = append(list, some...)
	}
	return list
}
