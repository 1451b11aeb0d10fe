package swim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// pushPullCases judge the exchange of all state over streams.
var pushPullCases = []Case{
	{
		ID: "swim/pushpull/tells-of-itself", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-02", "GO-WF-07"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A push/pull that tells nothing is answered by the target's state: itself, once, alive, " +
			"with its address and the versions that it understands, and then the target ends the stream.",
		Causes: []string{"the own node is left out", "the stream is kept open for more"},
		Kills:  []string{"goes-on-after-push-pull", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			t := c.Talk()
			t.Write(wire.PushPull{})
			answer, ok := t.Read(AnswerWithin).(wire.PushPull)
			if !ok {
				c.Inconclusivef("the target does not answer a push/pull")
			}
			c.Earn()
			times := 0
			for _, n := range answer.Nodes {
				if n.Name == c.Self.Name {
					times++
				}
			}
			v := c.Self.Versions
			switch {
			case times != 1:
				c.Mismatch("Nodes", fmt.Sprintf("%d entries of the target itself", times), "one")
			case c.Self.State != wire.StateAlive:
				c.Mismatch("the target's own state", stateName(c.Self.State), "alive")
			case v.ProtocolMin == 0 || v.Protocol < v.ProtocolMin || v.Protocol > v.ProtocolMax:
				c.Mismatch("the target's own Vsn", v, "pmin <= pcur <= pmax, above 0")
			case !t.Ends(AnswerWithin):
				c.Failf("the target does not end the stream after its answer")
			case len(t.buf) > 0:
				c.Mismatch("what follows the answer", fmt.Sprintf("%d bytes", len(t.buf)), "nothing")
			}
			c.Control()
		}),
	},
	{
		ID: "swim/pushpull/takes-in-who-joins", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-02", "GO-AE-04", "GO-WF-07"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the target's answer",
		Explain: "A member joins by a push/pull with itself, with metadata, as its only node. Its answer " +
			"must not have the member yet, since the target sends its state before it merges. After " +
			"that the target must tell of the member as it described itself.",
		Causes: []string{
			"what is received is not merged",
			"the answer is made after the merge",
			"metadata is lost",
		},
		Kills: []string{"nothing-is-merged", "push-pull-of-16-bits", "push-pull-without-metadata"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			m.Meta, m.Incarnation = []byte("metadata\x00of p2pspec"), 70000
			m.known = true
			answer := c.Exchange(wire.PushPull{Join: true, Nodes: []wire.NodeState{m.State()}})
			if answer == nil {
				c.Inconclusivef("the target does not answer a push/pull")
			}
			if _, early := Table(answer.Nodes).Find(m.Name); early {
				c.Mismatch("the answer", "it has the member that joins", "the state as it was before")
			}
			c.Earn()
			got, _ := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, m.Incarnation))
			if want := m.State(); !sameEntry(got, want) {
				c.Mismatch("the entry of the member that joined", showEntry(got, got.Name != ""), showEntry(want, true))
			}
		}),
	},
	{
		ID: "swim/pushpull/dead-counts-as-suspect", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-18"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "push/pulls that show the members alive before",
		Explain: "In a push/pull one member is suspect and one is dead. Both must become suspect, not dead: " +
			"who is declared dead by hearsay gets time to refute it. The suspicion that the target " +
			"gossips must have itself as the accuser.",
		Causes: []string{"a dead entry is believed at once", "the accuser is left empty or is the member itself"},
		Kills:  []string{"accuses-in-the-name-of-the-suspect", "dead-by-hearsay", "suspicions-are-kept"},
		Run: playing(func(c *Cluster) {
			w := c.One()
			for i, s := range []wire.State{wire.StateSuspect, wire.StateDead} {
				m := c.One()
				n := m.State()
				n.State = s
				c.Push(n)
				got, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateSuspect, m.Incarnation))
				if !ok {
					c.Mismatch("a member that a push/pull says is "+stateName(s), stateName(got.State), "suspect")
				}
				c.Earn()
				if i == 0 {
					c.MustHear(w, "a suspicion with the target as its accuser", says(m.Suspect(c.Self.Name)))
				}
			}
		}),
	},
	{
		ID: "swim/pushpull/left-stays-left", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-18", "GO-FD-17"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "push/pulls that show the member alive before",
		Explain: "In a push/pull a member has left. It must be known as left: nobody else says that of a member.",
		Causes:  []string{"left is taken for dead, or for suspect"},
		Kills:   []string{"left-by-hearsay-is-suspect", "tells-of-the-living-alone"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			n := m.State()
			n.State = wire.StateLeft
			c.Push(n)
			if got, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateLeft, m.Incarnation)); !ok {
				c.Mismatch("a member that a push/pull says has left", stateName(got.State), "left")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/pushpull/alive-needs-a-higher-incarnation", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-13", "GO-FD-18"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the same entry with a higher incarnation, which is taken over",
		Explain: "A member is suspect. A push/pull in which it is alive in the same incarnation must " +
			"change nothing, one with the next must end the suspicion.",
		Causes: []string{"push/pull replaces what is believed"},
		Kills:  []string{"push-pull-replaces"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			m.Tell(m.Suspect(accuser))
			if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateSuspect, 1)); !ok {
				c.Inconclusivef("the target does not suspect the member: %s", stateName(n.State))
			}
			c.Quietly(m.Name, "a push/pull with the member alive in the same incarnation", func() { c.Push(m.State()) })
			m.Incarnation++
			c.Push(m.State())
			if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, 2)); !ok {
				c.Mismatch("a suspect that is alive in the next incarnation", showEntry(n, true), "alive in incarnation 2")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/pushpull/of-other-protocols", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-03"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a push/pull with versions that all understand, which is merged",
		Explain: "A push/pull has two alive nodes, one that speaks protocol 9 and one like the target. " +
			"Nothing in it may be merged; nor if the application's protocol is one that the " +
			"target does not understand. The good node alone must be taken in.",
		Causes: []string{"versions are not compared", "only the node that does not fit is left out"},
		Kills:  []string{"protocols-of-applications-are-not-compared", "versions-are-not-compared"},
		Run: playing(func(c *Cluster) {
			good, bad := c.Add(), c.Add()
			bad.Versions.Protocol, bad.Versions.ProtocolMax = 9, 9
			c.refuses(good, bad, "protocol 9")
			bad.Versions = c.Self.Versions
			bad.Versions.DelegateMin, bad.Versions.Delegate, bad.Versions.DelegateMax = 99, 99, 99
			c.refuses(good, bad, "application protocol 99")
			good.Join()
			c.Earn()
		}),
	},
	{
		ID: "swim/pushpull/with-state-of-the-application", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-07"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the target's answer",
		Explain: "A push/pull carries 100,000 bytes of the application's behind its nodes. The nodes must be " +
			"merged, whatever the target's application makes of the bytes.",
		Causes: []string{"UserStateLen is not read", "what does not arrive at once is lost"},
		Kills:  []string{"no-state-of-applications", "nothing-is-merged"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			m.known = true
			if c.Exchange(wire.PushPull{Nodes: []wire.NodeState{m.State()}, User: make([]byte, 100000)}) == nil {
				c.Survives("a push/pull with state of the application")
				c.Failf("a push/pull with 100,000 bytes of the application's is not answered")
			}
			if _, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, m.Incarnation)); !ok {
				c.Failf("the node of a push/pull with state of the application is not taken in")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/pushpull/arrives-in-pieces", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-07", "GO-WF-17"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A push/pull is written in three pieces with pauses, and another compressed. Both must be " +
			"answered and merged: a stream has no packets.",
		Causes: []string{"one read is taken for one message", "compression is undone in datagrams only"},
		Kills:  []string{"no-compression-on-streams", "nothing-is-merged"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			m.known = true
			whole := c.frame(wire.PushPull{Nodes: []wire.NodeState{m.State()}}, true)
			t := c.Talk()
			for i, piece := range [][]byte{whole[:1], whole[1 : len(whole)/2], whole[len(whole)/2:]} {
				t.WriteMalformed(piece, fmt.Sprintf("piece %d of a push/pull", i+1))
				c.Wait(30 * time.Millisecond)
			}
			if _, ok := t.Read(AnswerWithin).(wire.PushPull); !ok {
				c.Failf("a push/pull in three pieces is answered by %v", t.unread(nil))
			}
			c.Earn()
			m.Incarnation++
			t = c.Talk()
			t.Stream.Write(wire.AppendCompressed(nil, c.frame(wire.PushPull{Nodes: []wire.NodeState{m.State()}}, true)),
				"a compressed push/pull")
			if _, ok := t.Read(AnswerWithin).(wire.PushPull); !ok {
				c.Failf("a compressed push/pull is answered by %v", t.unread(nil))
			}
			if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, m.Incarnation)); !ok {
				c.Mismatch("the node of both push/pulls", showEntry(n, n.Name != ""), "alive in incarnation 2")
			}
		}),
	},
	{
		ID: "swim/pushpull/of-too-many-nodes", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-18"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a push/pull of no node, which is answered",
		Explain: "A push/pull says that 2^20 + 1 nodes follow, and another that 20 MiB and a byte of the " +
			"application's do. The target must end the stream at once, and live.",
		Causes: []string{"memory is set aside for what is announced", "no limit is kept"},
		Kills:  []string{"waits-for-too-many-nodes"},
		Run: playing(func(c *Cluster) {
			c.closes("a push/pull of 2^20 + 1 nodes", pushPullHeader(wire.MaxNodes+1, 0))
			c.closes("a push/pull with 20 MiB and a byte of the application's", pushPullHeader(0, wire.MaxUser+1))
			c.Table()
			c.Earn()
		}),
	},
	{
		ID: "swim/pushpull/of-its-own", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-01", "GO-AE-04", "GO-WF-07"},
		Role:         conformance.Responder, Kind: conformance.Behaviour, Needs: []conformance.Need{conformance.NeedClock},
		Control: "pings that the target is answered meanwhile", Within: 5 * time.Minute,
		Explain: "One member answers all that the target asks. Within two minutes the target must twice " +
			"exchange all its state with it, of itself and without the flag of a join: this is how the " +
			"parts of a cluster that was divided find out what they have missed.",
		Causes: []string{"there is no push/pull but that of a join", "Join is set in all of them"},
		Kills:  []string{"each-push-pull-joins", "no-push-pull-of-its-own"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			var asked []wire.PushPull
			m.On = func(h *Heard) bool {
				if p, ok := h.Msg.(wire.PushPull); ok {
					asked = append(asked, p)
				}
				return false
			}
			c.Until(func() bool { return len(asked) >= 2 }, 2*time.Minute)
			if len(asked) < 2 {
				c.Control()
				c.Failf("within two minutes the target has opened %d push/pulls", len(asked))
			}
			for _, p := range asked {
				if _, ok := Table(p.Nodes).Find(c.Self.Name); !ok || p.Join {
					c.Mismatch("a push/pull of the target's", p, "one with itself, and Join false")
				}
			}
			c.Earn()
		}),
	},
}

