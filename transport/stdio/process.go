package stdio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Grace is how long a program has to end after it was asked to, before it is
// killed with everything that it started.
const Grace = 3 * time.Second

// wordsKept bounds what is kept of a program's last words.
const wordsKept = 4096

// Process is one program that we started, in a process group of its own. The
// group ends with the program, when it is stopped, and when this process dies in
// whatever way.
type Process struct {
	cmd     *exec.Cmd
	words   *tail // what it said last
	output  *tail // of its stdout: the same, unless it is kept apart
	ended   chan struct{}
	guard   *guard
	mu      sync.Mutex
	stopped bool
	err     error
}

// ProcessOptions say how a program is run.
type ProcessOptions struct {
	Dir   string // its working folder; empty is ours
	Piped bool   // stdin and stdout belong to the caller
	Apart bool   // stdout is kept apart from stderr; else it joins it
	Ended func() // called when it has ended; may be nil
}

// Start runs argv. The streams are nil unless the options ask for them.
func Start(argv []string, opt ProcessOptions) (p *Process, in io.WriteCloser, out io.Reader, err error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, nil, nil, errors.New("the command is empty")
	}
	p = &Process{cmd: exec.Command(argv[0], argv[1:]...), words: &tail{}, ended: make(chan struct{})}
	p.output = p.words
	if opt.Apart {
		p.output = &tail{}
	}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = opt.Dir, p.output, p.words
	p.cmd.WaitDelay = Grace // a grandchild may hold the pipes open
	ownGroup(p.cmd)
	if opt.Piped {
		if in, err = p.cmd.StdinPipe(); err != nil {
			return nil, nil, nil, err
		}
		r, w, err := os.Pipe()
		if err != nil {
			return nil, nil, nil, err
		}
		p.cmd.Stdout, out = w, r
		defer w.Close()
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, nil, err
	}
	p.guard = guardGroup(p.cmd.Process.Pid)
	go p.wait(opt.Ended)
	return p, in, out, nil
}

func (p *Process) wait(onEnd func()) {
	err := p.cmd.Wait()
	if onEnd != nil {
		defer onEnd()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.err = fmt.Errorf("%v%s", p.cmd.ProcessState, p.LastWords())
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			p.err = fmt.Errorf("%w%s", err, p.LastWords())
		}
	}
	close(p.ended)
}

// PID is the program's process id, and that of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err is non-nil once the program ended by itself: how, and its last words.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Succeeded reports that the program ended by itself with exit status 0.
func (p *Process) Succeeded() bool { return p.Err() != nil && p.cmd.ProcessState.Success() }

// ExitCode is the exit status of a program that has ended, -1 of a signal.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Words are the last 4096 bytes that the program wrote to stderr, and to stdout
// where that joins it; Output are those of stdout.
func (p *Process) Words() string { return p.words.text() }

// Output is described at [Process.Words].
func (p *Process) Output() string { return p.output.text() }

// LastWords are the words as the end of a sentence, or "".
func (p *Process) LastWords() string {
	text := p.words.text()
	if text == "" {
		return ""
	}
	return fmt.Sprintf("; its last words: %q", text)
}

// Expect says that an end from now on is our doing.
func (p *Process) Expect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
}

// Expected reports that the program was asked to end.
func (p *Process) Expected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// Quit asks the program to end, and leaves it at that.
func (p *Process) Quit() {
	p.Expect()
	terminate(p.cmd)
}

// Stop asks the program to end, and kills its whole group if it does not.
func (p *Process) Stop() error {
	p.Quit()
	select {
	case <-p.ended:
	case <-time.After(Grace):
	}
	return p.Kill()
}

// Kill kills the program's whole group at once, and waits for its end.
func (p *Process) Kill() error {
	p.Expect()
	kill(p.cmd) // the group may outlive its leader
	p.guard.dismiss()
	select {
	case <-p.ended:
		return nil
	case <-time.After(Grace + time.Second):
		return fmt.Errorf("process %d does not end", p.cmd.Process.Pid)
	}
}

// Pause stops the whole group where it stands; Resume lets it go on.
func (p *Process) Pause() error { return pause(p.cmd) }

// Resume is described at [Process.Pause].
func (p *Process) Resume() error { return resume(p.cmd) }

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - wordsKept; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

// text is what is kept, without the space around it.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
