package broadcast

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// dialect is how a workload words its two requests: one that changes something
// and one that reads.
type dialect struct {
	suite string
	add   string // the type of the request that changes something
	field string // its field
	reads string // the field of read_ok
	list  bool   // that field is a list, and else a number
	next  func(r *spec.Rand, n int) int64
}

// run is one case's use of a cluster by clients: one for each node, with one
// request at a time.
type run struct {
	dialect
	*cluster.Cluster
	t      *T
	shape  string // of the topology; "" where the workload has none
	rate   int    // requests in a second, in the mean
	added  int
	at     map[string]*request // the last one, by node
	asked  []*request
	last   []*request // the reads at the end of settle
	absent []string   // nodes that are killed

	between, toServices int // messages that the nodes have sent so far, as far as traffic has seen them
}

type request struct {
	call   *cluster.Call
	read   bool
	value  string
	values []string // that a read has returned, once they were looked at
}

// usual is the network of most cases.
func usual() cluster.Options { return few(5) }

// few is the usual network with another number of nodes.
func few(nodes int) cluster.Options {
	return cluster.Options{Nodes: nodes, Plain: true, Timeout: time.Second}
}

// usualRate keeps a node of a slow language busy without drowning it.
const usualRate = 100

// begin starts the nodes, and tells them their topology where there is one.
func begin(t *T, d dialect, opt cluster.Options) *run { return beginIn(t, d, opt, grid) }

func beginIn(t *T, d dialect, opt cluster.Options, shape string) *run {
	r := &run{
		dialect: d, Cluster: cluster.New(t, opt), t: t, rate: usualRate, at: map[string]*request{},
	}
	if d.suite == "broadcast" {
		r.shape = shape
		tell(r.Cluster, shape, r.Nodes()...)
	}
	return r
}

// work has the clients ask for a time: to add and to read, equally often.
func (r *run) work(span time.Duration) {
	end := r.Now() + span
	for {
		gap := -math.Log(1-float64(r.t.Rand().Uint64()>>11)/(1<<53)) / float64(r.rate)
		next := r.Now() + time.Duration(gap*float64(time.Second))
		if next >= end {
			r.Pass(end - r.Now())
			return
		}
		r.Pass(next - r.Now())
		if idle := r.idle(); len(idle) > 0 {
			r.ask(idle[r.t.Rand().Below(uint64(len(idle)))], r.t.Rand().Below(2) == 0)
		}
	}
}

// upset has clients work during a fault: until it has hit a message, where nodes
// talk to each other seldom, and for a second at least.
func (r *run) upset(f *cluster.Fault) {
	r.work(time.Second)
	r.Until(func() bool { return f.Hits() > 0 }, seldom)
}

// seldom is longer than any node waits that goes through its peers one period
// after another: five seconds, in Maelstrom's own examples.
const seldom = 6 * time.Second

// idle are the nodes whose client waits for nothing.
func (r *run) idle() []string {
	return slices.DeleteFunc(r.Nodes(), func(node string) bool {
		q := r.at[node]
		return slices.Contains(r.absent, node) ||
			q != nil && !q.call.Done() && r.Now()-q.call.Sent < cluster.Patience
	})
}

// ask has a client ask a node.
func (r *run) ask(node string, read bool) *request {
	if read {
		return r.read(node)
	}
	return r.send(node, r.next(r.t.Rand(), r.added))
}

// send has a node add a value of any kind.
func (r *run) send(node string, value any) *request {
	raw, err := json.Marshal(value)
	if err != nil {
		r.t.Harnessf("%v", err)
	}
	r.added++
	call := r.Go(node, r.add, args{r.field: json.RawMessage(raw)})
	return r.keep(&request{call: call, value: cluster.Canonical(raw)})
}

func (r *run) read(node string) *request {
	return r.keep(&request{call: r.Go(node, "read", nil), read: true})
}

func (r *run) keep(q *request) *request {
	r.asked, r.at[q.call.Node] = append(r.asked, q), q
	return q
}

