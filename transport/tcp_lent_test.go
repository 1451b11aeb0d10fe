package transport_test

import (
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// block is a message of one number, 64 times, that borrows from what arrived.
type block []byte

func (block) IsMessage() {}

const blockLen = 64

type blocks struct{}

func (blocks) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return append(b, m.(block)...), nil
}

func (blocks) Decoder() spec.Decoder { return blocks{} }

func (blocks) Decode(b []byte) (spec.Message, int, error) {
	if len(b) < blockLen {
		return nil, 0, nil
	}
	return block(b[:blockLen]), blockLen, nil
}

// keeper stores every block, sharing its bytes where it may: the first of four to
// piece 0, the second to piece 1 and so on.
type keeper struct{ got int }

const pieces = 4

func (k *keeper) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	got, ok := in.(spec.Got)
	if !ok {
		return out
	}
	data := []byte(got.Msg.(block))
	if !got.Lent {
		data = slices.Clone(data)
	}
	k.got++
	return append(out, spec.Store{
		Token: spec.Token(k.got), Piece: int32((k.got - 1) % pieces), Begin: int32((k.got - 1) / pieces), Data: data,
	})
}

func (*keeper) Deadline() (time.Duration, bool) { return 0, false }
func (k *keeper) Clone() spec.Machine           { c := *k; return &c }
func (*keeper) AppendState(b []byte) []byte     { return b }
func (*keeper) Check() error                    { return nil }

// slowly is a storage that looks at what it stores when it may, and at last.
type slowly struct {
	release chan struct{}

	mu     sync.Mutex
	begins [pieces][]int32
	stored int
	wrong  []byte
}

func (s *slowly) Store(piece, begin int32, b []byte) error {
	s.mu.Lock()
	s.begins[piece] = append(s.begins[piece], begin)
	s.mu.Unlock()
	<-s.release
	time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := byte(begin*pieces + piece); !slices.Equal(b, slices.Repeat([]byte{want}, blockLen)) && s.wrong == nil {
		s.wrong = append([]byte{want}, b...)
	}
	s.stored++
	return nil
}

func (*slowly) Load(int32, int32, []byte) error { return nil }
func (*slowly) Verify(int32) (bool, error)      { return true, nil }

// What a Store shares with the memory that it arrived in stays as it was, however
// much arrives meanwhile; and what is stored to one piece is stored in its order,
// one at a time, while others go on beside it.
func TestStoresShareWhatArrived(t *testing.T) {
	store := &slowly{release: make(chan struct{})}
	tcp, err := transport.ListenTCP(anywhere, transport.TCPConfig{
		Machine: &keeper{}, Codec: blocks{}, Storage: store, Workers: 8,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tcp.Close)
	conn, err := net.Dial("tcp", tcp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const all = 240
	for n := range all {
		b := slices.Repeat([]byte{byte(n)}, blockLen)
		for _, part := range [][]byte{b[:50], b[50:]} { // a beginning is kept for the next read
			if _, err := conn.Write(part); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Microsecond)
		}
	}
	eventually(t, func() bool { return tcp.Stats().Received == all })
	store.mu.Lock()
	for piece, begins := range store.begins {
		if len(begins) != 1 {
			t.Errorf("%d blocks are stored to piece %d at once", len(begins), piece)
		}
	}
	store.mu.Unlock()
	close(store.release)
	eventually(t, func() bool {
		store.mu.Lock()
		defer store.mu.Unlock()
		return store.stored == all
	})
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.wrong != nil {
		t.Errorf("block %d was stored as %v", store.wrong[0], store.wrong[1:])
	}
	for piece, begins := range store.begins {
		if !slices.IsSorted(begins) {
			t.Errorf("piece %d was stored in the order %v", piece, begins)
		}
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it does not happen")
		}
	}
}
