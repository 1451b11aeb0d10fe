package conformance

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// tapeSchema is the version of the form of [Tapes].
const tapeSchema = 1

// Limits of tapes: of what a target can make the harness keep, and of what a file can
// make it read. A case takes a few kilobytes and some hundred steps; the 287 of
// Gnutella take three megabytes.
const (
	maxTapeLine  = 4 << 20   // bytes of one case
	maxTapeBytes = 128 << 20 // bytes of all, unpacked
	maxTapeCases = 1 << 13
	maxTapeSteps = 1 << 20 // of all; a step takes 200 bytes of memory

	maxTapeTime = 365 * 24 * time.Hour // on the network's clock, which a run begins at 0
	maxTapeWarm = time.Hour            // for a program to get ready, which it is asked five times a second
)

// Tapes are what crossed the network while a target was judged, case by case: enough
// to judge it again where it is not installed, and to see whether a case that was
// changed still comes to the same verdict. See docs/report.md.
type Tapes struct {
	Schema  int           `json:"schema"`
	Target  Identity      `json:"target"`
	Seed    uint64        `json:"seed"`
	Timeout time.Duration `json:"timeout,omitempty"` // of the run's options
	Cases   []*Tape       `json:"-"`                 // one on each line that follows
}

// Tape is one run of one case, in the order in which the case saw it.
type Tape struct {
	Case    string        `json:"case"`
	Rev     int           `json:"rev"`
	Verdict Verdict       `json:"verdict"`
	Began   time.Duration `json:"began"` // by the network's clock, in ns
	Virtual bool          `json:"virtual,omitempty"`
	Learns  PeerSource    `json:"learns,omitempty"`
	Shared  *tapeStart    `json:"shared,omitempty"` // the instance that was there before the case
	Renews  bool          `json:"renews,omitempty"` // and that a case might replace
	Steps   []tapeStep    `json:"steps"`

	size int // of the line, when it was recorded
}

// tapeStart is an instance as it was reached.
type tapeStart struct {
	Addr  netip.AddrPort `json:"addr"`
	Addr6 netip.AddrPort `json:"addr6,omitzero"`
	Warm  time.Duration  `json:"warm,omitempty"` // how long it might take to answer; 0 if it was known to
	// Announce is that of a tracker, or "".
	Announce string `json:"announce,omitempty"`
}

// tapeStep is one thing that the case did, or that happened to it.
type tapeStep struct {
	Op     tapeOp         `json:"op"`
	At     time.Duration  `json:"at"`              // when the case had it, by the network's clock
	Until  time.Duration  `json:"until,omitempty"` // of what happens: how long the case would have waited
	Came   time.Duration  `json:"came,omitempty"`  // of an arrival: when it came
	Conn   spec.Conn      `json:"conn,omitempty"`
	Asked  netip.AddrPort `json:"asked,omitzero"` // the address that the case asked for
	Local  netip.AddrPort `json:"local,omitzero"` // and the one that it got, or used
	Remote netip.AddrPort `json:"remote,omitzero"`
	Data   []byte         `json:"data,omitempty"` // that the target sent
	Size   int            `json:"size,omitempty"` // of what the case sent, or started the target with
	Sum    uint32         `json:"sum,omitempty"`  // and its CRC-32
	Err    string         `json:"err,omitempty"`
	Start  *tapeStart     `json:"start,omitempty"`
	Number uint64         `json:"number,omitempty"`
}

// tapeOp says what a step is.
type tapeOp string

// What a case does.
var doings = []tapeOp{
	tapeOpen, tapeShut, tapeSend, tapeListen, tapeUnlisten, tapeDial, tapeWrite, tapeCloseWrite, tapeClose, tapeAbort,
	tapeStarts, tapeQuit, tapeOutside,
}

const (
	tapeOpen       tapeOp = "open"
	tapeShut       tapeOp = "shut" // the socket
	tapeSend       tapeOp = "send"
	tapeListen     tapeOp = "listen"
	tapeUnlisten   tapeOp = "unlisten"
	tapeDial       tapeOp = "dial"
	tapeWrite      tapeOp = "write"
	tapeCloseWrite tapeOp = "close-write"
	tapeClose      tapeOp = "close"
	tapeAbort      tapeOp = "abort"
	tapeStarts     tapeOp = "start"
	tapeQuit       tapeOp = "quit"
	tapeOutside    tapeOp = "outside" // what it had by [T.Outside]
)

// What happens to it.
var happenings = []tapeOp{
	tapeDatagram, tapeOpened, tapeAccepted, tapeData, tapeDrained, tapeEnded, tapeBroken, tapeSilence, tapeExited,
	tapeClock,
}

const (
	tapeDatagram tapeOp = "datagram"
	tapeOpened   tapeOp = "opened"
	tapeAccepted tapeOp = "accepted"
	tapeData     tapeOp = "data"
	tapeDrained  tapeOp = "drained"
	tapeEnded    tapeOp = "ended"
	tapeBroken   tapeOp = "broken"
	tapeSilence  tapeOp = "silence" // nothing came for as long as the case waited
	tapeExited   tapeOp = "exited"  // the target had ended by itself
	tapeClock    tapeOp = "clock"   // time has passed that the case did not wait
)

