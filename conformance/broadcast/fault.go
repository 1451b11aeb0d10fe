package broadcast

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

// faultCases are those of a workload whose network or nodes fail for a while.
// What they want in the end is what they want without a fault.
func faultCases(d dialect) []Case {
	wish := "Every value that was acknowledged or read is at every node in the end."
	if !d.list {
		wish = "In the end every node reads the sum of what was acknowledged, and of any part of what was left open."
	}
	return slices.Concat(partitionCases(d, wish), messageCases(d, wish), processCases(d, wish))
}

// partitionCases cut nodes off from each other.
func partitionCases(d dialect, wish string) []Case {
	return []Case{
		{
			ID: d.suite + "/fault/partition", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words("GO-MS-04", "GO-MS-14"),
			Explain: "While clients work at all nodes, two of five nodes are cut off from the other three for a second, and " +
				"then other two. " + wish,
			Causes: []string{"what could not be delivered is not sent again", "only the newest value is sent again"},
			Run: func(t *T) {
				disturbed(t, d, usual(), func(r *run) *cluster.Fault { return r.Partition(halves(r.Cluster)...) }, 2)
			},
		},
		{
			ID: d.suite + "/fault/one-alone", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words("GO-MS-04", "GO-MS-14"),
			Explain: "One node is cut off from all others for a second. Its own client goes on, and so do the others. " +
				wish,
			Causes: []string{"a node forgets whom it could not reach"},
			Run: func(t *T) {
				disturbed(t, d, usual(), func(r *run) *cluster.Fault { return r.Partition(halves(r.Cluster)[0]) }, 1)
			},
		},
		{
			ID: d.suite + "/fault/one-way", Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words("GO-MS-04", "GO-MS-14"),
			Explain: "For a second two nodes hear the other three, and cannot be heard by them: acknowledgements are lost, " +
				"and what they acknowledge is not. " + wish,
			Causes: []string{"what is heard twice is counted twice", "a value that was not acknowledged is given up"},
			Run: func(t *T) {
				disturbed(t, d, usual(), func(r *run) *cluster.Fault {
					mute := halves(r.Cluster)
					others := slices.DeleteFunc(r.Nodes(), func(n string) bool { return slices.Contains(mute, n) })
					return r.Cut(mute, others)
				}, 1)
			},
		},
	}
}

// messageCases lose, double and delay messages one by one.
func messageCases(d dialect, wish string) []Case {
	return []Case{
		{
			ID: d.suite + "/fault/loss", Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words("GO-MS-04"),
			Explain:      "A fifth of the messages between nodes is lost, drawn one by one. " + wish,
			Causes:       []string{"acknowledgements are not awaited, or may not be lost themselves"},
			Run: func(t *T) {
				disturbed(t, d, usual(), func(r *run) *cluster.Fault { return r.Lose(0.2) }, 1)
			},
		},
		{
			ID: d.suite + "/fault/twice", Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words("GO-MS-04", "GO-MS-06"),
			Explain:      "A third of the messages between nodes arrives twice, at different times. " + wish,
			Causes:       []string{"a message is taken as a command, and not as what its sender knows"},
			Run: func(t *T) {
				r := disturbed(t, d, usual(), func(r *run) *cluster.Fault { return r.Duplicate(0.3) }, 1)
				if d.list {
					r.noneTwice()
				}
			},
		},
		{
			ID: d.suite + "/fault/overtaking", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words("GO-MS-04", "GO-MS-14"),
			Explain: "Messages take 25 ms in the mean and up to 200 ms, and overtake each other: Maelstrom's network has no " +
				"order. " + wish,
			Causes: []string{"an older message replaces what a newer one has said"},
			Run: func(t *T) {
				opt := usual()
				opt.Latency = cluster.Exponential(25 * time.Millisecond)
				r := begin(t, d, opt)
				r.work(2 * time.Second)
				r.judge()
			},
		},
	}
}

// processCases stop nodes.
func processCases(d dialect, wish string) []Case {
	return []Case{
		{
			ID: d.suite + "/fault/pause", Level: conformance.Must, Kind: conformance.State,
			Requirements: d.words("GO-MS-04", "GO-MS-18"),
			Explain: "The process of a node stands still for a second, and then finds everything that was sent to it. " +
				wish,
			Causes: []string{"a node that was silent for a while is taken for dead for ever"},
			Run:    func(t *T) { runPause(t, d) },
		},
		{
			ID: d.suite + "/fault/restart", Rev: 2, Level: conformance.Should, Kind: conformance.State,
			Requirements: d.words("GO-MS-04", "GO-MS-18"),
			Explain: "Of nodes that name the capability recovers in init_ok. One that has something of its own is killed " +
				"once all know everything, and started again half a second later with nothing that it knew: init and the " +
				"topology are sent again. " + wish,
			Causes: []string{
				"what a peer has acknowledged in its former life is not sent again",
				"a counter begins again under its old name, and the others know better",
			},
			Run: func(t *T) { runRestart(t, d) },
		},
	}
}

// disturbed has clients work before, during and after a fault, as often as asked,
// and judges what came of it.
func disturbed(t *T, d dialect, opt cluster.Options, disturb func(*run) *cluster.Fault, times int) *run {
	r := begin(t, d, opt)
	r.work(300 * time.Millisecond)
	for range times {
		f := disturb(r)
		r.upset(f)
		r.Heal(f)
		r.work(300 * time.Millisecond)
		r.traffic()
		r.touched(f)
	}
	r.judge()
	return r
}

// judge holds the end of a run against what its workload wants.
func (r *run) judge() {
	if r.list {
		r.nothingLost()
	} else {
		r.rightSum()
	}
}

func runPause(t *T, d dialect) {
	r := begin(t, d, usual())
	r.work(300 * time.Millisecond)
	node := halves(r.Cluster)[0]
	f := r.Pause(node)
	r.read(node) // something to find when it goes on
	r.work(time.Second)
	r.Resume(node, f)
	r.work(300 * time.Millisecond)
	r.Touched(f)
	r.judge()
}

// stake has a node take something that it can lose: of a counter more than all that the
// case asks otherwise, so that nothing makes up for it.
func (r *run) stake(node string) {
	value := int64(1000)
	if r.list {
		value = r.next(r.t.Rand(), r.added)
	}
	r.answered(r.send(node, value))
}

func runRestart(t *T, d dialect) {
	r := begin(t, d, usual())
	if !r.Able(recovers) {
		t.Unsupportedf("the nodes do not name the capability %s in init_ok: one that is killed loses what it knew", recovers)
	}
	r.work(500 * time.Millisecond)
	node := halves(r.Cluster)[0]
	r.stake(node)
	r.settle(r.agreed)
	r.Pass(time.Second) // until all is acknowledged
	f := r.Kill(node)
	r.absent = []string{node}
	r.upset(f)
	r.Restart(node)
	if r.shape != "" {
		tell(r.Cluster, r.shape, node)
	}
	r.absent = nil
	r.work(500 * time.Millisecond)
	r.traffic()
	r.touched(f)
	r.judge()
}
