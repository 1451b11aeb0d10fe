package vectors

import (
	"bytes"
	"crypto/rc4"
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// prime is P of the key exchange; the generator is 2.
const prime = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74" +
	"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437" +
	"4fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563"

// keystream returns n bytes of the RC4 key stream after the first 1024.
func keystream(t *testing.T, key []byte, n int) []byte {
	t.Helper()
	c, err := rc4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	stream := make([]byte, 1024+n)
	c.XORKeyStream(stream, stream)
	return stream[1024:]
}

func TestStreamEncryption(t *testing.T) {
	f := load(t, "mse")
	p, _ := new(big.Int).SetString(prime, 16)
	if !strings.Contains(f.About, prime) {
		t.Error("the file names another prime")
	}
	for _, v := range f.Select("secrets") {
		hash := func(label string, parts ...[]byte) []byte {
			sum := sha1.Sum(slices.Concat([]byte(label), bytes.Join(parts, nil)))
			return sum[:]
		}
		x := new(big.Int).SetBytes(v.Input.Bytes("private"))
		peer := new(big.Int).SetBytes(v.Input.Bytes("peer_public"))
		skey := v.Input.Bytes("skey")
		secret := new(big.Int).Exp(peer, x, p).FillBytes(make([]byte, 96))
		equal(t, v, "public", new(big.Int).Exp(big.NewInt(2), x, p).FillBytes(make([]byte, 96)))
		equal(t, v, "secret", secret)
		equal(t, v, "req1", hash("req1", secret))
		both := hash("req2", skey)
		for i, b := range hash("req3", secret) {
			both[i] ^= b
		}
		equal(t, v, "req2_xor_req3", both)
		equal(t, v, "key_a", hash("keyA", secret, skey))
		equal(t, v, "key_b", hash("keyB", secret, skey))
		equal(t, v, "vc_by_b", keystream(t, hash("keyB", secret, skey), 8))
	}
	for _, v := range f.Select("keystream") {
		equal(t, v, "keystream", keystream(t, v.Input.Bytes("key"), 16))
	}
	for _, v := range f.Select("range") {
		y := new(big.Int).SetBytes(v.Input.Bytes("peer_public"))
		valid := y.Cmp(big.NewInt(1)) > 0 && y.Cmp(new(big.Int).Sub(p, big.NewInt(1))) < 0
		if valid != v.Expect.Bool("valid") {
			t.Errorf("%s: valid is %v", v.Name, valid)
		}
	}
}

// TestMagnetHashes decodes the hash behind the URN; the rest of a link needs a
// parser.
func TestMagnetHashes(t *testing.T) {
	for _, v := range load(t, "magnet").Vectors {
		uri := strings.NewReplacer("%3A", ":", "%64", "d").Replace(v.Input.Text("uri"))
		for field, prefix := range map[string]string{
			"info_hash": "urn:btih:", "info_hash_v2": "urn:btmh:1220",
		} {
			if !v.Expect.Has(field) {
				continue
			}
			_, text, _ := strings.Cut(uri, prefix)
			text, _, _ = strings.Cut(text, "&")
			got, err := hex.DecodeString(text)
			if len(text) == 32 {
				got, err = base32.StdEncoding.DecodeString(strings.ToUpper(text))
			}
			if err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			equal(t, v, field, got)
		}
	}
}
