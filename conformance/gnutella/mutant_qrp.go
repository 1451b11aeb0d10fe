package gnutella

import (
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// tables is what neighbours have told of theirs, as the mutant follows it beside
// the servent.
type tables map[spec.Conn]*qrp.Receiver

// take follows a message, and says what is wrong with it.
func (l tables) take(c spec.Conn, d wire.Descriptor) (m qrp.Message, err error) {
	if l[c] == nil {
		l[c] = &qrp.Receiver{}
	}
	if m, err = qrp.Parse(d.Payload); err == nil {
		err = l[c].Take(m)
	}
	return m, err
}

// of is the table of a neighbour, nil if it has told none.
func (l tables) of(c spec.Conn) *qrp.Table {
	if l[c] == nil {
		return nil
	}
	return l[c].Table()
}

// leaves are the links with leaves, but one.
func (b *bent) leaves(but spec.Conn) (list []spec.Conn) {
	for _, link := range b.node.Links() {
		if link.Mode == core.Leaf && link.Conn != but {
			list = append(list, link.Conn)
		}
	}
	return list
}

func (b *bent) isLeaf(c spec.Conn) bool {
	for _, leaf := range b.leaves(0) {
		if leaf == c {
			return true
		}
	}
	return false
}

// routing decides in the servent's place which queries of others a leaf gets: its
// table is nil until it has told one.
func routing(sends func(t *qrp.Table, d *wire.Descriptor, q *wire.Query) bool) func(*bent) {
	return func(b *bent) {
		told, seen, flow := tables{}, map[wire.GUID]bool{}, map[spec.Conn]uint8{}
		b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
			d, ok := m.(wire.Descriptor)
			switch {
			case ok && d.Type == wire.TypeQRP:
				_, _ = told.take(c, d) // the servent itself says what is wrong
			case ok && d.Type == wire.TypeVendor && d.TTL == 1 && d.Hops == 0:
				if v, err := wire.ParseVendorMessage(d.Payload); err == nil && v.Selector == 4 && len(v.Data) == 1 {
					flow[c] = v.Data[0]
				}
			case ok && d.Type == wire.TypeQuery && !seen[d.GUID]:
				seen[d.GUID] = true
				q, err := wire.ParseQuery(d.Payload)
				for _, leaf := range b.leaves(c) {
					out := d
					out.TTL, out.Hops = d.TTL-min(d.TTL, 1), d.Hops+1
					limit, limited := flow[leaf]
					if err == nil && sends(told.of(leaf), &d, &q) && (!limited || out.Hops < limit) {
						b.reply(leaf, out)
					}
				}
			}
			return same(m)
		}
		b.say = func(c spec.Conn, m spec.Message) []spec.Message {
			if d, ok := m.(wire.Descriptor); ok && d.Type == wire.TypeQuery && b.isLeaf(c) {
				return nil
			}
			return same(m)
		}
	}
}

// fits is what a table says of a query by the rules.
func fits(t *qrp.Table, q *wire.Query) bool {
	if t == nil || t.Match(qrp.Keys(nil, string(q.Text))) {
		return true
	}
	return listsURN(t, q)
}

func listsURN(t *qrp.Table, q *wire.Query) bool {
	for rest := q.Extensions; len(rest) > 0; {
		var kind wire.ExtensionKind
		var part []byte
		kind, part, rest = wire.NextExtension(rest)
		if kind == wire.ExtensionURN && t.Has(qrp.KeyOf(string(part))) {
			return true
		}
	}
	return false
}

// listed is how many words of a query a table lists, of how many.
func listed(t *qrp.Table, q *wire.Query) (found, all int) {
	for _, k := range qrp.Keys(nil, string(q.Text)) {
		all++
		if t.Has(k) {
			found++
		}
	}
	return found, all
}

