package cluster

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// The services that nodes of Maelstrom's workloads may ask, by these names. They
// are reached by every node at any time: no fault befalls a message to or from
// one. GO-MS-12
const (
	LinKV  = "lin-kv"  // a linearizable store of keys and values
	SeqKV  = "seq-kv"  // a sequentially consistent one: a node may read what is old, but never older than before
	LWWKV  = "lww-kv"  // an eventually consistent one: of two writes the last may win, or the other
	LinTSO = "lin-tso" // numbers, each once and larger than those before
)

// Services lists the names of all services.
func Services() []string { return []string{LinKV, SeqKV, LWWKV, LinTSO} }

// service answers requests. The fields are of the answer that says yes.
type service interface {
	handle(r *spec.Rand, src string, body stdio.Body) (map[string]any, *stdio.Error)
}

func newServices() map[string]service {
	return map[string]service{
		LinKV: &linear{table{}}, SeqKV: &sequential{states: []table{{}}, seen: map[string]int{}},
		LWWKV: &eventual{}, LinTSO: &oracle{},
	}
}

// ask is a request to a store, with keys and values as canonical JSON.
type ask struct {
	typ                  string
	key, value, from, to string
	create               bool // a cas that creates the key
}

// readAsk reads a request of one of the three types.
func readAsk(body stdio.Body) (ask, *stdio.Error) {
	var fields struct {
		Key, Value, From, To json.RawMessage
		Create               bool `json:"create_if_not_exists"`
	}
	a := ask{typ: body.Type}
	if a.typ != "read" && a.typ != "write" && a.typ != "cas" {
		return a, stdio.Errorf(stdio.NotSupported, "there is no request %q: read, write and cas are", a.typ)
	}
	if err := body.Decode(&fields); err != nil {
		return a, stdio.Errorf(stdio.MalformedRequest, "%v", err)
	}
	a.create = fields.Create
	for _, f := range []struct {
		name string
		raw  json.RawMessage
		of   string // the only type that wants it; "" is all
		to   *string
	}{
		{"key", fields.Key, "", &a.key}, {"value", fields.Value, "write", &a.value},
		{"from", fields.From, "cas", &a.from}, {"to", fields.To, "cas", &a.to},
	} {
		if f.raw == nil && (f.of == "" || f.of == a.typ) {
			return a, stdio.Errorf(stdio.MalformedRequest, "%s is missing", f.name)
		}
		*f.to = Canonical(f.raw)
	}
	return a, nil
}

// Canonical is JSON in the one form that all equal values have: keys sorted, no
// space, and a number with as few digits as tell it apart. It is "" of what is no
// JSON.
func Canonical(raw []byte) string {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return strconv.FormatInt(n, 10) // what most values are
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(shortest(v)) // it came from JSON
	return string(bytes.TrimSpace(b.Bytes()))
}

// shortest rewrites the numbers in v. A whole number keeps all its digits.
func shortest(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		switch {
		case err != nil || !strings.ContainsAny(string(v), ".eE"):
		case f == math.Trunc(f) && math.Abs(f) < 1<<53:
			return json.Number(strconv.FormatInt(int64(f), 10))
		default:
			return f
		}
	case []any:
		for i := range v {
			v[i] = shortest(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = shortest(v[key])
		}
	}
	return v
}

// table is a store at one moment. It is never changed, but replaced.
type table map[string]string

// with is the table with one more key; the same one where that has the value.
func (t table) with(key, value string) (next table, changed bool) {
	if old, ok := t[key]; ok && old == value {
		return t, false
	}
	next = maps.Clone(t)
	next[key] = value
	return next, true
}

func (t table) apply(a ask) (next table, changed bool, fields map[string]any, failed *stdio.Error) {
	value, ok := t[a.key]
	switch {
	case a.typ == "write":
		next, changed = t.with(a.key, a.value)
		return next, changed, nil, nil
	case !ok && !(a.typ == "cas" && a.create):
		return t, false, nil, stdio.Errorf(stdio.KeyDoesNotExist, "key does not exist")
	case a.typ == "read":
		return t, false, map[string]any{"value": json.RawMessage(value)}, nil
	case ok && value != a.from:
		return t, false, nil, stdio.Errorf(stdio.PreconditionFailed, "current value %s is not %s", value, a.from)
	}
	next, changed = t.with(a.key, a.to)
	return next, changed, nil, nil
}

// linear has one table that each request sees as the last one left it.
type linear struct{ now table }

func (l *linear) handle(_ *spec.Rand, _ string, body stdio.Body) (map[string]any, *stdio.Error) {
	a, failed := readAsk(body)
	if failed != nil {
		return nil, failed
	}
	next, _, fields, failed := l.now.apply(a)
	l.now = next
	return fields, failed
}

// sequential keeps its last states. What changes nothing may see any of them that
// is not older than what the same node has seen; what changes something happens
// to the newest.
type sequential struct {
	states []table
	gone   int            // states that are no longer kept
	seen   map[string]int // by node: the number of the state that it has seen
}

// statesKept is how many states a sequential store has, as in Maelstrom.
const statesKept = 32

func (s *sequential) handle(r *spec.Rand, src string, body stdio.Body) (map[string]any, *stdio.Error) {
	a, failed := readAsk(body)
	if failed != nil {
		return nil, failed
	}
	oldest, newest := max(s.seen[src], s.gone), s.gone+len(s.states)-1
	at := oldest + int(r.Below(uint64(newest-oldest+1)))
	_, changed, fields, failed := s.states[at-s.gone].apply(a)
	if !changed {
		s.seen[src] = at
		return fields, failed
	}
	next, _, fields, failed := s.states[newest-s.gone].apply(a)
	if s.states = append(s.states, next); len(s.states) > statesKept {
		s.states, s.gone = slices.Delete(s.states, 0, 1), s.gone+1
	}
	s.seen[src] = newest + 1
	return fields, failed
}

// eventual has two replicas that each request meets one of, and merges them now
// and then.
type eventual struct{ replicas [2]replica }

type replica struct {
	clock  int // of Lamport
	values map[string]stamped
}

type stamped struct {
	at    int
	value string
}

func (e *eventual) handle(r *spec.Rand, _ string, body stdio.Body) (map[string]any, *stdio.Error) {
	a, failed := readAsk(body)
	if failed != nil {
		return nil, failed
	}
	a.create = false // Maelstrom's has none of it here
	e.replicas[r.Below(2)].merge(e.replicas[r.Below(2)])
	meets := &e.replicas[r.Below(2)]
	now := table{}
	if v, ok := meets.values[a.key]; ok {
		now[a.key] = v.value
	}
	next, _, fields, failed := now.apply(a)
	if failed == nil && a.typ != "read" {
		meets.put(a.key, stamped{meets.clock, next[a.key]})
		meets.clock++
	}
	return fields, failed
}

func (p *replica) put(key string, v stamped) {
	if p.values == nil {
		p.values = map[string]stamped{}
	}
	p.values[key] = v
}

func (p *replica) merge(other replica) {
	p.clock = max(p.clock, other.clock)
	for key, v := range other.values {
		if mine, ok := p.values[key]; !ok || mine.at < v.at {
			p.put(key, v)
		}
	}
}

// oracle hands out numbers.
type oracle struct{ next int64 }

func (o *oracle) handle(_ *spec.Rand, _ string, body stdio.Body) (map[string]any, *stdio.Error) {
	if body.Type != "ts" {
		return nil, stdio.Errorf(stdio.NotSupported, "there is no request %q: ts is", body.Type)
	}
	o.next++
	return map[string]any{"ts": o.next - 1}, nil
}
