package bittorrent

import (
	"bytes"
	"slices"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// Mutant is a client that is wrong in one way on purpose: the reference peer
// behind something that bends its messages, or with another configuration.
// Each case names the mutants that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*core.Config)
	options   func(*conformance.StartOptions)
	bend      func(*bent)
}

// Mutants are all mutants, by what they get wrong.
func Mutants() []Mutant {
	return slices.Concat(
		handshakeMutants(), messageMutants(), announcementMutants(), uploaderMutants(), boundsMutants(), fastMutants(),
		downloaderMutants(), extensionMutants(), metadataMutants(), announceMutants(),
		encryptionMutants(), version2Mutants(), tierMutants(), packetMutants(), patienceMutants(), replyMutants(),
		announceAnswerMutants(), numberMutants(),
		interestMutants(), requestMutants(), blockMutants(), initiatorMutants(),
		fastDownloadMutants(), extendedDownloadMutants(),
		learningMutants(), magnetMutants(), pexMutants(), pexReaderMutants(), privacyMutants(),
		chokerMutants(), crowdMutants(),
	)
}

// Target is the mutant on virtual time.
func (m Mutant) Target() conformance.Target {
	target := Builtin{}.Targets()
	target.Mutant, target.Virtual = m.Name, m.place
	return target.OnVirtualTime()
}

// place starts a mutant, as it was before anything has happened to it.
func (m Mutant) place(
	net *conformance.VirtualNetwork, opt conformance.StartOptions,
) (conformance.Instance, error) {
	if m.options != nil {
		m.options(&opt)
	}
	b := &bent{meta: opt.Torrent, places: opt.MaxPeers}
	if m.bend != nil {
		m.bend(b)
	}
	inst, err := Builtin{
		Configure: m.configure,
		Wrap: func(machine spec.Machine) spec.Machine {
			b.Machine, b.node = machine, machine.(*core.Node)
			return b
		},
		Codec:        bentCodec{Codec: codec(), bent: b},
		WrapTrackers: func(machine spec.Machine) spec.Machine { return &bentTracker{machine, b} },
		TrackerCodec: bentPackets{b},
		ConfigureTrackers: func(cfg *tracker.ClientConfig) {
			if b.trackers != nil {
				b.trackers(cfg)
			}
		},
		Storage: func(memory *Memory) transport.Storage {
			b.memory = memory
			return bentStorage{memory, b}
		},
		Shaking: b.shaking,
	}.place(net, opt)
	if err != nil {
		return nil, err
	}
	return mutantInstance{inst.(*virtualInstance), b}, nil
}

type mutantInstance struct {
	*virtualInstance
	bent *bent
}

func (i mutantInstance) Exited() error { return i.bent.dead }

// bent is the reference peer behind rules that change what it hears and says.
// A rule that is nil changes nothing.
type bent struct {
	spec.Machine
	node   *core.Node
	memory *Memory
	meta   []byte // the metainfo file
	places int    // for connections; 0 is the default
	dead   error  // why it has crashed

	// hear gives what the peer hears in the place of a message, say what it
	// says in the place of one: *wire.Handshake, *wire.Message, *wire.Hashes or,
	// to say only, raw bytes.
	hear func(c spec.Conn, m spec.Message) []spec.Message
	say  func(c spec.Conn, m spec.Message) []spec.Message
	// ignores tells of inputs that the peer does not take.
	ignores func(in spec.Input) bool
	// effect replaces any effect but a Write.
	effect func(e spec.Effect) []spec.Effect
	// decode reads what the strict codec would refuse; ok is false where it
	// has nothing to say.
	decode func(b []byte, begun bool) (m spec.Message, n int, ok bool)
	// load, store and verify replace what the storage answers.
	load   func(piece, begin int32, b []byte) error
	store  func(piece, begin int32, data []byte) error
	verify func(piece int32) (bool, error)

	// url changes a request to the tracker, body the answer to it. A request that
	// becomes "" is not made.
	url  func(string) string
	body func([]byte) []byte
	// trackers changes who is announced to, and how.
	trackers func(*tracker.ClientConfig)
	// also are requests beside one to an HTTP tracker, whose answers do not count.
	also func(tracker.Fetch) []tracker.Fetch
	// sent changes a packet to a UDP tracker, received one of it, and heard what
	// was read of one; with drop the machine does not learn of it.
	sent     func([]byte) []byte
	received func([]byte) []byte
	heard    func(r *tracker.Response, in *spec.Recv) (drop bool)
	// shaking is how hands are shaken for encryption.
	shaking Shaking
	// connection answers a connect in the place of the tracker, if it is not 0.
	connection uint64
	asked      spec.Send // the last packet to a UDP tracker, as the machine sent it
	again      bool      // it is to be sent again at once
	hammered   int       // how often it was

	now     time.Duration
	replies []spec.Effect // to be written after the step
	inputs  []spec.Input  // to be taken after it
}