// refuses ends the case as failed if one of two nodes in a push/pull is taken in.
func (c *Cluster) refuses(good, bad *Member, why string) {
	c.Push(good.State(), bad.State())
	c.Wait(c.SilenceWait())
	table := c.Table()
	for _, m := range []*Member{good, bad} {
		if _, ok := table.Find(m.Name); ok {
			good.known, bad.known = true, true
			c.Failf("of a push/pull in which somebody speaks %s, %s is taken in", why, m.Name)
		}
	}
}

// closes ends the case as failed unless the target ends the stream on which it is
// sent the bytes, and lives.
func (c *Cluster) closes(what string, b []byte) {
	t := c.Talk()
	t.WriteMalformed(b, what)
	if !t.Ends(endsWithin) {
		c.Survives(what)
		c.Failf("the target does not end the stream after %s", what)
	}
	c.Survives(what)
}

// endsWithin is how long a target may take to end a stream that is of no use:
// less than it waits for one that is silent.
const endsWithin = 800 * time.Millisecond

// pushPullHeader is the beginning of a push/pull that announces more than it has.
func pushPullHeader(nodes, user uint32) []byte {
	var b bytes.Buffer
	b.WriteByte(byte(wire.TypePushPull))
	b.WriteString("\x83\xa4Join\xc2\xa5Nodes\xce")
	b.Write([]byte{byte(nodes >> 24), byte(nodes >> 16), byte(nodes >> 8), byte(nodes)})
	b.WriteString("\xacUserStateLen\xce")
	b.Write([]byte{byte(user >> 24), byte(user >> 16), byte(user >> 8), byte(user)})
	return b.Bytes()
}