// answered wants that all requests succeed.
func (r *run) answered(asked ...*request) {
	var calls []*cluster.Call
	for _, q := range asked {
		calls = append(calls, q.call)
	}
	r.Answered(calls...)
}

// readAll reads at every node that runs, and wants an answer of each.
func (r *run) readAll() []*request {
	var reads []*request
	for _, node := range r.Nodes() {
		if !slices.Contains(r.absent, node) {
			reads = append(reads, r.read(node))
		}
	}
	r.answered(reads...)
	return reads
}

// How long nodes have, after the last fault, to come to terms: as in Maelstrom;
// and the first and the longest pause between the reads that find out whether
// they have, so that good ones cost less time.
const (
	quiescence = 10 * time.Second
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// settle reads at all nodes until done, or until they have had time enough, and
// returns the last reads.
func (r *run) settle(done func([]*request) bool) []*request {
	var open []*cluster.Call
	for _, q := range r.asked {
		if !q.call.Done() && r.Now()-q.call.Sent < cluster.Patience && !slices.Contains(r.absent, q.call.Node) {
			open = append(open, q.call)
		}
	}
	r.Wait(cluster.Patience, open...)
	pause := firstPause
	for end := r.Now() + quiescence; ; r.Pass(pause) {
		pause = min(2*pause, lastPause)
		if r.last = r.readAll(); done(r.last) || r.Now() >= end {
			return r.last
		}
	}
}

// acknowledged is how many requests to add something were.
func (r *run) acknowledged() (n int) {
	for _, q := range r.asked {
		if !q.read && q.call.OK() {
			n++
		}
	}
	return n
}

// took wants that some requests to add something were acknowledged: of nodes that
// refuse all, nothing else can be said.
func (r *run) took() {
	if r.acknowledged() == 0 {
		r.t.Failf("the nodes have acknowledged none of %d requests of the type %s", r.added, r.add)
	}
}

// sound ends a case that has found nothing wrong: what the nodes read in the end
// has to be right, or they have shown nothing.
func (r *run) sound() {
	if !r.agreed(r.last) {
		r.t.Inconclusivef("what the nodes read in the end is wrong, which other cases judge: nothing else can be said")
	}
	r.t.Earn()
}

// events are the requests in the order of their beginnings.
func (r *run) events() []event {
	var all []event
	for _, q := range r.asked {
		e := event{
			call: q.call, node: q.call.Node, read: q.read, value: q.value, sent: q.call.Sent, done: q.call.Answered,
			outcome: outcomeOf(q.call),
		}
		if q.read && e.outcome == ok {
			e.values = r.values(q)
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.sent, b.sent) })
	return all
}

func outcomeOf(call *cluster.Call) outcome {
	switch {
	case call.OK():
		return ok
	case call.Err() != nil && stdio.Definite(call.Err().Code):
		return failed
	}
	return unknown
}

// values are what a read returned, each as canonical JSON: the elements of a set,
// or the one number of a counter.
func (r *run) values(q *request) []string {
	if q.values == nil {
		q.values = r.parse(q.call)
	}
	return q.values
}

func (r *run) parse(call *cluster.Call) []string {
	var fields map[string]json.RawMessage
	_ = call.Reply.Decode(&fields) // it is an object
	raw, there := fields[r.reads]
	if !r.list {
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			r.shapeless(call, fmt.Sprintf(`"%s":17, a whole number`, r.reads))
		}
		return []string{strconv.FormatInt(n, 10)}
	}
	var list []json.RawMessage // null is an empty one: Maelstrom takes it
	if err := json.Unmarshal(raw, &list); err != nil || !there {
		r.shapeless(call, fmt.Sprintf(`"%s":[1,2], a list of all values`, r.reads))
	}
	values := make([]string, len(list))
	for i, v := range list {
		values[i] = cluster.Canonical(v)
	}
	return values
}

func (r *run) shapeless(call *cluster.Call, want string) {
	r.t.Fail(conformance.Failure{
		Message: call.Node + ": read_ok has not what was read", Where: "body." + r.reads,
		Expected: []string{want}, Got: string(call.Reply.Raw),
	})
}
