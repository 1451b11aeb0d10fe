package wire

import "net/netip"

// check finds what would be written so that no member reads it. GO-WF-18
func check(m Message) *Fault {
	c := checker{}
	switch m := m.(type) {
	case Ping:
		c.what = "ping"
		c.name(m.Node)
		c.source(m.Source)
	case IndirectPing:
		c.what = "indirect ping"
		c.name(m.Node)
		c.addr(m.Target)
		c.source(m.Source)
	case Error:
		c.what = "error"
		c.length("GO-WF-05", "text", len(m.Text), MaxText)
	case Suspect:
		c.what = "suspect"
		c.name(m.Node)
		c.name(m.From)
	case Dead:
		c.what = "dead"
		c.name(m.Node)
		c.name(m.From)
	case Alive:
		c.what = "alive"
		c.name(m.Node)
		c.addr(m.Addr)
		c.length("GO-WF-18", "metadata", len(m.Meta), MaxMeta)
	case Ack:
		c.what = "ack"
		c.length("GO-WF-05", "payload", len(m.Payload), MaxUser)
	case User:
		c.what = "user message"
		c.length("GO-WF-18", "payload", len(m.Payload), MaxUser)
	case PushPull:
		c.what = "push/pull"
		c.length("GO-WF-18", "list of nodes", len(m.Nodes), MaxNodes)
		c.length("GO-WF-18", "user state", len(m.User), MaxUser)
		for i := range m.Nodes {
			c.node(&m.Nodes[i])
		}
	}
	return c.fault
}

// checker keeps the first fault of what is to be written.
type checker struct {
	what  string
	fault *Fault
}

func (c *checker) fail(clause, reason string) {
	if c.fault == nil {
		c.fault = newFault(clause, c.what, 0, reason)
	}
}

func (c *checker) length(clause, of string, n, limit int) {
	if n > limit {
		c.fail(clause, "its "+of+" is too long")
	}
}

func (c *checker) name(s string) { c.length("GO-WF-02", "name of a node", len(s), MaxName) }

func (c *checker) addr(a netip.AddrPort) {
	if a.Addr().Zone() != "" {
		c.fail("GO-WF-02", "an address with a zone")
	}
}

func (c *checker) source(s Source) {
	c.name(s.Node)
	c.addr(s.Addr)
}

func (c *checker) node(n *NodeState) {
	c.name(n.Name)
	if n.Name == "" {
		c.fail("GO-WF-07", "a node without a name")
	}
	c.addr(n.Addr)
	c.length("GO-WF-18", "metadata", len(n.Meta), MaxMeta)
}
