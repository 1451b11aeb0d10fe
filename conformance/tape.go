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

// TapeSchema is the version of the form of [Tapes].
const TapeSchema = 1

// Tapes are what crossed the network while a target was judged, case by case: enough
// to judge it again where it is not installed, and to see whether a case that was
// changed still comes to the same verdict. See docs/report.md.
type Tapes struct {
	Schema int      `json:"schema"`
	Target Identity `json:"target"`
	Seed   uint64   `json:"seed"`
	Cases  []*Tape  `json:"-"` // one on each line that follows
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
	At     time.Duration  `json:"at"`             // when the case had it, by the network's clock
	Came   time.Duration  `json:"came,omitempty"` // of an arrival: when it came
	Conn   spec.Conn      `json:"conn,omitempty"`
	Local  netip.AddrPort `json:"local,omitzero"`
	Remote netip.AddrPort `json:"remote,omitzero"`
	Data   []byte         `json:"data,omitempty"` // that the target sent
	Size   int            `json:"size,omitempty"` // of what the case sent, and its CRC-32
	Sum    uint32         `json:"sum,omitempty"`
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
	tapeExited   tapeOp = "exited"  // the target ended by itself
)

// Limits of tapes.
const (
	MaxTape  = 8 << 20   // bytes of one line: most cases take a few kilobytes; a longer one has no tape
	MaxTapes = 256 << 20 // bytes of all, unpacked

	MaxTapeTime = 365 * 24 * time.Hour // on the network's clock, which a run begins at 0
	MaxWarm     = time.Hour            // for a program to get ready, which it is asked five times a second
)

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

// ReadTapes reads what [Tapes.Write] wrote. The error names the line.
func ReadTapes(r io.Reader) (*Tapes, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("no tape: %w", err)
	}
	lines := bufio.NewScanner(io.LimitReader(z, MaxTapes))
	lines.Buffer(nil, MaxTape)
	t := &Tapes{}
	for n := 1; lines.Scan(); n++ {
		if n == 1 {
			err = t.readHead(lines.Bytes())
		} else {
			err = t.readCase(lines.Bytes())
		}
		if err != nil {
			return nil, fmt.Errorf("tape, line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("tape, after %d cases: %w", len(t.Cases), err)
	}
	if t.Schema == 0 {
		return nil, fmt.Errorf("the tape is empty")
	}
	return t, nil
}

func (t *Tapes) readHead(line []byte) error {
	if err := json.Unmarshal(line, t); err != nil {
		return err
	}
	if t.Schema != TapeSchema {
		return fmt.Errorf("schema %d, want %d", t.Schema, TapeSchema)
	}
	return nil
}

func (t *Tapes) readCase(line []byte) error {
	c := &Tape{}
	if err := json.Unmarshal(line, c); err != nil {
		return err
	}
	if t.Find(c.Case) != nil {
		return fmt.Errorf("%s stands twice", c.Case)
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("%s: %w", c.Case, err)
	}
	t.Cases = append(t.Cases, c)
	return nil
}

// check says what makes steps impossible to play.
func (t *Tape) check() error {
	now := t.Began
	if s := t.Shared; now < 0 || s != nil && (s.Warm < 0 || s.Warm > MaxWarm) {
		return fmt.Errorf("began at %v, want 0 or more, with a target that is warm after at most %v", now, MaxWarm)
	}
	for i, s := range t.Steps {
		switch {
		case !slices.Contains(doings, s.Op) && !slices.Contains(happenings, s.Op):
			return fmt.Errorf("step %d: %q is none", i+1, s.Op)
		case s.Op == tapeStarts && s.Start == nil:
			return fmt.Errorf("step %d: start does not say where", i+1)
		case s.At < now:
			return fmt.Errorf("step %d: %v is before %v", i+1, s.At, now)
		case s.At > MaxTapeTime:
			return fmt.Errorf("step %d: at %v, which is more than %v", i+1, s.At, MaxTapeTime)
		case s.Start != nil && (s.Start.Warm < 0 || s.Start.Warm > MaxWarm):
			return fmt.Errorf("step %d: warm after %v, want at most %v", i+1, s.Start.Warm, MaxWarm)
		}
		now = s.At
	}
	return nil
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

// TapesOf gathers the tapes of a run that had [Options.Tape].
func TapesOf(r *Report) *Tapes {
	t := &Tapes{Schema: TapeSchema, Target: r.Target, Seed: r.Seed}
	for _, res := range r.Results {
		if res.Tape != nil {
			t.Cases = append(t.Cases, res.Tape)
		}
	}
	return t
}
