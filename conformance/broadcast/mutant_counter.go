package broadcast

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// bentCounter makes nodes of a counter that a rule bends.
func bentCounter(rule func(*bent)) func() stdio.Node {
	return func() stdio.Node {
		t := &counterTongue{replicaTongue{life: 1}}
		b := &bent{
			Bent: &cluster.Bent{Tongue: t}, node: func() *replica { return t.node },
			name: func() string { return t.place.Name },
		}
		rule(b)
		return cluster.NewBent(b.Bent)
	}
}

// counterMutants are wrong about a counter.
func counterMutants() []Mutant {
	value := func(change func(sum int64) any) func() stdio.Node {
		return bentCounter(func(b *bent) {
			b.reading("read", func(fields args) args { return args{"value": change(fields["value"].(int64))} })
		})
	}
	return append(spreadMutants(bentCounter), []Mutant{
		{"adds-what-it-hears", "it adds what another node says each time it hears it", bentCounter(addsWhatItHears)},
		{"counts-repetitions", "a message that it hears twice counts twice", bentCounter(countsRepetitions)},
		{"one-total", "all nodes change one number, and the larger one wins", bentCounter(oneTotal)},
		{"wraps-at-32-bits", "its sum has 32 bits", value(func(sum int64) any { return int32(sum) })},
		{"number-as-text", "it reads a text with a number in it", value(func(sum int64) any { return fmt.Sprint(sum) })},
		{"begins-at-one", "its first value is one", value(func(sum int64) any { return sum + 1 })},
		{"refuses-zero", "it takes a delta of zero for none", bentCounter(func(b *bent) {
			b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
				zero := body.Type == "add" && body.Fields()["delta"] == 0.0
				return zero, nil, nil, stdio.Errorf(stdio.MalformedRequest, "delta is missing")
			}
		})},
		{"one-life", "started again it counts on under its old name from zero", bentCounter(func(b *bent) {
			b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
				in, fields, failed := b.Tongue.Command(op, body)
				if c, ok := in.(change); ok {
					mine := entry{Key: b.name()}
					for _, e := range b.node().entries {
						if e.Key == mine.Key && !e.learned.IsValid() {
							mine = e
						}
					}
					delta := int64(body.Fields()["delta"].(float64))
					mine.Up, mine.Down = mine.Up+max(delta, 0), mine.Down+max(-delta, 0)
					c.entry = mine
					in = c
				}
				return true, in, fields, failed
			}
		})},
	}...)
}

// gCounterMutants are wrong about what only grows.
func gCounterMutants() []Mutant {
	return []Mutant{
		{"flickers", "for a while after a change, every other read has the sum before it", bentCounter(flickers)},
	}
}

// pnCounterMutants are wrong about what is taken away.
func pnCounterMutants() []Mutant {
	return []Mutant{{"only-rises", "it overlooks what is taken away", bentCounter(func(b *bent) {
		b.reading("read", func(args) args {
			var sum int64
			for _, e := range b.node().entries {
				sum += e.Up
			}
			return args{"value": sum}
		})
	})}}
}

// more makes the node read more than it knows.
func more(b *bent, by *int64) {
	b.reading("read", func(fields args) args { return args{"value": fields["value"].(int64) + *by} })
}

func addsWhatItHears(b *bent) {
	var extra int64
	b.hearing(func(m news) news {
		for _, e := range m.entries {
			for _, old := range b.node().entries {
				if old.Key == e.Key {
					extra += min(e.Up, old.Up) - min(e.Down, old.Down)
				}
			}
		}
		return m
	})
	more(b, &extra)
}

func countsRepetitions(b *bent) {
	var extra int64
	heard := map[string]bool{}
	b.hearing(func(m news) news {
		key := fmt.Sprint(m)
		if heard[key] {
			for _, e := range m.entries {
				extra += 1 + e.Up - e.Down
			}
		}
		heard[key] = true
		return m
	})
	more(b, &extra)
}

func oneTotal(b *bent) {
	b.OnCommand = func(op spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		in, fields, failed := b.Tongue.Command(op, body)
		if c, ok := in.(change); ok {
			total := entry{Key: "total"}
			for _, e := range b.node().entries {
				total = e
			}
			delta := int64(body.Fields()["delta"].(float64))
			total.Up, total.Down = total.Up+max(delta, 0), total.Down+max(-delta, 0)
			total.learned = c.entry.learned
			c.entry = total
			in = c
		}
		return true, in, fields, failed
	}
}

func flickers(b *bent) {
	var before, is int64
	var changed time.Duration
	odd := false
	b.reading("read", func(fields args) args {
		sum := fields["value"].(int64)
		if sum != is {
			before, is, changed = is, sum, b.Now
		}
		if odd = !odd; odd && b.Now-changed < 300*time.Millisecond {
			return args{"value": before}
		}
		return args{"value": is}
	})
}
