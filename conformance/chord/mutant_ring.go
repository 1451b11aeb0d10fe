package chord

import (
	"errors"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// never is a period that no case lives to see.
const never = 300 * 24 * time.Hour

// ringMutants are wrong in how they keep the ring.
func ringMutants() []Mutant {
	return []Mutant{
		{
			Name: "never-stabilizes", What: "it does not stabilize",
			configure: func(cfg *chord.Config) { cfg.Stabilize = never },
		},
		{Name: "never-notifies", What: "it does not notify its successor", bend: swallows(func(m spec.Message) bool {
			_, notify := m.(chord.Notify)
			return notify
		})},
		{Name: "tells-no-predecessor", What: "it does not tell others its predecessor", bend: tellsNoPredecessor},
		{Name: "one-successor", What: "its list has one entry", configure: func(cfg *chord.Config) {
			cfg.Successors, cfg.Replicas = 1, 1
		}},
		{
			Name: "no-fingers", What: "it repairs no finger",
			configure: func(cfg *chord.Config) { cfg.FixFingers = -1 },
		},
		{Name: "impatient", What: "it takes who does not answer within 30 ms for dead", configure: func(cfg *chord.Config) {
			cfg.RoundTrip, cfg.RPCTimeout, cfg.Tries = 25*time.Millisecond, 30*time.Millisecond, 1
		}},
		{Name: "patient", What: "it waits a minute for each answer", configure: func(cfg *chord.Config) {
			cfg.RPCTimeout = time.Minute
		}},
		{Name: "original", What: "it keeps its ring as the protocol of 2001 does", configure: func(cfg *chord.Config) {
			cfg.Variant = chord.Original
		}},
		{Name: "no-second-life", What: "it takes requests of a peer's second life for old ones", bend: noSecondLife},
		{Name: "takes-a-step-for-the-answer", What: "it names who it asked first", bend: takesStep},
		{
			Name: "joined-by-n0-alone", What: "only n0 answers those who look for their place",
			bend: joinedByFirstAlone,
		},
		{Name: "listens-to-one", What: "while a lookup is under way it refuses the next", bend: listensToOne},
		{Name: "dies-of-a-repetition", What: "it ends when an answer comes twice", bend: diesOfRepetition},
	}
}

// swallows are the messages that a mutant does not send.
func swallows(which func(spec.Message) bool) func(*bent) {
	return func(b *bent) {
		b.OnSend(func(s spec.Send) []spec.Effect {
			if which(s.Msg) {
				return nil
			}
			return []spec.Effect{s}
		})
	}
}

func tellsNoPredecessor(b *bent) {
	b.OnSend(func(s spec.Send) []spec.Effect {
		if m, ok := s.Msg.(chord.Neighbors); ok {
			m.Predecessor = chord.Peer{}
			s.Msg = m
		}
		return []spec.Effect{s}
	})
}

// noSecondLife is deaf to numbers that are far behind those that it has heard.
func noSecondLife(b *bent) {
	const far = 30
	last := map[string]int64{}
	b.Deaf = func(from string, body stdio.Body) bool {
		if body.MsgID == nil {
			return false
		}
		if *body.MsgID < last[from]-far {
			return true
		}
		last[from] = max(last[from], *body.MsgID)
		return false
	}
}

// takesStep answers a lookup with a finger that is closer to the key.
func takesStep(b *bent) {
	b.changing("lookup", func(f args) {
		if hops := f["hops"].(int32); hops > 1 {
			f["node"] = b.tongue.names(b.tongue.node.Successors()[:1])[0]
		}
	})
}

func joinedByFirstAlone(b *bent) {
	b.Deaf = func(from string, body stdio.Body) bool {
		return b.tongue.place.Name != "n0" && body.Type == typeClosestPreceding && b.stranger(from)
	}
}

// stranger reports that a node is none that this one knows.
func (b *bent) stranger(name string) bool {
	n := b.tongue.node
	if p, ok := n.Predecessor(); ok && b.tongue.name(p) == name {
		return false
	}
	for _, s := range n.Successors() {
		if b.tongue.name(s) == name {
			return false
		}
	}
	return true
}

func listensToOne(b *bent) {
	busy := false
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, map[string]any, *stdio.Error) {
		if body.Type != "lookup" || !b.member() {
			return false, nil, nil, nil
		}
		if busy {
			return true, nil, nil, stdio.Errorf(stdio.Unavailable, "one thing at a time")
		}
		busy = true
		return false, nil, nil, nil
	}
	b.OnOutcome = func(typ string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
		busy = busy && typ != "lookup"
		return fields, failed
	}
}

func diesOfRepetition(b *bent) {
	seen := map[string]bool{}
	b.Deaf = func(from string, body stdio.Body) bool {
		if body.InReplyTo == nil || body.Type == typeBusy {
			return false
		}
		which := fmt.Sprint(from, *body.InReplyTo)
		if seen[which] {
			b.Dead = errors.New("exit status 2")
		}
		seen[which] = true
		return false
	}
}
