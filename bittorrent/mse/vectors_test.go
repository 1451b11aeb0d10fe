package mse

import (
	"bytes"
	"crypto/rc4"
	"encoding/hex"
	"testing"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

// TestVectors covers MSE-HS-003, MSE-HS-004, MSE-HS-005 and MSE-HS-007.
func TestVectors(t *testing.T) {
	file, err := vectors.Load("mse")
	if err != nil {
		t.Fatal(err)
	}
	equal := func(v vectors.Vector, field string, got []byte) {
		t.Helper()
		if want := v.Expect.Bytes(field); !bytes.Equal(got, want) {
			t.Errorf("%s: %s is %x, want %x", v.Name, field, got, want)
		}
	}
	for _, v := range file.Select("secrets") {
		private, skey := [PrivateSize]byte(v.Input.Bytes("private")), SKEY(v.Input.Bytes("skey"))
		public := PublicKey(private)
		equal(v, "public", public[:])
		secret, ok := sharedSecret(private, v.Input.Bytes("peer_public"))
		if !ok {
			t.Errorf("%s: the key is refused", v.Name)
		}
		equal(v, "secret", secret[:])
		req1, both := hash("req1", secret[:]), torrentHash(secret[:], skey)
		keyA, keyB := hash("keyA", secret[:], skey[:]), hash("keyB", secret[:], skey[:])
		equal(v, "req1", req1[:])
		equal(v, "req2_xor_req3", both[:])
		equal(v, "key_a", keyA[:])
		equal(v, "key_b", keyB[:])
		var vc [vcSize]byte
		_, send := ciphers(secret[:], skey)
		send.XOR(vc[:], vc[:])
		equal(v, "vc_by_b", vc[:])
	}
	for _, v := range file.Select("keystream") {
		// newCipher takes keys of 20 bytes alone; those of RFC 6229 differ.
		stream, err := rc4.NewCipher(v.Input.Bytes("key"))
		if err != nil {
			t.Fatal(err)
		}
		c := dropped(stream)
		out := make([]byte, 16)
		c.XOR(out, out)
		equal(v, "keystream", out)
	}
	for _, v := range file.Select("range") {
		if got := validPublicKey(v.Input.Bytes("peer_public")); got != v.Expect.Bool("valid") {
			t.Errorf("%s: %v", v.Name, got)
		}
	}
}

// The recorded handshakes: both sides had the same private key.
const (
	recordedPrivate = "d0460a0b00564380e0f645f7739c718d5b410cac"
	recordedSKEY    = "2c6b6858d61da9543d4231a71db4b1c9264b0685"
	recordedYb      = "49f828abf9eb41f0f82308ab7e4fae84e99030e0bf4302bfbd888e69cb75345f" +
		"53a565e6b3772f94a10ac6cd155269e6cad461f5b8782dcb356ecc250ba474e5" +
		"7ac91b32e166a02a70b514011d554cb039a0a4a3475d37f3315b86773bd63aa5"
	recordedYa = "b2f93248815c0acac34de1e33ede75e9415bb2847ee6f7db7b9fe6eacb44eeee" +
		"492d9d74909d7d3663fae04d74a889e7efcb02ac9823c35c841c7c2bcce70a89" +
		"1958bdc328b7324c7be4a3ac55276b0dca05f9f66dc2818716ffb1f33d27b9c9"
	recordedHandshake = "13426974546f7272656e742070726f746f636f6c0000000000100005" +
		recordedSKEY + "2d54523330305a2d77346264346d6b65626b6269"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// TestRecordedIncoming plays vector A: PadA has ten blanks, the initial payload
// is the handshake of transmission.
func TestRecordedIncoming(t *testing.T) { // MSE-HS-005 MSE-HS-006 MSE-HS-013
	skey := SKEY(unhex(recordedSKEY))
	a, err := NewInitiator(InitiatorConfig{
		Private: [20]byte(unhex(recordedPrivate)), Pad: bytes.Repeat([]byte{' '}, 10),
		SKEY: skey, Provide: RC4, Initial: unhex(recordedHandshake),
	})
	if err != nil {
		t.Fatal(err)
	}
	first := a.Start(nil)
	if want := append(unhex(recordedYa), "          "...); !bytes.Equal(first, want) {
		t.Fatalf("step 1 is %x", first)
	}
	_, third, err := a.Receive(unhex(recordedYa), nil)
	if err != nil {
		t.Fatal(err)
	}
	hashes := unhex("a76be23201678c457cee31362455ec69766b34d2b9316ebb4e8d5355b244f89fd35f0961e546c2b4")
	if !bytes.HasPrefix(third, hashes) {
		t.Fatalf("step 3 begins with %x", third[:40])
	}
	b, err := NewResponder(ResponderConfig{
		Private: [20]byte(unhex(recordedPrivate)), SKEYs: []SKEY{{1}, skey}, Accept: []Method{RC4},
	})
	if err != nil {
		t.Fatal(err)
	}
	rest, reply, err := b.Receive(append(append(first, third...), "rest"...), nil)
	if err != nil || !b.Done() || string(rest) != "rest" {
		t.Fatalf("done %v, rest %q, %v", b.Done(), rest, err)
	}
	if r := b.Result(); r.SKEY != skey || r.Method != RC4 || !bytes.Equal(r.Payload, unhex(recordedHandshake)) {
		t.Errorf("%x %v %q", r.SKEY, r.Method, r.Payload)
	}
	if want := append(unhex(recordedYa), unhex("bed11ca92d44f877")...); !bytes.HasPrefix(reply, want) {
		t.Errorf("the reply is %x", reply)
	}
}

// TestRecordedOutgoing plays vector B: VC after 130 bytes of PadB, and 265 of
// PadD.
func TestRecordedOutgoing(t *testing.T) { // MSE-HS-010
	skey := SKEY(unhex(recordedSKEY))
	h, err := NewInitiator(InitiatorConfig{Private: [20]byte(unhex(recordedPrivate)), SKEY: skey, Provide: RC4})
	if err != nil {
		t.Fatal(err)
	}
	yb := unhex(recordedYb)
	_, out, err := h.Receive(append(yb, bytes.Repeat([]byte{7}, 130)...), nil)
	if err != nil || !bytes.HasPrefix(out, unhex("99ba59141c1d8b8535b2756f6e8377b0c1293665ac747f45")) {
		t.Fatalf("%x, %v", out, err)
	}
	secret, _ := sharedSecret([20]byte(unhex(recordedPrivate)), yb)
	_, send := ciphers(secret[:], skey)
	reply := append(make([]byte, vcSize), 0, 0, 0, 2, 1, 9)
	reply = append(reply, make([]byte, 265)...)
	send.XOR(reply, reply)
	if !bytes.HasPrefix(reply, unhex("5adb75923443f143")) {
		t.Fatalf("VC is %x", reply[:8])
	}
	rest, _, err := h.Receive(append(reply, 1, 2, 3), nil)
	if err != nil || !h.Done() || h.Result().Method != RC4 || !bytes.Equal(rest, []byte{1, 2, 3}) {
		t.Fatalf("rest %x, %v", rest, err)
	}
	got := h.Result().Receive
	var a, b [32]byte
	got.XOR(a[:], a[:])
	send.XOR(b[:], b[:])
	if a != b {
		t.Error("the ciphers of the payload differ")
	}
}