func qrpRoutingMutants() []Mutant {
	return []Mutant{
		{
			Name: "leaves-are-never-asked", What: "queries of others do not go to leaves",
			bend: routing(func(*qrp.Table, *wire.Descriptor, *wire.Query) bool { return false }),
		},
		{
			Name: "leaves-are-asked-everything", What: "all queries of others go to all leaves",
			bend: routing(func(*qrp.Table, *wire.Descriptor, *wire.Query) bool { return true }),
		},
		{
			Name: "one-listed-word-is-enough", What: "a query goes to a leaf whose table lists any of its words",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool {
				if fits(t, q) {
					return true
				}
				found, _ := listed(t, q)
				return found > 0
			}),
		},
		{
			Name: "most-listed-words-are-enough", What: "a query goes to a leaf whose table lists two of its three words",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool {
				if fits(t, q) {
					return true
				}
				found, all := listed(t, q)
				return all >= 3 && found*3 >= all*2
			}),
		},
		{
			Name: "capitals-are-hashed", What: "the words of a query are looked up as they are written",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool {
				return fits(t, q) && strings.ToLower(string(q.Text)) == string(q.Text)
			}),
		},
		{
			Name: "short-words-are-looked-up", What: "a query with a word of two letters goes to no leaf with a table",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool {
				for _, w := range strings.Fields(string(q.Text)) {
					if t != nil && len(w) < qrp.MinWord {
						return false
					}
				}
				return fits(t, q)
			}),
		},
		{
			Name: "urns-go-to-no-leaf", What: "a query by hash alone goes to no leaf with a table",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool {
				return fits(t, q) && (t == nil || len(q.Text) > 0)
			}),
		},
		{
			Name: "urns-go-to-all-leaves", What: "a query by hash alone goes to all leaves",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool {
				return fits(t, q) || len(q.Text) == 0
			}),
		},
		{
			Name: "no-table-no-queries", What: "a leaf that has told no table gets no queries",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool { return t != nil && fits(t, q) }),
		},
		{
			Name: "empty-table-is-none", What: "a leaf whose table lists nothing gets all queries",
			bend: routing(func(t *qrp.Table, _ *wire.Descriptor, q *wire.Query) bool {
				return t == nil || t.Filled() == 0 || fits(t, q)
			}),
		},
		{
			Name: "leaves-are-a-hop-away", What: "a query with a TTL of 1 goes to no leaf",
			bend: routing(func(t *qrp.Table, d *wire.Descriptor, q *wire.Query) bool { return d.TTL > 1 && fits(t, q) }),
		},
	}
}

// lastHopMutants are wrong about tables of ultrapeers.
func lastHopMutants() []Mutant {
	return []Mutant{
		{
			Name: "tables-of-ultrapeers-are-not-read", What: "what ultrapeers tell of their tables is ignored",
			bend: hearingType(wire.TypeQRP, func(b *bent, c spec.Conn, d wire.Descriptor) []spec.Message {
				if b.isLeaf(c) {
					return same(d)
				}
				return nil
			}),
		},
		{
			Name: "tables-decide-every-hop", What: "ultrapeers get no query that their tables exclude, however far it may go",
			bend: toTabled(func(t *qrp.Table, d *wire.Descriptor, q *wire.Query) bool { return fits(t, q) }),
		},
		{
			Name: "tabled-ultrapeers-get-no-last-hop", What: "ultrapeers with a table get no query on its last hop",
			bend: toTabled(func(_ *qrp.Table, d *wire.Descriptor, _ *wire.Query) bool { return d.TTL > 1 }),
		},
	}
}

// toTabled leaves out queries to ultrapeers that have told a table.
func toTabled(sends func(t *qrp.Table, d *wire.Descriptor, q *wire.Query) bool) func(*bent) {
	return func(b *bent) {
		told := tables{}
		b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
			if d, ok := m.(wire.Descriptor); ok && d.Type == wire.TypeQRP && !b.isLeaf(c) {
				_, _ = told.take(c, d) // the servent itself says what is wrong
			}
			return same(m)
		}
		b.say = func(c spec.Conn, m spec.Message) []spec.Message {
			d, ok := m.(wire.Descriptor)
			t := told.of(c)
			if !ok || d.Type != wire.TypeQuery || t == nil {
				return same(m)
			}
			if q, err := wire.ParseQuery(d.Payload); err != nil || !sends(t, &d, &q) {
				return nil
			}
			return same(m)
		}
	}
}
