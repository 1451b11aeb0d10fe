package transport_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// memory is a storage with pieces of 64 bytes. Piece 9 fails, piece 8 has a
// wrong hash.
type memory struct {
	mu     sync.Mutex
	pieces map[int32][]byte
	busy   atomic.Int32
	most   atomic.Int32
	// If set, every Store says that it has begun and waits for hold.
	entered, hold chan struct{}
}

var errDisk = errors.New("the disk is full")

func (m *memory) Load(piece, begin int32, b []byte) error {
	if piece == 9 {
		return errDisk
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	copy(b, m.pieces[piece][begin:])
	return nil
}

func (m *memory) Store(piece, begin int32, b []byte) error {
	if piece == 9 {
		return errDisk
	}
	if m.hold != nil {
		m.entered <- struct{}{}
		<-m.hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pieces[piece] == nil {
		m.pieces[piece] = make([]byte, 64)
	}
	copy(m.pieces[piece][begin:], b)
	return nil
}

func (m *memory) Verify(piece int32) (bool, error) {
	n := m.busy.Add(1)
	for most := m.most.Load(); n > most && !m.most.CompareAndSwap(most, n); most = m.most.Load() {
	}
	time.Sleep(5 * time.Millisecond)
	m.busy.Add(-1)
	if piece == 9 {
		return false, errDisk
	}
	return piece != 8, nil
}

func TestStorageAnswers(t *testing.T) {
	store := &memory{pieces: make(map[int32][]byte)}
	a, fromA := serve(t, transport.TCPConfig{Storage: store, Workers: 2})
	ask := func(e spec.Effect, want spec.Input) {
		t.Helper()
		perform(t, a, e)
		got := hear(t, fromA)
		if loaded, ok := got.(spec.Loaded); ok {
			w := want.(spec.Loaded)
			if !bytes.Equal(loaded.Data, w.Data) || loaded.Token != w.Token || !errors.Is(loaded.Err, w.Err) {
				t.Errorf("%v, want %v", loaded, w)
			}
			return
		}
		if got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	ask(spec.Store{Token: 1, Piece: 3, Begin: 16, Data: []byte("sixteen bytes...")}, spec.Stored{Token: 1})
	ask(spec.Load{Token: 2, Piece: 3, Begin: 16, Length: 7}, spec.Loaded{Token: 2, Data: []byte("sixteen")})
	padded := []byte(strings.Repeat("\x00", 16) + "sixt")
	ask(spec.Load{Token: 3, Piece: 3, Begin: 0, Length: 20}, spec.Loaded{Token: 3, Data: padded})
	ask(spec.Verify{Token: 4, Piece: 3}, spec.Verified{Token: 4, OK: true})
	ask(spec.Verify{Token: 5, Piece: 8}, spec.Verified{Token: 5})
	ask(spec.Store{Token: 6, Piece: 9, Data: []byte("x")}, spec.Stored{Token: 6, Err: errDisk})
	ask(spec.Load{Token: 7, Piece: 9, Length: 1}, spec.Loaded{Token: 7, Err: errDisk})
	ask(spec.Verify{Token: 8, Piece: 9}, spec.Verified{Token: 8, Err: errDisk})

	var many []spec.Effect
	for i := range spec.Token(20) {
		many = append(many, spec.Verify{Token: 10 + i, Piece: 1})
	}
	perform(t, a, many...)
	for range many {
		hear(t, fromA)
	}
	if got := store.most.Load(); got != 2 {
		t.Errorf("%d pieces were verified at once by 2 workers", got)
	}
}

func TestNoStorage(t *testing.T) {
	a, fromA := serve(t, transport.TCPConfig{})
	perform(t, a, spec.Store{Token: 1}, spec.Load{Token: 2}, spec.Verify{Token: 3})
	for range 3 {
		switch in := hear(t, fromA).(type) {
		case spec.Stored:
			if in.Err == nil {
				t.Error("stored nowhere")
			}
		case spec.Loaded:
			if in.Err == nil {
				t.Error("loaded from nowhere")
			}
		case spec.Verified:
			if in.Err == nil {
				t.Error("verified nothing")
			}
		}
	}
}

// A storage that lags holds up the network: no more is read than one read that
// was under way. It is all there when the storage has caught up.
func TestReadersWaitForTheStorage(t *testing.T) {
	const firstRead = 4 << 10 // what a reader takes at once when a stream is new
	store := &memory{pieces: make(map[int32][]byte), hold: make(chan struct{}), entered: make(chan struct{}, 2)}
	b, fromB := serve(t, transport.TCPConfig{Storage: store, Workers: 1, MaxStoring: 64})
	release := sync.OnceFunc(func() { close(store.hold) })
	t.Cleanup(release) // else the end of b waits for the storage for ever
	conn := dialRaw(t, b)
	hear(t, fromB) // Opened
	perform(t, b,
		spec.Store{Token: 1, Data: make([]byte, 40)}, spec.Store{Token: 2, Data: make([]byte, 40)})
	<-store.entered
	message := raw(strings.Repeat("x", firstRead/4))
	const messages = 40
	if _, err := conn.Write(bytes.Repeat(message, messages)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if got := b.Stats().ReceivedBytes; got > firstRead {
		t.Errorf("%d bytes were read while the storage was behind", got)
	}
	release()
	stored, got := 0, 0
	for stored < 2 || got < messages {
		switch in := hear(t, fromB).(type) {
		case spec.Stored:
			stored++
		case spec.Got:
			got++
		default:
			t.Fatalf("%v", in)
		}
	}
}
