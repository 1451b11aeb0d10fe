// Package spec is the contract that every core in this module keeps.
//
// A core is one pure state machine: no goroutine, clock, socket or global
// randomness. A driver owns time and the network; it hands the machine one
// [Input] at a time and performs the [Effect] values that come back, in order.
// Because the unions are shared, one driver, one simulator, one explorer and
// one tracer serve every protocol.
//
// A vendored core costs its own folder and this package, which imports the
// standard library alone.
package spec

import (
	"net/netip"
	"time"
)

// Machine is a protocol participant.
//
// Time is a Duration since an epoch that the driver chose; it is the only
// clock. A machine treats a now that lies before the last one as the last one.
type Machine interface {
	// Step advances the machine to now and then applies exactly one input,
	// appending the resulting effects to out in the order in which they must
	// be performed. Every timer due at or before now fires first, in
	// (deadline, sequence) order. Step never blocks and never panics on remote
	// data; it panics on a driver's own misuse, such as an unknown Input type.
	//
	// Slices inside in are borrowed until Step returns, unless they are lent (see
	// Got). Slices inside effects never change once they are appended.
	Step(now time.Duration, in Input, out []Effect) []Effect

	// Deadline is the next instant at which the machine wants a Wake. It lies
	// strictly after the last Step's now; ok is false when no timer is armed.
	Deadline() (at time.Duration, ok bool)

	// Clone returns a machine with equal state that shares nothing mutable.
	Clone() Machine

	// AppendState appends canonical bytes of the whole state, with deadlines
	// relative to the machine's now, so that time-shifted twins are equal.
	AppendState(b []byte) []byte

	// Check reports the first documented invariant that does not hold.
	Check() error
}

// Input is what a driver tells a machine. The variants shared by all cores are
// in this file; a core adds its own commands, each carrying an [OpID].
type Input interface{ IsInput() }

// Effect is what a machine asks of its driver.
type Effect interface{ IsEffect() }

// Message is one decoded protocol message. Each core defines its own.
type Message interface{ IsMessage() }

// Event is what the application learns: the payload of [Notify] and the
// result in [Done]. Each core defines its own.
type Event interface{ IsEvent() }

// OpID names a local command. The caller chooses it; the machine only echoes
// it, in exactly one [Done].
type OpID uint64

// Wake is the empty input: only time passes. A spurious Wake is a no-op.
type Wake struct{}

// Recv is one decoded datagram message from the given source address.
type Recv struct {
	From netip.AddrPort
	Msg  Message
}

// Send asks the driver to transmit one datagram message.
type Send struct {
	To  netip.AddrPort
	Msg Message
}

// Notify tells the application about a change that no command asked for.
type Notify struct{ Event Event }

// Done ends the command Op. Exactly one is emitted for each command. Result is
// nil when the command yields nothing or failed before it had anything.
type Done struct {
	Op     OpID
	Result Event
	Err    error
}

// Drop reports remote input that was refused. State is unchanged by the
// refused input. Clause is the requirement's catalogue id.
type Drop struct {
	From   netip.AddrPort
	Clause string
	Reason error
}

func (Wake) IsInput() {}
func (Recv) IsInput() {}

func (Send) IsEffect()   {}
func (Notify) IsEffect() {}
func (Done) IsEffect()   {}
func (Drop) IsEffect()   {}

// Codec translates messages to and from datagram payloads. Both methods are
// pure. Parse may return a message that borrows from b.
type Codec interface {
	AppendMessage(b []byte, m Message) ([]byte, error)
	ParseMessage(b []byte) (Message, error)
}
