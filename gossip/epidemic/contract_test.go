package epidemic

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

const contractPeers = 8

func testPeers(n int) []netip.AddrPort {
	list := make([]netip.AddrPort, n)
	for i := range list {
		list[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(113 + i>>8), byte(i)}), 4000)
	}
	return list
}

// contractConfig is small, so that every limit is reached, and goes through the
// variants.
func contractConfig(seed uint64) Config {
	cfg := Config{
		Self: 3, Peers: testPeers(contractPeers),
		Mongering: Mongering{
			Period: time.Minute, Phase: 20 * time.Second, K: 2, Cool: 2, Rounds: 6,
			Exchange: Exchange(seed % 3), Interest: Interest(seed % 4),
			Connections: int(seed % 2 * 2), Hunt: 2,
		},
		AntiEntropy: AntiEntropy{
			Period: 3 * time.Minute, Compare: Compare(seed / 2 % 4), Exchange: Exchange(seed / 8 % 3),
		},
		Deletion:   Deletion{Tau1: 5 * time.Minute, Tau2: 20 * time.Minute, Retainers: 3},
		MaxEntries: 40, MaxRumors: 6, MaxValueBytes: 8, PacketSize: 256,
	}
	if seed%5 == 4 {
		cfg.Mongering.Exchange, cfg.Mongering.Interest = PushPull, MedianCounter
	}
	if seed%7 == 6 {
		cfg.AntiEntropy.Period = -1
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	return cfg
}

func TestContract(t *testing.T) {
	bound, err := contractConfig(0).MaxEffects()
	if err != nil {
		t.Fatal(err)
	}
	check.Run(t, check.Subject{
		New:        check.Seeded(New, contractConfig),
		Input:      contractInput,
		MaxEffects: func(spec.Input) int { return bound },
		Codec:      Codec{},
		Seeds:      24,
		Steps:      400,
		MaxGap:     4 * time.Minute,
		Golden:     "testdata/contract.golden",
		NotState: map[string]string{
			"cfg":                  "it never changes",
			"now":                  "deadlines are relative to it",
			"entries[].Update.Age": "it is 0 in the database, which has since instead",
		},
		Shared: map[string]string{
			"cfg":                    "it never changes",
			"entries[].Update.Value": "replaced, never changed",
		},
	})
}

// contractInput plays the application and a network of eight peers, which send
// what a system by the same rules would, and sometimes what none would.
func contractInput(g *check.Gen) spec.Input {
	switch g.Below(20) {
	case 0, 1, 2:
		return Put{Op: g.Op, Key: contractKey(g), Value: make([]byte, g.Below(10))} // 9 is one too many
	case 3:
		return Delete{Op: g.Op, Key: contractKey(g)}
	case 4:
		return Get{Op: g.Op, Key: contractKey(g)}
	case 5:
		return Sync{Op: g.Op, With: int32(g.Below(10)) - 1}
	}
	from := testPeers(contractPeers)[g.Below(contractPeers)]
	if len(g.Sent) > 0 && g.Below(2) == 0 { // who was written to last answers
		from = g.Sent[len(g.Sent)-1].To
	}
	if g.Below(40) == 0 {
		from = netip.AddrPort{}
	}
	return spec.Recv{From: from, Msg: contractMessage(g)}
}

func contractMessage(g *check.Gen) spec.Message {
	from, to := contractKey(g), contractKey(g)
	if from > to {
		from, to = to, from
	}
	if g.Below(3) == 0 {
		from, to = "", ""
	}
	switch g.Below(13) {
	case 0, 1, 2:
		return Contact{Pull: g.Below(3) > 0, Rumors: contractRumors(g)}
	case 3, 4:
		return Reply{Rumors: contractRumors(g), Verdicts: contractVerdicts(g)}
	case 5, 6:
		return Feedback{Verdicts: contractVerdicts(g)}
	case 7:
		return Busy{}
	case 8, 9:
		return Entries{From: from, To: to, Give: g.Below(2) == 0, Updates: contractUpdates(g, from, to)}
	case 10:
		return Ask{From: from, To: to, Give: g.Below(2) == 0}
	case 11:
		return Summary{[]Range{{From: from, To: to, Count: uint32(g.Below(40)), Sum: g.Below(3)}}}
	}
	m := Peel{Answer: g.Below(2) == 0, Sum: g.Below(3), Low: contractStamp(g), Updates: contractUpdates(g, "", "")}
	if g.Below(2) == 0 {
		m.High = contractStamp(g)
	}
	return m
}

func contractRumors(g *check.Gen) (list []Rumor) {
	level := []uint8{0, 0, 1, 1, 2, Cooling}[g.Below(6)]
	for range g.Below(4) {
		list = append(list, Rumor{contractUpdate(g), level})
	}
	return list
}

func contractVerdicts(g *check.Gen) (list []Verdict) {
	for range g.Below(4) {
		list = append(list, Verdict{contractStamp(g), g.Below(3) == 0})
	}
	return list
}

// contractUpdates are mostly in order.
func contractUpdates(g *check.Gen, from, to string) (list []Update) {
	for range g.Below(8) {
		u := contractUpdate(g)
		fits := u.Key >= from && (to == "" || u.Key < to) && (len(list) == 0 || list[len(list)-1].Key < u.Key)
		if fits || g.Below(40) == 0 {
			list = append(list, u)
		}
	}
	return list
}

func contractUpdate(g *check.Gen) Update {
	u := Update{Key: contractKey(g), Stamp: contractStamp(g), Value: make([]byte, g.Below(9))}
	g.Fill(u.Value)
	if g.Below(3) == 0 {
		u.Deleted, u.Value, u.Age = true, nil, time.Duration(g.Below(uint64(7*time.Minute)))
	}
	switch g.Below(60) {
	case 0:
		u.Key = ""
	case 1:
		u.Age = -1
	case 2:
		u.Stamp.Site = contractPeers
	case 3:
		u.Stamp.Counter = MaxCounter + 1
	case 4:
		u.Deleted = !u.Deleted
	case 5:
		u.Value = make([]byte, 9)
	}
	return u
}

// contractStamp is around the clocks of short runs.
func contractStamp(g *check.Gen) Stamp {
	return Stamp{1 + g.Below(80), int32(g.Below(contractPeers))}
}

func contractKey(g *check.Gen) string {
	return string([]byte{byte('a' + g.Below(8)), byte('0' + g.Below(8))})
}
