package bittorrent

// setPeerInterest takes word of whether a peer wants pieces.
func (n *step) setPeerInterest(c *conn, interested bool) {
	if c.peerInterested != interested {
		c.peerInterested = interested
		n.reseat = true
	}
}

// rechoke is the choker's round. BEP03-CHOKE-001
func (n *step) rechoke() {
	n.turn(n.choker.rechoke(n.candidates(), n.Complete(), nil))
}

// react is what the choker does between the rounds.
func (n *step) react() {
	n.turn(n.choker.react(n.candidates(), n.Complete(), nil))
}

// candidates describes the connections to the choker. A leecher ranks those
// who send to it, a seed those who take. BEP03-CHOKE-002, BEP03-CHOKE-004
func (n *Node) candidates() []chokerPeer {
	peers := make([]chokerPeer, 0, n.live)
	for _, c := range n.conns {
		if c == nil || c.phase != talking {
			continue
		}
		p := chokerPeer{
			conn: c.id, interested: c.peerInterested, choked: c.amChoking, snubbing: n.snubbing(c),
			settled:    c.turned == c.since || n.now-c.turned >= n.cfg.RechokeInterval,
			uploadOnly: c.uploadOnly,
		}
		if n.Complete() {
			p.rate = c.up.perSecond(n.now)
		} else {
			p.rate = c.down.perSecond(n.now)
		}
		peers = append(peers, p)
	}
	return peers
}

// turn sends what the choker decided.
func (n *step) turn(changes []chokeChange) {
	for _, change := range changes {
		switch c := n.connOf(change.conn); {
		case change.choke:
			n.choke(c)
		default:
			n.unchoke(c)
		}
	}
}
