package storage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// crashDir names the folder in which this program, started again by itself, is
// the one that crashes.
const crashDir = "P2PSPEC_STORAGE_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := untilKilled(dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashContent has files that are soon complete and left alone, so that
// records describe them, and files that are always written to.
func crashContent(t testing.TB) content {
	var list []metainfo.File
	for i := range 8 {
		list = append(list, metainfo.File{Path: []string{"f" + strconv.Itoa(i)}, Length: 5*blockSize + int64(i)})
	}
	return makeContent(t, metainfo.V1, blockSize, list)
}

// untilKilled stores blocks, right and wrong, and says which pieces have been
// verified. It ends by itself when all have been.
func untilKilled(dir string) error {
	c := crashContent(fatal{})
	s, err := open(dir, c.info, Options{}, schedule{every: time.Millisecond, quiet: 10 * time.Millisecond})
	if err != nil {
		return err
	}
	fmt.Println("open")
	for _, i := range rand.Perm(c.info.Pieces()) {
		piece := int32(i)
		if s.known(piece) {
			continue
		}
		for _, right := range []bool{rand.IntN(3) > 0, true} {
			b := append([]byte(nil), c.piece(piece)...)
			if !right {
				b[rand.IntN(len(b))]++
			}
			if err := s.Store(piece, 0, b); err != nil {
				return err
			}
			ok, err := s.Verify(piece)
			if ok != right || err != nil {
				return fmt.Errorf("piece %d is %v, %v", piece, ok, err)
			}
			if ok {
				fmt.Println("verified", piece)
				break
			}
		}
	}
	return s.Close()
}

// fatal lets helpers of tests be used outside of one.
type fatal struct{ testing.TB }

func (fatal) Helper()           {}
func (fatal) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// TestKilled: whenever the program is killed, no piece is lost that was
// verified, and none is given away that is not right.
func TestKilled(t *testing.T) {
	t.Parallel()
	c := crashContent(t)
	killed, completed := 0, 0
	start := time.Now()
	for round := 0; round < 400 && time.Since(start) < 4*time.Second; {
		dir := t.TempDir()
		verified := make(map[int32]bool)
		for len(verified) < c.info.Pieces() && time.Since(start) < 4*time.Second {
			ended := runUntilKilled(t, dir, verified)
			if round++; ended {
				completed++
			} else {
				killed++
			}
			// Every other time nothing is repaired or recorded before the next kill.
			s, err := Open(dir, c.info, Options{ReadOnly: round%2 == 0})
			if err != nil {
				t.Fatal(err)
			}
			have := s.Have()
			for i := range int32(c.info.Pieces()) {
				got := make([]byte, len(c.piece(i)))
				err := s.Load(i, 0, got)
				has := have[i/8]&(0x80>>(i%8)) != 0
				switch {
				case verified[i] && !has:
					t.Errorf("round %d: piece %d is lost", round, i)
				case has && (err != nil || string(got) != string(c.piece(i))):
					t.Errorf("round %d: piece %d is wrong: %v", round, i, err)
				case !has && !errors.Is(err, ErrUnverified):
					t.Errorf("round %d: piece %d is given away: %v", round, i, err)
				}
				if has { // killed before it said so
					verified[i] = true
				}
			}
			mustClose(t, s)
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d times killed, %d times completed", killed, completed)
	if killed < 5 {
		t.Errorf("killed only %d times", killed)
	}
}

// runUntilKilled starts the program that crashes, kills it at some moment, and
// adds what it has verified. It reports whether it ended by itself.
func runUntilKilled(t *testing.T, dir string, verified map[int32]bool) (ended bool) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan() // it is open, or has failed
	first := lines.Text()
	timer := time.AfterFunc(time.Duration(rand.IntN(12_000))*time.Microsecond, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		number, ok := strings.CutPrefix(lines.Text(), "verified ")
		piece, err := strconv.ParseInt(number, 10, 32)
		if !ok || err != nil {
			t.Fatalf("the program says %q", lines.Text())
		}
		verified[int32(piece)] = true
	}
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil && (first != "open" || cmd.ProcessState.Exited()) {
		t.Fatalf("the program says %q, and ends with %v", first, err)
	}
	return cmd.ProcessState.Success()
}
