package p2pspec_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec/check/purity"
)

// cores lists the packages that promise purity, with what each may import
// beyond the common list of package purity.
func cores() map[string]purity.Policy {
	const module = "github.com/p2pspec/p2pspec/"
	return map[string]purity.Policy{
		"spec": {"math/rand/v2": {"ChaCha8", "NewChaCha8"}},

		"bittorrent": {
			module + "bittorrent/bencode":  nil,
			module + "bittorrent/metainfo": nil,
			module + "bittorrent/wire":     nil,
			"crypto/sha1":                  {"New", "Size", "Sum"},
			"crypto/sha256":                {"Size", "Sum256"},
			"hash/crc32":                   {"Castagnoli", "Checksum", "MakeTable"},
		},
		"bittorrent/bencode": {},
		"bittorrent/metainfo": {
			module + "bittorrent/bencode": nil,
			"crypto/sha1":                 {"New", "Size", "Sum"},
			"crypto/sha256":               {"New", "Size", "Sum256"},
		},
		"bittorrent/mse": {
			"crypto/rc4":  nil,
			"crypto/sha1": {"New", "Size", "Sum"},
			"math/big":    nil,
		},
		"bittorrent/tracker": {
			module + "bittorrent/bencode": nil,
			"crypto/sha1":                 {"New", "Size", "Sum"},
		},
		"bittorrent/wire": {module + "bittorrent/bencode": nil},
		"chord":           {"crypto/sha1": {"New", "Size", "Sum"}},
		"gnutella": {
			module + "gnutella/ggep": nil, module + "gnutella/qrp": nil, module + "gnutella/urn": nil,
			module + "gnutella/wire": nil, "bytes": {"Clone", "Compare", "Equal", "IndexByte"}, "crypto/sha256": {"Sum256"},
			"unicode": {"IsDigit", "IsLetter"},
		},
		"gnutella/election": {},
		"gnutella/ggep": {
			"bytes": {"Buffer", "IndexByte", "NewReader"}, "compress/zlib": {"NewReader", "NewWriter"},
			"io": {"ErrUnexpectedEOF", "LimitReader", "ReadAll"},
		},
		"gnutella/napster": {"crypto/md5": {"Size", "Sum"}},
		"gnutella/qrp": {
			"bytes": {"Buffer", "Clone", "NewReader"}, "compress/zlib": {"NewReader", "NewWriter"},
			"io": {"LimitReader", "ReadAll"}, "unicode": {"IsDigit", "IsLetter", "ToLower"},
		},
		"gnutella/servent": {
			module + "gnutella": nil, module + "gnutella/transfer": nil, module + "gnutella/urn": nil,
			module + "gnutella/wire": nil,
		},
		"gnutella/transfer": {
			module + "gnutella/urn": nil, module + "gnutella/wire": nil,
			"encoding/base32": {"NoPadding", "StdEncoding"},
		},
		"gnutella/urn":     {"crypto/sha1": {"Size", "Sum"}, "encoding/base32": {"NoPadding", "StdEncoding"}},
		"gnutella/wire":    {"bytes": {"Cut", "EqualFold", "HasPrefix", "Index", "IndexByte", "TrimSpace", "TrimSuffix"}},
		"gossip/crdt":      {},
		"gossip/epidemic":  {module + "gossip/crdt": nil},
		"gossip/hyparview": {},
		"gossip/plumtree":  {module + "gossip/hyparview": nil},
		"gossip/wire": {
			"compress/lzw":  nil,
			"crypto/aes":    {"BlockSize", "NewCipher"},
			"crypto/cipher": {"NewGCM", "AEAD"},
			"hash/crc32":    {"ChecksumIEEE"},
			"io":            {"EOF"},
		},
		"gossip/swim": {module + "gossip/wire": nil},
		"kademlia":    {},
		"kademlia/mainline": {
			module + "kademlia":           nil,
			module + "bittorrent/bencode": nil,
			"crypto/ed25519": {
				"NewKeyFromSeed", "PublicKeySize", "SeedSize", "Sign", "SignatureSize", "Verify",
			},
			"crypto/sha1": {"New", "Size", "Sum"},
			"hash/crc32":  {"Castagnoli", "Checksum", "MakeTable"},
		},
	}
}

// TestEveryCoreIsListed wants each folder outside the house's own to be a core.
func TestEveryCoreIsListed(t *testing.T) {
	house := []string{
		".", "spec", "transport", "conformance", "cmd", "experiment", "docs", "fuzz", "interop",
	}
	eachGoFile(t, func(name string) {
		dir := filepath.ToSlash(filepath.Dir(name))
		top, _, _ := strings.Cut(dir, "/")
		if _, listed := cores()[dir]; !listed && !slices.Contains(house, top) {
			t.Errorf("%s: %s is not listed as a core", name, dir)
		}
	})
}

// TestCoresArePure type-checks every core and finds nothing that could make
// two runs differ. Package purity proves that each of its rules bites.
func TestCoresArePure(t *testing.T) {
	checker := purity.NewChecker()
	for dir, policy := range cores() {
		findings, err := checker.Dir(dir, policy)
		if errors.Is(err, fs.ErrNotExist) {
			continue // not built yet
		}
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		for _, f := range findings {
			t.Error(f)
		}
	}
}
