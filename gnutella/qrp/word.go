package qrp

import (
	"unicode"
	"unicode/utf8"
)

// MinWord is how many letters a word needs to get into a table (GN-UQ-16).
const MinWord = 3

// maxCut is how many letters may be missing at the end of a word that is asked
// for: its prefixes are in the table too.
const maxCut = 3

// Key is the hash of a word before it is cut to a table's size: the product of
// which a table of 2^b slots takes the highest b bits.
type Key uint32

// hashFactor is A of the document: the golden ratio's first 32 bits, halved.
const hashFactor = 0x4F1BBCDC

// KeyOf hashes a word as it is, but for the case of its ASCII letters: a URN is
// hashed whole.
//
// GN-UQ-14 (Query Routing v1.0 §Hashing).
func KeyOf(word string) Key {
	var n uint32
	for i := range len(word) {
		c := word[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		n ^= uint32(c) << (8 * (i & 3))
	}
	return Key(n * hashFactor)
}

// Slot is where the word is in a table of 2^bits slots.
func (k Key) Slot(bits int) uint32 { return uint32(uint64(k) >> (32 - bits)) }

// Keys appends the keys of the words in a query. Short words are left out: no
// table can tell of them.
func Keys(dst []Key, text string) []Key {
	eachWord(text, func(word []byte) { dst = append(dst, KeyOf(string(word))) })
	return dst
}

// maxWord bounds what is looked at of one word: what is longer is cut, in names
// and queries alike.
const maxWord = 64

// eachWord calls f with each run of letters and digits in the text that is long
// enough, in lower case and without accents. The word is good until f returns.
func eachWord(text string, f func(word []byte)) {
	var buf [maxWord + utf8.UTFMax]byte
	word, letters := buf[:0], 0
	end := func() {
		if letters >= MinWord {
			f(word)
		}
		word, letters = buf[:0], 0
	}
	for _, r := range text {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) || r == utf8.RuneError:
			end()
		case len(word) < maxWord:
			word = utf8.AppendRune(word, plain(unicode.ToLower(r)))
			letters++
		}
	}
	end()
}

// plain takes the accent off a small letter of Latin-1.
func plain(r rune) rune {
	switch {
	case r < 'à' || r > 'ÿ':
		return r
	case r <= 'å':
		return 'a'
	case r == 'ç':
		return 'c'
	case 'è' <= r && r <= 'ë':
		return 'e'
	case 'ì' <= r && r <= 'ï':
		return 'i'
	case r == 'ñ':
		return 'n'
	case 'ò' <= r && r <= 'ö', r == 'ø':
		return 'o'
	case 'ù' <= r && r <= 'ü':
		return 'u'
	case r == 'ý', r == 'ÿ':
		return 'y'
	}
	return r
}
