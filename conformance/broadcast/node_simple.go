package broadcast

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// idle is a machine that does nothing: of nodes that answer out of themselves.
type idle struct{}

func (idle) Step(_ time.Duration, _ spec.Input, out []spec.Effect) []spec.Effect { return out }
func (idle) Deadline() (time.Duration, bool)                                     { return 0, false }
func (idle) Clone() spec.Machine                                                 { return idle{} }
func (idle) AppendState(b []byte) []byte                                         { return b }
func (idle) Check() error                                                        { return nil }

// alone is the part of a tongue whose node talks to no other.
type alone struct{ place *cluster.Place }

func (a *alone) Start(_ time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	a.place = p
	return idle{}, nil, nil
}

func (*alone) Outcome(string, spec.Done) (args, *stdio.Error) { return nil, nil }
func (*alone) Encode(spec.Message) any                        { return nil }
func (*alone) Decode(string, stdio.Body) (spec.Message, error) {
	return nil, errors.New("broadcast: it listens to nobody")
}

// echoTongue answers with what it is sent.
type echoTongue struct{ alone }

func newEchoNode(uint64) stdio.Node { return cluster.NewMember(&echoTongue{}) }

func (*echoTongue) Command(_ spec.OpID, body stdio.Body) (spec.Input, args, *stdio.Error) {
	var fields struct{ Echo json.RawMessage }
	if body.Type != "echo" {
		return nil, nil, noRequest(body)
	}
	_ = body.Decode(&fields) // it is an object
	return nil, args{"echo": fields.Echo}, nil
}

// uniqueTongue makes an identifier of its name, its life and a count.
type uniqueTongue struct {
	alone
	life uint64
	last int64
}

func newUniqueNode(seed uint64) stdio.Node { return cluster.NewMember(&uniqueTongue{life: seed}) }

func (u *uniqueTongue) Start(now time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	u.life ^= uint64(now) // one that is started again has another life
	return u.alone.Start(now, p)
}

func (u *uniqueTongue) Command(_ spec.OpID, body stdio.Body) (spec.Input, args, *stdio.Error) {
	if body.Type != "generate" {
		return nil, nil, noRequest(body)
	}
	u.last++
	return nil, args{"id": fmt.Sprintf("%s-%x-%d", u.place.Name, u.life, u.last)}, nil
}

func noRequest(body stdio.Body) *stdio.Error {
	return stdio.Errorf(stdio.NotSupported, "there is no request %q", body.Type)
}
