package cluster

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

// link is one running node.
type link interface {
	// write hands over a line, which the node takes when it can.
	write(now time.Duration, line []byte)
	// read is what the node has written since, and why it is none any more.
	read() (lines [][]byte, err error)
	// deadline and wake are for the timers of machines.
	deadline() (time.Duration, bool)
	wake(now time.Duration)
	pause() error
	resume() error
	kill()
}

// machine is a node in this process.
type machine struct {
	node    stdio.Node
	written [][]byte
}

// Mortal is a [stdio.Node] that may end by itself.
type Mortal interface {
	stdio.Node
	// Ended is nil while it runs.
	Ended() error
}

func (m *machine) write(now time.Duration, line []byte) {
	m.written = m.node.Line(now, line, m.written)
}
func (m *machine) wake(now time.Duration)          { m.written = m.node.Wake(now, m.written) }
func (m *machine) deadline() (time.Duration, bool) { return m.node.Deadline() }
func (m *machine) pause() error                    { return nil } // the router no longer wakes it
func (m *machine) resume() error                   { return nil }
func (m *machine) kill()                           {}

func (m *machine) read() (lines [][]byte, err error) {
	lines, m.written = m.written, nil
	if mortal, ok := m.node.(Mortal); ok {
		err = mortal.Ended()
	}
	return lines, err
}

// process is a program that speaks on stdin and stdout. A goroutine reads what it
// writes, another writes what it is to read.
type process struct {
	program *stdio.Process
	in      io.WriteCloser
	ring    func()

	mu      sync.Mutex
	room    *sync.Cond // there is less to collect
	lines   [][]byte   // that it has written
	size    int        // bytes of these
	err     error      // why it is no node any more
	unread  [][]byte   // that it has yet to read
	waiting int        // bytes of these
	more    chan struct{}
}

// Bounds of what a process makes the harness keep: a hundred times what the
// nodes of a case say while it does not look.
const (
	maxWritten = 16 << 20 // bytes; beyond it stands still, as at any pipe that is full
	maxUnread  = 16 << 20 // bytes; beyond it is taken for one that does not read
	lineCost   = 256      // bytes that a line takes beside its own
)

var errDeaf = errors.New("it does not read its stdin")

func startProcess(argv []string, ring func()) (*process, error) {
	p := &process{ring: ring, more: make(chan struct{}, 1)}
	p.room = sync.NewCond(&p.mu)
	program, in, out, err := stdio.Start(argv, stdio.ProcessOptions{Piped: true, Ended: ring})
	if err != nil {
		return nil, err
	}
	p.program, p.in = program, in
	go p.listen(out)
	go p.speak()
	return p, nil
}

func (p *process) listen(out io.Reader) {
	err := stdio.ReadLines(out, func(line []byte, wrong *stdio.LineError) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for p.size > maxWritten && !p.program.Expected() {
			p.room.Wait()
		}
		if wrong != nil {
			p.fail(wrong)
		} else {
			p.lines = append(p.lines, line)
			p.size += len(line) + lineCost
		}
		p.ring()
		return true
	})
	select {
	case <-p.program.Ended():
		if failed := p.program.Err(); failed != nil {
			err = fmt.Errorf("it has ended: %w", failed)
		}
	case <-time.After(stdio.Grace):
		if err == nil {
			err = fmt.Errorf("it has closed its stdout%s", p.program.LastWords())
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && !p.program.Expected() {
		p.fail(err)
		p.ring()
	}
}

// fail keeps the first reason. The lock is held.
func (p *process) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *process) speak() {
	for {
		p.mu.Lock()
		lines := p.unread
		p.unread, p.waiting = nil, 0
		p.mu.Unlock()
		for _, line := range lines {
			if _, err := p.in.Write(append(line, '\n')); err != nil {
				return // its end is told by listen
			}
		}
		select {
		case <-p.more:
		case <-p.program.Ended():
			return
		}
	}
}

func (p *process) write(_ time.Duration, line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting += len(line) + lineCost; p.waiting > maxUnread {
		p.fail(errDeaf)
		return
	}
	p.unread = append(p.unread, line[:len(line):len(line)])
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *process) read() (lines [][]byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines, err = p.lines, p.err
	p.lines, p.size = nil, 0
	p.room.Signal()
	return lines, err
}

func (p *process) deadline() (time.Duration, bool) { return 0, false }
func (p *process) wake(time.Duration)              {}
func (p *process) pause() error                    { return p.program.Pause() }
func (p *process) resume() error                   { return p.program.Resume() }

func (p *process) kill() {
	p.program.Expect()
	p.mu.Lock()
	p.room.Broadcast()
	p.mu.Unlock()
	_ = p.program.Kill() // one that survives a kill -9 is not ours to mend
	_ = p.in.Close()
}
