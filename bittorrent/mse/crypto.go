package mse

import (
	"crypto/sha1"
	"math/big"
)

const (
	hashSize = sha1.Size
	vcSize   = 8 // of the verification constant, all zero
)

// prime returns P, a safe prime of 768 bits (MSE §DH Parameters).
func prime() *big.Int {
	p, _ := new(big.Int).SetString("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"+
		"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"+
		"4fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563", 16)
	return p
}

// PublicKey is G^X mod P in 96 bytes.
func PublicKey(private [PrivateSize]byte) (y [KeySize]byte) { // MSE-HS-004
	const generator = 2
	x := new(big.Int).SetBytes(private[:])
	x.Exp(big.NewInt(generator), x, prime()).FillBytes(y[:])
	return y
}

// sharedSecret is S = Y^X mod P in 96 bytes; ok is false when Y is 0, 1, P-1
// or no residue of P, which would let anybody know S.
func sharedSecret(private [PrivateSize]byte, public []byte) (s [KeySize]byte, ok bool) { // MSE-HS-004
	if !validPublicKey(public) {
		return s, false
	}
	y, x := new(big.Int).SetBytes(public), new(big.Int).SetBytes(private[:])
	x.Exp(y, x, prime()).FillBytes(s[:])
	return s, true
}

func validPublicKey(public []byte) bool { // MSE-HS-003
	one := big.NewInt(1)
	y, last := new(big.Int).SetBytes(public), prime()
	last.Sub(last, one)
	return y.Cmp(one) > 0 && y.Cmp(last) < 0
}

// hash is HASH(label, parts…) of the text.
func hash(label string, parts ...[]byte) (sum [hashSize]byte) {
	h := sha1.New()
	h.Write([]byte(label))
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// torrentHash is HASH('req2', SKEY) xor HASH('req3', S).
func torrentHash(secret []byte, skey SKEY) [hashSize]byte { // MSE-HS-005
	sum, mask := hash("req2", skey[:]), hash("req3", secret)
	for i := range sum {
		sum[i] ^= mask[i]
	}
	return sum
}

// ciphers are the streams from A to B and from B to A.
func ciphers(secret []byte, skey SKEY) (aToB, bToA Cipher) { // MSE-HS-007
	return newCipher(hash("keyA", secret, skey[:])), newCipher(hash("keyB", secret, skey[:]))
}
