package metainfo

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	core "github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// Mutant is a reader that is wrong in one way on purpose.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence
	Reader
}

// Mutants are all of them.
func Mutants() []Mutant {
	return slices.Concat(
		forgiving(), misreading(), fussy(), crashing(), misreadingLinks(), fussyLinks(), misreadingMakers(),
	)
}

// forgives is a reader that naively reads what the reference refuses with the
// given words in its error.
func forgives(name, what string, words ...string) Mutant {
	return Mutant{name, what, Reader{Torrent: func(b []byte) (map[string]any, error) {
		reply, err := ReadTorrent(b)
		if err != nil && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(err.Error(), w) }) {
			if naive, ok := readNaively(b); ok {
				return naive, nil
			}
		}
		return reply, err
	}}}
}

// changes is a reader that changes what the reference says of a torrent.
func changes(name, what string, change func(b []byte, t *core.Torrent, reply map[string]any)) Mutant {
	return Mutant{name, what, Reader{Torrent: func(b []byte) (map[string]any, error) {
		t, err := core.Parse(b, core.Options{})
		if err != nil {
			return nil, err
		}
		reply := asJSON(describe(t))
		change(b, t, reply)
		return reply, nil
	}}}
}

// refuses is a reader that refuses what it does not like of a good torrent.
func refuses(name, what string, dislikes func(b []byte, t *core.Torrent) bool) Mutant {
	return Mutant{name, what, Reader{Torrent: func(b []byte) (map[string]any, error) {
		t, err := core.Parse(b, core.Options{})
		if err == nil && dislikes(b, t) {
			err = errors.New("not to my liking")
		}
		if err != nil {
			return nil, err
		}
		return describe(t), nil
	}}}
}

// errCrash ends a reader as a crash does.
var errCrash = errors.New("the target ended: signal: segmentation fault")

// crashes is a reader that ends on some input.
func crashes(name, what string, on func(b []byte) bool) Mutant {
	return Mutant{name, what, Reader{Torrent: func(b []byte) (map[string]any, error) {
		if on(b) {
			return nil, errCrash
		}
		return ReadTorrent(b)
	}}}
}

// readNaively reads without checking anything. ok is false if there is no info
// to be found.
func readNaively(b []byte) (reply map[string]any, ok bool) {
	top := loosely(b)
	info, ok := top.get("info")
	if !ok {
		return nil, false
	}
	reply = map[string]any{"private": false}
	_, isV2 := info.get("meta version")
	if _, hasPieces := info.get("pieces"); hasPieces || !isV2 {
		reply["info_hash"] = sum1(info.raw)
	}
	if isV2 {
		reply["info_hash_v2"] = sum2(info.raw)
	}
	name, _ := info.get("name")
	reply["name"] = name.text()
	files := []any{}
	if list, ok := info.get("files"); ok {
		for _, entry := range list.items {
			files = append(files, naiveFile(entry))
		}
	} else if tree, ok := info.get("file tree"); ok {
		files = naiveTree(tree, nil)
	} else {
		files = append(files, map[string]any{"path": []any{name.text()}})
	}
	reply["files"] = files
	return asJSON(reply), true
}

func naiveFile(entry loose) map[string]any {
	path, _ := entry.get("path")
	file := map[string]any{"path": path.texts()}
	if target, ok := entry.get("symlink path"); ok {
		file["symlink"] = target.texts()
	}
	attr, _ := entry.get("attr")
	file["pad"] = strings.Contains(attr.text(), "p")
	return file
}

func naiveTree(tree loose, path []string) (files []any) {
	for i, entry := range tree.items {
		if i%2 == 0 {
			continue
		}
		here := append(slices.Clone(path), tree.items[i-1].text())
		if _, ok := entry.get(""); ok || len(entry.items) == 0 {
			files = append(files, map[string]any{"path": here})
		} else {
			files = append(files, naiveTree(entry, here)...)
		}
	}
	return files
}

func sum1(b []byte) string {
	hash := sha1.Sum(b)
	return hex.EncodeToString(hash[:])
}

func sum2(b []byte) string {
	hash := sha256.Sum256(b)
	return hex.EncodeToString(hash[:])
}
