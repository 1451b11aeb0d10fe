//go:build !unix

package conformance

import "os/exec"

func ownGroup(*exec.Cmd) {}

// There is no gentle signal here; a program that is gone is what both want.
func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
func kill(cmd *exec.Cmd)      { _ = cmd.Process.Kill() }
