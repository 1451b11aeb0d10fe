package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const (
	versionPadded = 0 // the message is padded to whole blocks (GO-WF-13)
	versionPlain  = 1
	versionMax    = versionPlain

	nonceLen = 12
	tagLen   = 16
	sealLen  = 1 + nonceLen // what precedes the ciphertext
)

// AppendEncrypted appends a message as version and key seal it, bound to context:
// the label in a packet, [AppendStreamHead] and the label on a stream. GO-WF-13
func AppendEncrypted(b, message []byte, version uint8, key []byte, nonce Nonce, context []byte) ([]byte, error) {
	start := len(b)
	whole := append(append(append(b, version), nonce[:]...), message...)
	whole, f := seal(whole, start, version, key, context)
	if f != nil {
		return b, f
	}
	return whole, nil
}

// seal encrypts in place what follows the version and the nonce, which are at
// b[start:].
func seal(b []byte, start int, version uint8, key, context []byte) ([]byte, *Fault) {
	if version > versionMax {
		return nil, newFault("GO-WF-13", "encryption", 0, "a version that is not known")
	}
	gcm, f := newGCM(key)
	if f != nil {
		return nil, f
	}
	text := start + sealLen
	if version == versionPadded {
		n := aes.BlockSize - (len(b)-text)%aes.BlockSize
		for range n {
			b = append(b, byte(n))
		}
	}
	return gcm.Seal(b[:text], b[start+1:text], b[text:], context), nil
}

// sealedLen is how long a message gets by encryption.
func sealedLen(version uint8, n int) int {
	if version == versionPadded {
		n += aes.BlockSize - n%aes.BlockSize
	}
	return sealLen + n + tagLen
}

func newGCM(key []byte) (cipher.AEAD, *Fault) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, newFault("GO-WF-13", "encryption", 0, "a key of neither 16, 24 nor 32 bytes")
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, newFault("GO-WF-13", "encryption", 0, err.Error())
	}
	return gcm, nil
}

// Decrypt opens a sealed message with the first key that fits. GO-WF-13
func Decrypt(b []byte, keys [][]byte, context []byte) ([]byte, error) {
	message, f := decrypt(b, keys, context)
	if f != nil {
		return nil, f
	}
	return message, nil
}

func decrypt(b []byte, keys [][]byte, context []byte) ([]byte, *Fault) {
	switch {
	case len(b) == 0:
		return nil, newFault("GO-WF-13", "encryption", 0, "empty")
	case b[0] > versionMax:
		return nil, newFault("GO-WF-13", "encryption", 0, "a version that is not known")
	case len(b) < sealedLen(b[0], 0):
		return nil, newFault("GO-WF-13", "encryption", len(b), "truncated")
	}
	for _, key := range keys {
		gcm, f := newGCM(key)
		if f != nil {
			return nil, f
		}
		text, err := gcm.Open(nil, b[1:sealLen], b[sealLen:], context)
		if err != nil {
			continue
		}
		if b[0] == versionPadded {
			return unpad(text)
		}
		return text, nil
	}
	return nil, newFault("GO-WF-13", "encryption", 0, "no key opens it")
}

// unpad takes the padding off. Since nothing covers the version, any text may come
// here. GO-WF-20
func unpad(text []byte) ([]byte, *Fault) {
	n := 0
	if len(text) > 0 {
		n = int(text[len(text)-1])
	}
	if n == 0 || n > aes.BlockSize || n > len(text) {
		return nil, newFault("GO-WF-20", "encryption", len(text), "its padding is wrong")
	}
	return text[:len(text)-n], nil
}

// AppendStreamHead appends what precedes a sealed message of that many bytes on a
// stream. GO-WF-14
func AppendStreamHead(b []byte, sealed int) []byte {
	return binary.BigEndian.AppendUint32(append(b, byte(TypeEncrypt)), uint32(sealed))
}
