package kademlia

import (
	"encoding/json"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// clientMutants are wrong about requests of clients, joins among them, and about
// messages that they do not expect.
func clientMutants() []Mutant {
	return []Mutant{
		{Name: "claims-all", What: "it answers requests of unknown types as if they had been carried out", bend: claimsAll},
		{Name: "cuts-identifiers", What: "it cuts identifiers to the width of the space, and reads none as 0",
			bend: cutsIdentifiers},
		{Name: "member-from-init", What: "it takes itself for a member before it has joined", bend: func(b *bent) {
			b.OnStart = func() { b.member = true }
		}},
		{Name: "dies-of-strange-requests", What: "it dies of a request of a peer that it does not know", bend: func(b *bent) {
			b.Deaf = func(_ string, body stdio.Body) bool {
				switch body.Type {
				case typePing, typeStore, typeFindNode, typeFindValue:
				default:
					if body.MsgID != nil {
						b.Dead = errCrash
					}
				}
				return b.Dead != nil
			}
		}},
		{Name: "dies-of-unawaited-answers", What: "it dies of an answer that it does not await", bend: func(b *bent) {
			b.Deaf = func(_ string, body stdio.Body) bool {
				if body.InReplyTo != nil {
					if _, ok := b.sent[*body.InReplyTo]; !ok {
						b.Dead = errCrash
					}
				}
				return b.Dead != nil
			}
		}},
		{Name: "lonely-is-an-error", What: "it finds nobody while it is alone", bend: func(b *bent) {
			b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
				alone := b.member && b.node.Table().Len() == 0 && body.Type == "find_node"
				return alone, nil, nil, stdio.Errorf(stdio.Unavailable, "there is nobody")
			}
		}},
		{Name: "joins-in-name", What: "it files the node that it joins through, and asks nobody", bend: joinsInName},
		{Name: "joins-the-dead", What: "it has joined although nobody has answered", bend: func(b *bent) {
			b.OnOutcome = func(typ string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
				if typ == "join" {
					b.member = true
					return nil, nil
				}
				return fields, failed
			}
		}},
		{Name: "joins-the-first-alone", What: "it joins through the first node of the list only", bend: func(b *bent) {
			b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
				via, _ := b.place.Via(body)
				other := body.Type == "join" && via != "" && via != b.place.Names[0]
				return other, nil, nil, stdio.Errorf(stdio.Unavailable, "that is not the first")
			}
		}},
		{Name: "joined-while-busy", What: "it refuses whoever asks it until it has joined itself", bend: func(b *bent) {
			b.Deaf = func(_ string, body stdio.Body) bool { return !b.member && body.MsgID != nil }
		}},
		{Name: "deaf-to-the-risen", What: "it takes the low msg_ids of a node that was started again for old ones",
			bend: deafToTheRisen},
	}
}

func claimsAll(b *bent) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		switch body.Type {
		case "join", "state", "find_node", "find_value", "store":
			return false, nil, nil, nil
		}
		return true, nil, nil, nil
	}
}

func cutsIdentifiers(b *bent) {
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		fields := body.Fields()
		for _, name := range []string{"key", "target"} {
			number, _ := fields[name].(float64)
			fields[name] = uint64(int64(number)) & (1<<b.place.Overlay.Bits - 1)
		}
		raw, _ := json.Marshal(fields) // it came from JSON
		body.Raw = raw
		in, out, failed := b.tongue.Command(op, body)
		return true, in, out, failed
	}
}

func joinsInName(b *bent) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		via, _ := b.place.Via(body)
		if body.Type != "join" || via == "" {
			return false, nil, nil, nil
		}
		b.member = true
		b.node.Table().Offer(b.contact(via), b.Now)
		return true, nil, nil, nil
	}
}

// replayWindow is how far messages may overtake each other.
const replayWindow = 16

func deafToTheRisen(b *bent) {
	seen := map[string]int64{}
	b.Deaf = func(from string, body stdio.Body) bool {
		if body.MsgID == nil {
			return false
		}
		seen[from] = max(seen[from], *body.MsgID)
		return *body.MsgID+replayWindow < seen[from]
	}
}

// lookupMutants are wrong about lookups.
func lookupMutants() []Mutant {
	return []Mutant{
		{Name: "leaves-itself-out", What: "it never names itself", bend: func(b *bent) {
			b.nodes(func(_ kademlia.ID, names []string) []string { return without(names, b.place.Name) })
		}},
		{Name: "subtracts", What: "it orders by the difference of two numbers", bend: subtracts},
		{Name: "one-too-few", What: "it names one node less than k", bend: func(b *bent) {
			b.nodes(func(_ kademlia.ID, names []string) []string {
				return names[:min(len(names), b.place.Overlay.K-1)]
			})
		}},
		{Name: "waits-for-k", What: "it finds nothing where there are fewer than k", bend: func(b *bent) {
			b.OnOutcome = func(typ string, _ spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
				if names, ok := fields["nodes"].([]string); ok && len(names) < b.place.Overlay.K {
					return nil, stdio.Errorf(stdio.Unavailable, "not enough")
				}
				return fields, failed
			}
		}},
		{Name: "asks-all-at-once", What: "it takes k for alpha", configure: func(cfg *kademlia.Config) { cfg.Alpha = cfg.K }},
		{Name: "asks-twice", What: "it sends each request of a lookup twice", bend: func(b *bent) {
			b.OnSend(func(s spec.Send) []spec.Effect {
				if _, ok := s.Msg.(kademlia.FindNodeRequest); ok {
					return []spec.Effect{s, s}
				}
				return []spec.Effect{s}
			})
		}},
		{Name: "answers-from-its-table", What: "it answers find_node from its own table", bend: answersFromTable},
		{Name: "names-the-dead", What: "it names contacts of its table that have not answered", bend: func(b *bent) {
			b.nodes(func(target kademlia.ID, names []string) []string { return b.tabled(target, names) })
		}},
		{Name: "mixes-lookups", What: "it sorts what it finds by the target of the lookup that began last",
			bend: mixesLookups},
		{Name: "too-patient", What: "it waits three times as long as it should for each answer",
			configure: func(cfg *kademlia.Config) { cfg.RPCTimeout *= 3 }},
		{Name: "waits-for-ever", What: "it never gives up an answer", configure: func(cfg *kademlia.Config) {
			cfg.RPCTimeout = never
		}},
		{Name: "gives-up", What: "a lookup fails in which one node does not answer", bend: func(b *bent) {
			b.OnOutcome = func(_ string, done spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
				if found, ok := done.Result.(kademlia.Found); ok && found.Failed > 0 && done.Err == nil {
					return nil, stdio.Errorf(stdio.Abort, "a node did not answer")
				}
				return fields, failed
			}
		}},
		{Name: "never-refreshes", What: "it never refreshes a bucket", configure: func(cfg *kademlia.Config) {
			cfg.Refresh = never
		}},
	}
}
