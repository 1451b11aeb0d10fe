package stdio

import (
	"bufio"
	"context"
	"io"
	"time"
)

// Node is a participant: it takes lines and yields lines, on the clock that its
// caller keeps. Lines are without their ends. What it is given it may keep.
type Node interface {
	// Line hands over one line and appends those that it writes.
	Line(now time.Duration, line []byte, out [][]byte) [][]byte
	// Wake lets time pass.
	Wake(now time.Duration, out [][]byte) [][]byte
	// Deadline is when it wants to be woken.
	Deadline() (time.Duration, bool)
}

// Serve runs a node on two streams until in ends or ctx does. Its time is that
// since the start. The error is that of a stream.
func Serve(ctx context.Context, in io.Reader, out io.Writer, node Node) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	quit := make(chan struct{})
	defer close(quit)
	go func() {
		ended <- ReadLines(in, func(line []byte, err *LineError) bool {
			if err != nil {
				line = []byte(err.Text) // the node refuses it as any other
			}
			select {
			case lines <- line:
				return true
			case <-quit:
				return false
			}
		})
	}()
	began := time.Now()
	w := bufio.NewWriter(out)
	var written [][]byte
	for {
		wait := time.Hour
		if at, ok := node.Deadline(); ok {
			wait = at - time.Since(began)
		}
		timer := time.NewTimer(max(wait, 0))
		select {
		case line := <-lines:
			written = node.Line(time.Since(began), line, written[:0])
		case <-timer.C:
			written = node.Wake(time.Since(began), written[:0])
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		}
		timer.Stop()
		for _, line := range written {
			_, _ = w.Write(line) // the error comes with Flush
			_ = w.WriteByte('\n')
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}
