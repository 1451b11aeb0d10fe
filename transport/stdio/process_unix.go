//go:build unix

package stdio

import (
	"io"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// ownGroup puts the program in a process group of its own, so that what it
// starts ends with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// A group that is already gone is what both want.
func terminate(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
func kill(cmd *exec.Cmd)      { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func pause(cmd *exec.Cmd) error  { return syscall.Kill(-cmd.Process.Pid, syscall.SIGSTOP) }
func resume(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT) }

// guard is a shell that kills a process group when we die without having done
// so: the pipe to it then ends without the line that dismisses it.
type guard struct {
	pipe io.WriteCloser
	once sync.Once
}

// guardGroup returns nil where there is no shell: what we start then outlives a
// kill -9 of ours.
func guardGroup(pgid int) *guard {
	cmd := exec.Command("/bin/sh", "-c", `read line || kill -9 "-$1"`, "guard", strconv.Itoa(pgid))
	ownGroup(cmd) // an interrupt at the terminal is not meant for it
	pipe, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	go func() { _ = cmd.Wait() }() // its exit status says nothing
	return &guard{pipe: pipe}
}

func (g *guard) dismiss() {
	if g != nil {
		g.once.Do(func() {
			_, _ = io.WriteString(g.pipe, "done\n") // one that was killed needs no word
			_ = g.pipe.Close()
		})
	}
}
