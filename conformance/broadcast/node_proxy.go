package broadcast

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// proxy is the machine of a node that passes requests on to a service and its
// answers back.
type proxy struct {
	service netip.AddrPort
	open    map[spec.OpID]bool
}

type (
	// pass is a client's request.
	pass struct {
		op   spec.OpID
		body stdio.Body
	}
	// asked is that request on its way to the service, and answered what comes back.
	asked    pass
	answered pass
)

func (pass) IsInput()       {}
func (asked) IsMessage()    {}
func (answered) IsMessage() {}
func (answered) IsEvent()   {}

func (p *proxy) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	switch in := in.(type) {
	case pass:
		p.open[in.op] = true
		return append(out, spec.Send{To: p.service, Msg: asked(in)})
	case spec.Recv:
		if m, ok := in.Msg.(answered); ok && p.open[m.op] {
			delete(p.open, m.op)
			return append(out, spec.Done{Op: m.op, Result: m})
		}
	}
	return out
}

func (*proxy) Deadline() (time.Duration, bool) { return 0, false }
func (*proxy) Check() error                    { return nil }
func (p *proxy) Clone() spec.Machine           { return &proxy{p.service, maps.Clone(p.open)} }

func (p *proxy) AppendState(b []byte) []byte {
	for _, op := range slices.Sorted(maps.Keys(p.open)) {
		b = binary.BigEndian.AppendUint64(b, uint64(op))
	}
	return b
}

// proxyTongue is a store whose every node asks one service: Maelstrom has it as a
// demonstration of its workload lin-kv.
type proxyTongue struct {
	place   *cluster.Place
	service string
}

func newProxyNode(uint64) stdio.Node { return cluster.NewMember(&proxyTongue{service: cluster.LinKV}) }

func (t *proxyTongue) Start(_ time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	t.place = p
	return &proxy{p.Addr(t.service), map[spec.OpID]bool{}}, nil, nil
}

func (t *proxyTongue) Command(op spec.OpID, body stdio.Body) (spec.Input, args, *stdio.Error) {
	switch body.Type {
	case "read", "write", "cas":
		return pass{op, body}, nil, nil
	}
	return nil, nil, noRequest(body)
}

func (t *proxyTongue) Encode(m spec.Message) any {
	var fields map[string]json.RawMessage
	_ = m.(asked).body.Decode(&fields) // it is an object
	fields["msg_id"] = strconv.AppendUint(nil, uint64(m.(asked).op), 10)
	return fields
}

func (t *proxyTongue) Decode(from string, body stdio.Body) (spec.Message, error) {
	if from != t.service || body.InReplyTo == nil {
		return nil, errors.New("broadcast: it listens to its service alone")
	}
	return answered{spec.OpID(*body.InReplyTo), body}, nil
}

func (t *proxyTongue) Outcome(_ string, done spec.Done) (args, *stdio.Error) {
	body := done.Result.(answered).body
	if body.Type == "error" {
		failed := &stdio.Error{}
		_ = body.Decode(failed) // a service's answer is well-formed
		return nil, failed
	}
	var fields map[string]json.RawMessage
	_ = body.Decode(&fields)
	if value, there := fields["value"]; there {
		return args{"value": value}, nil
	}
	return nil, nil
}
