// Package swim is a pure reference core of a member of a cluster: it finds out who
// is alive, tells others, and passes on the application's news.
//
// # Implements
//
// A. Das, I. Gupta, A. Motivala, "SWIM: Scalable Weakly-consistent Infection-style
// Process Group Membership Protocol", DSN 2002; A. Dadgar, J. Phillips, J. Currey,
// "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2017;
// both as hashicorp/memberlist v0.7 has them, in whose clusters the node is a
// member like any other. The catalogue rows GO-FD-…, GO-LH-…, GO-GS-… and GO-AE-…
// have it in detail: probes in rounds, pings by others and over a stream, nacks,
// suspicion with confirmations, refutation, rumors told a limited number of times
// and carried by pings and acks, exchanges of all state, metadata, broadcasts and
// messages of the application, leaving.
//
// # Does not
//
// It opens no socket and reads no clock; labels, encryption and compression are
// those of [wire.Format]. It trusts who can speak to it: whoever has the label and
// the key can make it believe in members, and accuse them until they refute. It
// does not resolve names of hosts, and has no hooks by which an application could
// veto members.
//
// # Driving the node
//
//	cfg := swim.LAN() // or WAN, or Local
//	cfg.Name, cfg.Addr, cfg.Seed = name, addr, seed
//	n, err := swim.New(cfg, now)
//	effects := n.Step(now, swim.Join{Op: 1, Addrs: peers}, nil)
//	for {
//		// perform the effects in order: transmit each spec.Send, dial for each spec.Dial, …
//		// wait for a datagram, a stream, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0])
//	}
//
// Datagrams are [wire.Packet], what goes over streams [wire.Frame]. A stream
// carries one message in each direction at most, and either side may dial.
//
// # Reading order
//
// table.go (who is believed: the order of claims), config.go (the numbers),
// input.go and effect.go (commands and events), node.go (Step and the timers),
// members.go (the table of members and the rounds), probe.go (pings), receive.go
// (what comes in packets, and what is made of claims), suspicion.go (its time),
// queue.go and gossip.go (rumors), stream.go and pushpull.go (what goes over
// streams), command.go (what the application asks for), state.go (Clone,
// AppendState and the invariants).
//
// # State diagram
//
// What is believed of a member, by incarnations i that are claimed and j that are
// believed:
//
//	        alive, i > 0            suspect, i >= j; or a failed probe
//	unknown ────────────► alive ──────────────────────────────────► suspect
//	   ▲                  │ ▲ ▲            alive, i > j             │     │
//	   │ a round          │ │ └────────────────────────────────────┘     │ time, or
//	   │ after            │ │                                             │ dead, i >= j
//	   │ GossipToTheDead  │ │ alive, i > j                                ▼
//	   │                  │ └─────────────────────────────── dead, or left by itself
//	   └──────────────────┼──────────────────────────────────  │     ▲
//	                      └────────────── dead, i >= j ─────────┼─────┘
//	                                                            ▼
//
// Of a probe:
//
//	┌──────┐ period: ping ┌─────────┐ ProbeTimeout: ask k others, dial ┌──────────┐
//	│ idle │ ───────────► │ pinging │ ───────────────────────────────► │ everyway │
//	└──────┘              └─────────┘                                  └──────────┘
//	   ▲  ack: health - 1     │                  ack: health - 1            │
//	   ├──────────────────────┴─────────────────────────────────────────────┤
//	   └── end of the period, which health + 1 makes longer: suspect it; ───┘
//	       health + the nacks that are missing
//
// # Deviations
//
// From memberlist:
//
//  1. Who joins has its turn in the round under way, where memberlist may put it
//     among those that have had theirs (GO-FD-03).
//  2. What a packet says is acted on at once: that somebody lives before the rest
//     of it, as memberlist's two queues would mostly have it (GO-GS-05).
//  3. A refutation replaces the queued rumor about the node under its name; in
//     memberlist it is queued under the address (GO-GS-03).
//  4. An alive message without versions, without an address or with incarnation 0
//     is refused. Of these memberlist takes the first for one of an old version
//     and the last for a member that is dead already.
//  5. An accusation with the highest incarnation there is cannot be refuted, and
//     is refused by who it is about; in memberlist the number turns over to 0.
//  6. Who has left stays in its own table, where memberlist removes itself.
//
// What looks odd and is memberlist's: the nacks of the LAN configuration come when
// the period is over, since helpers wait as long as the probe has waited, so that a
// failed probe costs as much health as it had helpers, until health makes periods
// longer (GO-LH-03).
//
// From the paper: the dead come back with a higher incarnation (GO-SW-02).
// Config.RandomTarget, NoSuspicion, NoNack and NoBuddy are the way back to the
// plain protocol, for experiments.
//
// # Guarantees
//
// A member that answers within Config.ProbeTimeout is never suspected by who
// asked it. One that is accused, and hears of it in time, is not declared dead;
// if it hears too late it comes back with its refutation. The incarnation that is
// believed of a member never falls while the member is known, and never exceeds
// the one that the member has, if nobody lies. When nothing is lost or
// partitioned any more and members can reach each other, exchanges of state make
// all agree on who is alive. Rumors alone do not: each is told a limited number
// of times, and may miss somebody (GO-GS-02).
//
// No message makes the node panic, and a refused one leaves no trace: it yields a
// spec.Drop with the clause it breaks. News that are old or repeated are no
// mistake of the sender when they are equal to what is believed; those that are
// older yield a Drop, too. Memory and the effects of a Step are bounded by Config,
// see [Config.MaxEffects]. The same seed and inputs give the same effects on every
// machine.
//
// # Compatibility
//
// Version 0: names and fields may change until the suites that use the core are
// complete. On the wire it is memberlist v0.7's protocol, versions 1 to 5.
package swim
