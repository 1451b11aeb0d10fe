package conformance

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

// stderrKept bounds what is kept of a program's last words.
const stderrKept = 4096

// process is one program that we started, in a process group of its own.
type process struct {
	cmd     *exec.Cmd
	words   *tail // what it said last
	output  *tail // of its stdout: the same, unless it is kept apart
	ended   chan struct{}
	onEnd   func()
	mu      sync.Mutex
	stopped bool
	err     error
}

// processOptions say how a program is run.
type processOptions struct {
	dir   string // its working folder; empty is ours
	piped bool   // stdin and stdout belong to the caller
	apart bool   // stdout is kept apart from stderr; else it joins it
	ended func() // called when it has ended; may be nil
}

// startProcess runs argv.
func startProcess(argv []string, opt processOptions) (p *process, in io.WriteCloser, out io.Reader, err error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, nil, nil, errors.New("the command is empty")
	}
	p = &process{
		cmd: exec.Command(argv[0], argv[1:]...), words: &tail{}, ended: make(chan struct{}), onEnd: opt.ended,
	}
	p.output = p.words
	if opt.apart {
		p.output = &tail{}
	}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = opt.dir, p.output, p.words
	p.cmd.WaitDelay = Grace // a grandchild may hold the pipes open
	ownGroup(p.cmd)
	if opt.piped {
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
	go p.wait()
	return p, in, out, nil
}

func (p *process) wait() {
	err := p.cmd.Wait()
	if p.onEnd != nil {
		defer p.onEnd()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.err = fmt.Errorf("%v%s", p.cmd.ProcessState, p.words.quoted())
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			p.err = fmt.Errorf("%w%s", err, p.words.quoted())
		}
	}
	close(p.ended)
}

// exited is non-nil once the program ended by itself.
func (p *process) exited() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// succeeded reports that the program ended by itself with exit status 0.
func (p *process) succeeded() bool {
	return p.exited() != nil && p.cmd.ProcessState != nil && p.cmd.ProcessState.Success()
}

// quit asks the program to end, and leaves it at that.
func (p *process) quit() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	terminate(p.cmd)
}

// stop asks the program to end, and kills its whole group if it does not.
func (p *process) stop() error {
	p.quit()
	select {
	case <-p.ended:
	case <-time.After(Grace):
	}
	kill(p.cmd) // the group may outlive its leader
	select {
	case <-p.ended:
		return nil
	case <-time.After(Grace + time.Second):
		return fmt.Errorf("process %d does not end", p.cmd.Process.Pid)
	}
}

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - stderrKept; over > 0 {
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

func (t *tail) quoted() string {
	text := t.text()
	if text == "" {
		return ""
	}
	return fmt.Sprintf("; its last words: %q", text)
}
