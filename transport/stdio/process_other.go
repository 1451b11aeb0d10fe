//go:build !unix

package stdio

import (
	"errors"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

// There is no gentle signal here; a program that is gone is what both want.
func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
func kill(cmd *exec.Cmd)      { _ = cmd.Process.Kill() }

func pause(*exec.Cmd) error  { return errors.ErrUnsupported }
func resume(*exec.Cmd) error { return errors.ErrUnsupported }

type guard struct{}

func guardGroup(int) *guard { return nil }

func (*guard) dismiss() {}
