package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// What callers do to a piece, and what they see of it. A block's content is
// right, a hole, or a byte that fills it.
type (
	storeCall  struct{ piece, block, content int }
	loadCall   struct{ piece, block int }
	verifyCall struct{ piece int }
)

const (
	hole    = 0
	right   = 1
	refused = -1
	torn    = -2 // no block that anybody stored
)

// pieceState is a piece as one caller after the other would see it.
type pieceState struct {
	blocks   [2]int
	verified bool
	wrong    bool // verification failed, and nothing was stored since
}

// pieceModel is the specification: a piece is stored to until it is verified,
// and loaded from when that has been looked at.
var pieceModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		pieces := make([][]porcupine.Operation, linearPieces)
		for _, op := range history {
			piece := 0
			switch call := op.Input.(type) {
			case storeCall:
				piece = call.piece
			case loadCall:
				piece = call.piece
			case verifyCall:
				piece = call.piece
			}
			pieces[piece] = append(pieces[piece], op)
		}
		return pieces
	},
	Init: func() any { return pieceState{} },
	Step: func(state, input, output any) (bool, any) {
		s, got := state.(pieceState), output.(int)
		switch call := input.(type) {
		case storeCall:
			if s.verified {
				return got == refused, s
			}
			s.blocks[call.block], s.wrong = call.content, false
			return got == call.content, s
		case loadCall:
			if !s.verified && !s.wrong {
				return got == refused, s
			}
			return got == s.blocks[call.block], s
		default:
			s.verified = s.blocks == [2]int{right, right}
			s.wrong = !s.verified
			return (got == right) == s.verified, s
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %v", input, output) },
}

const linearPieces = 3

// caller is what is checked: a Store, or a mutant of it.
type caller interface {
	Load(piece, begin int32, b []byte) error
	Store(piece, begin int32, b []byte) error
	Verify(piece int32) (bool, error)
}

// slow makes the disk slow at random, so that calls meet.
type slow struct{ file }

func (f slow) ReadAt(b []byte, at int64) (int, error) {
	time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
	return f.file.ReadAt(b, at)
}

func (f slow) WriteAt(b []byte, at int64) (int, error) {
	time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
	return f.file.WriteAt(b, at)
}

// history lets callers loose on a new store.
func history(t *testing.T, c content, of func(*Store) caller) []porcupine.Operation {
	s := mustOpen(t, t.TempDir(), c)
	s.files.wrap = func(_ string, f file) file { return slow{f} }
	under := of(s)
	var mu sync.Mutex
	var operations []porcupine.Operation
	var callers sync.WaitGroup
	start := time.Now()
	for id := range 5 {
		callers.Go(func() {
			for range 12 {
				call := randomCall()
				began := time.Since(start)
				got := perform(t, c, under, call)
				ended := time.Since(start)
				mu.Lock()
				operations = append(operations, porcupine.Operation{ClientId: id, Input: call,
					Call: int64(began), Output: got, Return: int64(ended)})
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	mustClose(t, s)
	return operations
}

func randomCall() any {
	piece, block := rand.IntN(linearPieces), rand.IntN(2)
	switch rand.IntN(9) {
	case 0, 1:
		return storeCall{piece, block, 2 + rand.IntN(2)}
	case 2, 3:
		return storeCall{piece, block, right}
	case 4, 5:
		return verifyCall{piece}
	default:
		return loadCall{piece, block}
	}
}

// perform makes the call and says what came of it in the model's words.
func perform(t *testing.T, c content, under caller, call any) int {
	rightBlock := func(piece, block int) []byte {
		return c.piece(int32(piece))[block*blockSize : (block+1)*blockSize]
	}
	filled := func(with int) []byte { return bytes.Repeat([]byte{byte(with)}, blockSize) }
	switch call := call.(type) {
	case storeCall:
		b := rightBlock(call.piece, call.block)
		if call.content != right {
			b = filled(call.content)
		}
		err := under.Store(int32(call.piece), int32(call.block*blockSize), b)
		if errors.Is(err, ErrVerified) {
			return refused
		}
		if err != nil {
			t.Error(err)
		}
		return call.content
	case loadCall:
		b := make([]byte, blockSize)
		err := under.Load(int32(call.piece), int32(call.block*blockSize), b)
		switch {
		case errors.Is(err, ErrUnverified):
			return refused
		case err != nil:
			t.Error(err)
		case bytes.Equal(b, rightBlock(call.piece, call.block)):
			return right
		case bytes.Equal(b, filled(int(b[0]))):
			return int(b[0])
		}
		return torn
	default:
		ok, err := under.Verify(int32(call.(verifyCall).piece))
		if err != nil {
			t.Error(err)
		}
		if ok {
			return right
		}
		return refused
	}
}

// linearContent has a file end inside the second block of the first piece, so
// that storing it takes two writes.
func linearContent(t *testing.T) content {
	return makeContent(t, metainfo.V1, 2*blockSize, []metainfo.File{
		{Path: []string{"a"}, Length: blockSize + 1000}, {Path: []string{"b"}, Length: 5*blockSize - 1000},
	})
}

// TestLinearizable: concurrent calls are as if they came one after the other.
func TestLinearizable(t *testing.T) {
	c := linearContent(t)
	for range 60 {
		operations := history(t, c, func(s *Store) caller { return s })
		if result := porcupine.CheckOperationsTimeout(pieceModel, operations, 10*time.Second); result != porcupine.Ok {
			t.Fatalf("%v: %+v", result, operations)
		}
	}
}

// The mutants each leave one thing out.
type (
	base = Store // whose name is no method's
	// hasty does not keep others from storing between what it finds and what it
	// says.
	hasty struct{ *base }
	// trusting stores to pieces that are verified.
	trusting struct{ *base }
	// generous loads from pieces of which nobody knows.
	generous struct{ *base }
	// sharing lets others load and store while it stores.
	sharing struct{ *base }
)

func (m hasty) Verify(piece int32) (bool, error) {
	lock := &m.locks[piece%stripes]
	lock.Lock()
	ok, err := m.check(piece)
	lock.Unlock()
	time.Sleep(100 * time.Microsecond)
	return ok, errors.Join(err, m.mark(piece, ok, err == nil))
}

func (m trusting) Store(piece, begin int32, b []byte) error {
	return m.files.write(b, m.address(piece, begin))
}

func (m generous) Load(piece, begin int32, b []byte) error {
	return m.files.read(b, m.address(piece, begin))
}

func (m sharing) Store(piece, begin int32, b []byte) error {
	lock := &m.locks[piece%stripes]
	lock.RLock()
	defer lock.RUnlock()
	if err := m.changing(piece); err != nil {
		return err
	}
	return m.files.write(b, m.address(piece, begin))
}

// TestMutantsAreNotLinearizable proves that the check above sees something.
func TestMutantsAreNotLinearizable(t *testing.T) {
	c := linearContent(t)
	for name, mutant := range map[string]func(*Store) caller{
		"hasty":    func(s *Store) caller { return hasty{s} },
		"trusting": func(s *Store) caller { return trusting{s} },
		"generous": func(s *Store) caller { return generous{s} },
		"sharing":  func(s *Store) caller { return sharing{s} },
	} {
		caught := false
		for tries := 0; tries < 300 && !caught; tries++ { // a handful is enough
			operations := history(t, c, mutant)
			caught = porcupine.CheckOperationsTimeout(pieceModel, operations, 10*time.Second) == porcupine.Illegal
		}
		if !caught {
			t.Errorf("the %s mutant passes", name)
		}

	}
}
