package mse

// state is where a handshake is: what is awaited.
type state uint8

const (
	opening      state = iota // responder: the 20 bytes that tell plain from encrypted
	key                       // the rest of Y
	sync                      // responder: HASH('req1', S) behind PadA
	torrent                   // responder: HASH('req2', SKEY) xor HASH('req3', S)
	provide                   // responder: VC, crypto_provide, len(PadC)
	verification              // initiator: ENCRYPT(VC) behind PadB
	choice                    // initiator: crypto_select, len(PadD)
	padding                   // PadC with len(IA), or PadD
	payload                   // responder: IA
	done
	failed
)

// exchange is what both roles share.
type exchange struct {
	state  state
	need   int32  // the length at which buf is looked at
	buf    []byte // what the state has received
	secret [KeySize]byte
	result Result
	err    *Error
}

// Done reports whether the handshake has succeeded.
func (x *exchange) Done() bool { return x.state == done }

// Result is what was agreed on. It panics unless Done.
func (x *exchange) Result() Result {
	if x.state != done {
		panic("mse: Result of an unfinished handshake")
	}
	return x.result
}

// receive takes what the states need of b, and lets advance look at each that
// is complete.
func (x *exchange) receive(b, out []byte, advance func(out []byte) []byte) (rest, _ []byte, err error) {
	for x.state < done {
		n := min(int(x.need)-len(x.buf), len(b))
		x.buf = append(x.buf, b[:n]...)
		b = b[n:]
		if len(x.buf) < int(x.need) {
			break
		}
		out = advance(out)
	}
	if x.state == failed {
		return b, out, x.err
	}
	return b, out, nil
}

// await goes on to a state that is looked at after need more bytes.
func (x *exchange) await(s state, need int) {
	x.state, x.need, x.buf = s, int32(need), x.buf[:0]
}

func (x *exchange) finish() {
	x.state, x.buf, x.secret = done, nil, [KeySize]byte{}
}

func (x *exchange) fail(clause, text string) {
	x.state, x.buf, x.secret = failed, nil, [KeySize]byte{}
	x.err = &Error{Clause: clause, Text: text}
}

// agree derives S from the received key.
func (x *exchange) agree(private [PrivateSize]byte) (ok bool) {
	if x.secret, ok = sharedSecret(private, x.buf); !ok {
		x.fail("MSE-HS-003", "the public key is degenerate") // MSE-HS-003
	}
	return ok
}

// found looks for mark at the end of what was received, of which there may be
// limit bytes. Until then one more byte is awaited.
func (x *exchange) found(mark []byte, limit int, clause string) bool {
	switch at := len(x.buf) - len(mark); {
	case string(x.buf[at:]) == string(mark):
		return true
	case len(x.buf) >= limit:
		x.fail(clause, "the verification did not arrive within its limit")
	default:
		x.need++
	}
	return false
}

// open deciphers what was received, in our own memory.
func (x *exchange) open() { x.result.Receive.XOR(x.buf, x.buf) }

// seal appends the enciphered plain.
func (x *exchange) seal(out, plain []byte) []byte {
	at := len(out)
	out = append(out, plain...)
	x.result.Send.XOR(out[at:], out[at:])
	return out
}

// settle leaves the payload as the method wants it.
func (x *exchange) settle(m Method) {
	if x.result.Method = m; m == Plaintext { // MSE-HS-014
		x.result.Send, x.result.Receive = Cipher{}, Cipher{}
	}
	x.finish()
}
