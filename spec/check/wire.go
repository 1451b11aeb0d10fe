package check

import (
	"fmt"

	"github.com/p2pspec/p2pspec/spec"
)

// wire: the codecs carry every message that the machine sends or writes.
func wire(s *Subject) error {
	for seed := range uint64(s.Seeds) {
		trace, _, err := s.record(seed)
		if err != nil {
			return err
		}
		streams := make(map[spec.Conn]spec.Decoder)
		err = s.walkTrace(seed, trace, func(_ step, _, _ spec.Machine, effects []spec.Effect) error {
			for _, e := range effects {
				if err := s.carry(e, streams); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// carry encodes the message of an effect, if it has one, and reads it back. A
// stream is read by one decoder from its first message on.
func (s *Subject) carry(e spec.Effect, streams map[spec.Conn]spec.Decoder) error {
	switch e := e.(type) {
	case spec.Send:
		if s.Codec == nil {
			return nil
		}
		b, err := s.Codec.AppendMessage(nil, e.Msg)
		if err != nil {
			return fmt.Errorf("%s cannot be encoded: %w", text(e.Msg), err)
		}
		m, err := s.Codec.ParseMessage(b)
		return same("sent", e.Msg, b, m, err)
	case spec.Write:
		if s.StreamCodec == nil {
			return nil
		}
		b, err := s.StreamCodec.AppendMessage(nil, e.Msg)
		if err != nil {
			return fmt.Errorf("%s cannot be encoded: %w", text(e.Msg), err)
		}
		if streams[e.Conn] == nil {
			streams[e.Conn] = s.StreamCodec.Decoder()
		}
		m, n, err := streams[e.Conn].Decode(b)
		if err == nil && n != len(b) {
			return fmt.Errorf("%s has %d bytes, of which %d were read", text(e.Msg), len(b), n)
		}
		return same("wrote", e.Msg, b, m, err)
	}
	return nil
}

// same reports how the message read back differs from the one that went out.
func same(verb string, out spec.Message, b []byte, in spec.Message, err error) error {
	if err != nil {
		return fmt.Errorf("%q cannot be read back: %w", b, err)
	}
	if got, want := text(in), text(out); got != want {
		return fmt.Errorf("%s %s, read %s", verb, want, got)
	}
	return nil
}