// reply writes a message of the mutant's own at the end of the step.
func (b *bent) reply(c spec.Conn, m spec.Message) {
	b.replies = append(b.replies, spec.Write{Conn: c, Msg: m})
}

// pieces is how many there are, as far as the peer knows.
func (b *bent) pieces() int {
	if b.memory.Info == nil {
		return metainfo.MaxPieces
	}
	return b.memory.Info.Pieces()
}

// raw is bytes that are written as they are.
type raw []byte

func (raw) IsMessage() {}

// Step bends an input, and what the peer does of it.
func (b *bent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.now = now
	if b.ignores != nil && b.ignores(in) {
		in = spec.Wake{}
	}
	if got, ok := in.(spec.Got); ok && b.hear != nil {
		for _, m := range b.hear(got.Conn, got.Msg) {
			out = b.step(spec.Got{Conn: got.Conn, Msg: m}, out)
		}
	} else {
		out = b.step(in, out)
	}
	for _, more := range b.inputs {
		out = b.step(more, out)
	}
	out = append(out, b.replies...)
	b.replies, b.inputs = nil, nil
	return out
}

func (b *bent) step(in spec.Input, out []spec.Effect) []spec.Effect {
	for _, e := range b.Machine.Step(b.now, in, nil) {
		w, ok := e.(spec.Write)
		switch {
		case ok && b.say != nil:
			for _, m := range b.say(w.Conn, w.Msg) {
				out = append(out, spec.Write{Conn: w.Conn, Msg: m})
			}
		case !ok && b.effect != nil:
			out = append(out, b.effect(e)...)
		default:
			out = append(out, e)
		}
	}
	return out
}

// bentCodec writes raw bytes as well, and reads what the mutant can read.
type bentCodec struct {
	wire.Codec
	bent *bent
}

func (c bentCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if r, ok := m.(raw); ok {
		return append(b, r...), nil
	}
	return c.Codec.AppendMessage(b, m)
}

func (c bentCodec) Decoder() spec.Decoder {
	return &bentDecoder{Decoder: c.Codec.Decoder(), bent: c.bent}
}

type bentDecoder struct {
	spec.Decoder
	bent  *bent
	begun bool // the handshake is through
}

func (d *bentDecoder) Decode(b []byte) (spec.Message, int, error) {
	if d.bent.decode != nil {
		if m, n, ok := d.bent.decode(b, d.begun); ok {
			if n > 0 && !d.begun {
				d.begun = true
				d.Decoder = codec().MessageDecoder()
			}
			return m, n, nil
		}
	}
	m, n, err := d.Decoder.Decode(b)
	d.begun = d.begun || n > 0
	return m, n, err
}

type bentStorage struct {
	*Memory
	bent *bent
}

func (s bentStorage) Load(piece, begin int32, b []byte) error {
	if s.bent.load != nil {
		return s.bent.load(piece, begin, b)
	}
	return s.Memory.Load(piece, begin, b)
}

func (s bentStorage) Store(piece, begin int32, data []byte) error {
	if s.bent.store != nil {
		return s.bent.store(piece, begin, data)
	}
	return s.Memory.Store(piece, begin, data)
}

func (s bentStorage) Verify(piece int32) (bool, error) {
	if s.bent.verify != nil {
		return s.bent.verify(piece)
	}
	return s.Memory.Verify(piece)
}

// The parts that many mutants are made of.

func same(m spec.Message) []spec.Message { return []spec.Message{m} }

// sayType replaces the messages of one type; of others nothing changes.
func sayType(t wire.Type, say func(m wire.Message) []spec.Message) func(*bent) {
	return func(b *bent) {
		b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
			if w, ok := m.(*wire.Message); ok && w.Type == t {
				return say(*w)
			}
			return same(m)
		}
	}
}

// hearType replaces the messages of one type that the peer hears.
func hearType(t wire.Type, hear func(m wire.Message) []spec.Message) func(*bent) {
	return func(b *bent) {
		b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
			if w, ok := m.(*wire.Message); ok && w.Type == t {
				return hear(*w)
			}
			return same(m)
		}
	}
}

// sayHandshake changes the handshakes that the peer sends.
func sayHandshake(say func(h wire.Handshake) []spec.Message) func(*bent) {
	return func(b *bent) {
		b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
			if h, ok := m.(*wire.Handshake); ok {
				return say(*h)
			}
			return same(m)
		}
	}
}

func nothing(wire.Message) []spec.Message { return nil }

// lenientHandshake reads 68 bytes whatever the first 20 are.
func lenientHandshake(b []byte, begun bool) (spec.Message, int, bool) {
	if begun {
		return nil, 0, false
	}
	if len(b) < wire.HandshakeLen {
		return nil, 0, true
	}
	h := &wire.Handshake{
		Reserved: [8]byte(b[20:28]), InfoHash: [20]byte(b[28:48]), PeerID: [20]byte(bytes.Clone(b[48:68])),
	}
	return h, wire.HandshakeLen, true
}