// TapesOf gathers the tapes of a run that had [Options.Tape].
func TapesOf(r *Report) *Tapes {
	t := &Tapes{Schema: tapeSchema, Target: r.Target, Seed: r.Seed, Timeout: r.Timeout}
	for _, res := range r.Results {
		if res.Tape != nil {
			res.Tape.Verdict = res.Verdict
			t.Cases = append(t.Cases, res.Tape)
		}
	}
	return t
}

// Write writes the tapes: lines of JSON, packed by gzip.
func (t *Tapes) Write(w io.Writer) error {
	z := gzip.NewWriter(w)
	enc := json.NewEncoder(z)
	if err := enc.Encode(t); err != nil {
		return err
	}
	for _, c := range t.Cases {
		if err := enc.Encode(c); err != nil {
			return err
		}
	}
	return z.Close()
}

// Find is the tape of a case, or nil.
func (t *Tapes) Find(id string) *Tape {
	for _, c := range t.Cases {
		if c.Case == id {
			return c
		}
	}
	return nil
}

// ReadTapes reads what [Tapes.Write] wrote. The error names the line.
func ReadTapes(r io.Reader) (*Tapes, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("no tape: %w", err)
	}
	in := &tapeReader{cases: map[string]bool{}}
	all := &io.LimitedReader{R: z, N: maxTapeBytes + 1}
	lines := bufio.NewScanner(all)
	lines.Buffer(nil, maxTapeLine)
	for n := 1; lines.Scan(); n++ {
		if err := in.line(n, lines.Bytes()); err != nil {
			return nil, fmt.Errorf("tape, line %d: %w", n, err)
		}
	}
	switch err := lines.Err(); {
	case all.N == 0:
		return nil, fmt.Errorf("the tape has more than %d bytes", maxTapeBytes)
	case err != nil:
		return nil, fmt.Errorf("tape, after %d cases: %w", len(in.tapes.Cases), err)
	case in.tapes.Schema == 0:
		return nil, fmt.Errorf("the tape is empty")
	}
	return &in.tapes, nil
}

// tapeReader reads the lines of a tape, and holds them to the limits.
type tapeReader struct {
	tapes Tapes
	cases map[string]bool
	steps int
}

func (in *tapeReader) line(n int, line []byte) error {
	if n > 1 {
		return in.readCase(line)
	}
	if err := json.Unmarshal(line, &in.tapes); err != nil {
		return err
	}
	if in.tapes.Schema != tapeSchema {
		return fmt.Errorf("schema %d, want %d", in.tapes.Schema, tapeSchema)
	}
	return nil
}

func (in *tapeReader) readCase(line []byte) error {
	c := &Tape{}
	if err := json.Unmarshal(line, c); err != nil {
		return err
	}
	in.steps += len(c.Steps)
	switch {
	case in.cases[c.Case]:
		return fmt.Errorf("%q stands twice", c.Case)
	case len(in.cases) == maxTapeCases:
		return fmt.Errorf("more than %d cases", maxTapeCases)
	case in.steps > maxTapeSteps:
		return fmt.Errorf("more than %d steps in all", maxTapeSteps)
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("%q: %w", c.Case, err)
	}
	in.cases[c.Case] = true
	in.tapes.Cases = append(in.tapes.Cases, c)
	return nil
}

// check says what cannot have been recorded.
func (t *Tape) check() error {
	if t.Began < 0 {
		return fmt.Errorf("began at %v", t.Began)
	}
	if t.Shared != nil {
		if err := t.Shared.check(); err != nil {
			return fmt.Errorf("shared: %w", err)
		}
	}
	now := t.Began
	for i, s := range t.Steps {
		if err := s.check(now); err != nil {
			return fmt.Errorf("step %d: %.20q: %w", i+1, s.Op, err)
		}
		now = s.At
	}
	return nil
}

func (s *tapeStart) check() error {
	switch {
	case !s.Addr.Addr().Is4():
		return fmt.Errorf("addr %v, want one of IPv4", s.Addr)
	case s.Warm < 0 || s.Warm > maxTapeWarm:
		return fmt.Errorf("warm after %v, want at most %v", s.Warm, maxTapeWarm)
	}
	return nil
}

func (s *tapeStep) check(now time.Duration) error {
	isStream := slices.Contains([]tapeOp{tapeOpened, tapeAccepted, tapeData, tapeDrained, tapeEnded, tapeBroken}, s.Op)
	isPlaced := slices.Contains([]tapeOp{tapeOpen, tapeListen, tapeOpened, tapeAccepted, tapeDatagram}, s.Op)
	switch {
	case !slices.Contains(doings, s.Op) && !slices.Contains(happenings, s.Op):
		return fmt.Errorf("there is no such step")
	case s.At < now || s.At > maxTapeTime:
		return fmt.Errorf("at %v, want %v to %v", s.At, now, maxTapeTime)
	case s.Came < 0 || s.Came > s.At:
		return fmt.Errorf("came at %v, and the case had it at %v", s.Came, s.At)
	case isStream && s.Conn == 0:
		return fmt.Errorf("of no connection")
	case isPlaced && s.Err == "" && !s.Local.IsValid():
		return fmt.Errorf("at no local address")
	case (s.Op == tapeBroken || s.Op == tapeExited) && s.Err == "":
		return fmt.Errorf("without its error")
	case s.Op == tapeStarts && s.Err == "" && s.Start == nil:
		return fmt.Errorf("does not say where")
	case s.Start != nil:
		return s.Start.check()
	}
	return nil
}
