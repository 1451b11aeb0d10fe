package metainfo

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	core "github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// misreading are readers that tell something wrong of what they read.
func misreading() []Mutant {
	return []Mutant{
		{"hash-of-a-re-encoding", "unsorted and unclean torrents are read, and written again for the info-hash",
			Reader{Torrent: readReencoding}},
		changes("unknown-keys-dropped", "keys that it does not know are no part of the info-hash", dropUnknown),
		changes("first-4-info-hashed", "the file is searched for 4:info",
			func(b []byte, _ *core.Torrent, reply map[string]any) {
				_, rest, _ := bytes.Cut(b, []byte("4:info"))
				if reply["info_hash"] != nil {
					reply["info_hash"] = sum1(loosely(rest).raw)
				}
			}),
		changes("hash-of-the-file", "the info-hash is of the whole file",
			func(b []byte, _ *core.Torrent, reply map[string]any) {
				if reply["info_hash"] != nil {
					reply["info_hash"] = sum1(b)
				}
			}),
		changes("v2-by-sha1", "the info-hash of version 2 is a SHA-1",
			func(_ []byte, t *core.Torrent, reply map[string]any) {
				if !t.Info.HasV1 {
					delete(reply, "info_hash_v2")
					reply["info_hash"] = sum1(t.Info.Raw())
				}
			}),
		changes("v2-hash-cut-and-filled", "the info-hash of version 2 is kept in twenty bytes",
			func(_ []byte, _ *core.Torrent, reply map[string]any) {
				if h, ok := reply["info_hash_v2"].(string); ok {
					reply["info_hash_v2"] = h[:40] + strings.Repeat("0", 24)
				}
			}),
		changes("announce-joins-the-tiers", "announce is a tier before those of announce-list",
			func(_ []byte, t *core.Torrent, reply map[string]any) {
				if t.Announce != "" {
					reply["trackers"] = append([]any{[]any{t.Announce}}, tiersOf(t.AnnounceList)...)
				}
			}),
		changes("tiers-flattened", "each tracker is a tier", func(_ []byte, t *core.Torrent, reply map[string]any) {
			flat := []any{}
			for _, tier := range t.Trackers() {
				for _, url := range tier {
					flat = append(flat, []any{url})
				}
			}
			reply["trackers"] = flat
		}),
		changes("empty-announce-list-counts", "announce-list replaces announce even if it is empty",
			func(b []byte, t *core.Torrent, reply map[string]any) {
				if bytes.Contains(b, []byte("13:announce-list")) {
					reply["trackers"] = tiersOf(t.AnnounceList)
				}
			}),
		changes("web-seeds-as-lists-alone", "url-list is read if it is a list",
			func(b []byte, _ *core.Torrent, reply map[string]any) {
				if !bytes.Contains(b, []byte("8:url-listl")) {
					reply["web_seeds"] = []any{}
				}
			}),
		changes("empty-web-seed-kept", "an empty url-list is a web seed",
			func(b []byte, _ *core.Torrent, reply map[string]any) {
				if bytes.Contains(b, []byte("8:url-list0:")) {
					reply["web_seeds"] = []any{""}
				}
			}),
		changes("private-by-presence", "the flag counts whatever its value",
			func(_ []byte, t *core.Torrent, reply map[string]any) {
				reply["private"] = bytes.Contains(t.Info.Raw(), []byte("7:private"))
			}),
		changes("private-anywhere", "the flag counts outside of info too",
			func(b []byte, _ *core.Torrent, reply map[string]any) {
				reply["private"] = bytes.Contains(b, []byte("7:privatei1e"))
			}),
		changes("attributes-compared-whole", "an attribute counts if it is the only one",
			func(b []byte, _ *core.Torrent, reply map[string]any) {
				for _, f := range reply["files"].([]any) {
					file := f.(map[string]any)
					file["executable"] = file["executable"] == true && bytes.Contains(b, []byte("4:attr1:x"))
					file["hidden"] = file["hidden"] == true && bytes.Contains(b, []byte("4:attr1:h"))
					file["pad"] = file["pad"] == true && !bytes.Contains(b, []byte("zpq"))
				}
			}),
		changes("padding-is-content", "padding files are files", func(_ []byte, _ *core.Torrent, reply map[string]any) {
			for i, f := range reply["files"].([]any) {
				if file := f.(map[string]any); file["pad"] == true {
					file["pad"], file["path"] = false, []any{"padding", strings.Repeat("x", i)}
				}
			}
		}),
		changes("links-are-files", "the target of a link is not told",
			func(_ []byte, _ *core.Torrent, reply map[string]any) {
				for _, f := range reply["files"].([]any) {
					delete(f.(map[string]any), "symlink")
				}
			}),
		changes("escapes-in-paths-undone", "percent signs in paths are taken for escapes",
			func(_ []byte, _ *core.Torrent, reply map[string]any) {
				undo := strings.NewReplacer("%2e", ".", "%2F", "/")
				for _, f := range reply["files"].([]any) {
					path, _ := f.(map[string]any)["path"].([]any)
					for i := range path {
						path[i] = undo.Replace(path[i].(string))
					}
				}
			}),
	}
}

func tiersOf(tiers [][]string) []any {
	out := []any{}
	for _, tier := range tiers {
		urls := []any{}
		for _, url := range tier {
			urls = append(urls, url)
		}
		out = append(out, urls)
	}
	return out
}

// readReencoding reads leniently, and hashes what it would write itself.
func readReencoding(b []byte) (map[string]any, error) {
	t, err := core.Parse(b, core.Options{Lenient: true})
	if err != nil {
		return nil, err
	}
	if strict, err := ReadTorrent(b); err != nil && !strings.Contains(err.Error(), "BEP03-BENC-0") {
		return strict, err
	}
	v, err := bencode.Parse(t.Info.Raw(), bencode.Options{Lenient: true})
	if err != nil {
		return nil, err
	}
	reply, again := describe(t), bencode.MustAppend(nil, v.Any())
	if t.Info.HasV1 {
		reply["info_hash"] = sum1(again)
	}
	if t.Info.HasV2 {
		reply["info_hash_v2"] = sum2(again)
	}
	return reply, nil
}

// dropUnknown hashes the keys of version 1 alone, in info and in its files.
func dropUnknown(_ []byte, t *core.Torrent, reply map[string]any) {
	if t.Info.HasV2 {
		return
	}
	v, err := bencode.Parse(t.Info.Raw(), bencode.Options{})
	if err != nil {
		return
	}
	keep := func(d map[string]any, keys ...string) map[string]any {
		kept := map[string]any{}
		for _, key := range keys {
			if value, ok := d[key]; ok {
				kept[key] = value
			}
		}
		return kept
	}
	info := keep(v.Any().(map[string]any), "attr", "files", "length", "name", "piece length", "pieces", "private")
	if files, ok := info["files"].([]any); ok {
		for i := range files {
			files[i] = keep(files[i].(map[string]any), "attr", "length", "path", "symlink path")
		}
	}
	hash := sha1.Sum(bencode.MustAppend(nil, info))
	reply["info_hash"] = hex.EncodeToString(hash[:])
}

// fussy are readers that refuse what is well-formed, or harmless.
func fussy() []Mutant {
	anyFile := func(is func(core.File) bool) func([]byte, *core.Torrent) bool {
		return func(_ []byte, t *core.Torrent) bool {
			for _, f := range t.Info.Files {
				if is(f) {
					return true
				}
			}
			return false
		}
	}
	has := func(text string) func([]byte, *core.Torrent) bool {
		return func(b []byte, _ *core.Torrent) bool { return bytes.Contains(b, []byte(text)) }
	}
	return []Mutant{
		refuses("empty-files-refused", "a file must have content", anyFile(func(f core.File) bool {
			return f.Length == 0 && f.Symlink == nil
		})),
		refuses("dots-in-names-refused", "a name must not contain two dots", anyFile(func(f core.File) bool {
			return strings.Contains(strings.Join(f.Path, "/"), "..")
		})),
		refuses("announce-required", "a torrent must have a tracker", func(_ []byte, t *core.Torrent) bool {
			return t.Announce == ""
		}),
		refuses("pad-paths-required", "padding files must have a path", anyFile(func(f core.File) bool {
			return f.Pad && len(f.Path) == 0
		})),
		refuses("pad-paths-must-differ", "two padding files must not have one path", repeatsPads),
		refuses("links-refused", "there are no symbolic links",
			anyFile(func(f core.File) bool { return f.Symlink != nil })),
		refuses("large-integers-refused", "integers are converted even if nobody uses them",
			func(b []byte, _ *core.Torrent) bool {
				return bytes.Contains(b, []byte("1:xi"))
			}),
		refuses("unknown-keys-refused", "keys that it does not know are refused", has("x_extra")),
		refuses("layers-for-every-file", "piece layers must have as many entries as files of several pieces", sharesRoots),
		refuses("longer-pieces-refused", "version 2 has pieces of one block", func(_ []byte, t *core.Torrent) bool {
			return t.Info.HasV2 && t.Info.PieceLength > core.BlockSize
		}),
		refuses("layers-of-512-hashes-at-most", "a layer fits in one answer", func(_ []byte, t *core.Torrent) bool {
			return t.Info.HasV2 && t.Info.Pieces() > 512
		}),
		refuses("padding-must-end-a-hybrid", "the last file of a hybrid must be padded",
			func(_ []byte, t *core.Torrent) bool {
				return t.Info.HasV1 && t.Info.HasV2 && t.Info.Folder && !t.Info.Files[len(t.Info.Files)-1].Pad
			}),
		refuses("padding-must-not-end-a-hybrid", "the last file of a hybrid must not be padded",
			func(_ []byte, t *core.Torrent) bool {
				return t.Info.HasV1 && t.Info.HasV2 && t.Info.Files[len(t.Info.Files)-1].Pad
			}),
		{"version-2-beside-version-1-refused", "it does not know hybrids",
			Reader{Torrent: func(b []byte) (map[string]any, error) {
				reply, err := ReadTorrent(b)
				if reply["info_hash"] != nil && reply["info_hash_v2"] != nil {
					err = errors.New("two versions")
				}
				return reply, err
			}}},
	}
}

func repeatsPads(_ []byte, t *core.Torrent) bool {
	seen := map[string]bool{}
	for _, f := range t.Info.Files {
		path := strings.Join(f.Path, "/")
		if f.Pad && seen[path] {
			return true
		}
		seen[path] = true
	}
	return false
}

func sharesRoots(_ []byte, t *core.Torrent) bool {
	seen := map[[32]byte]bool{}
	for _, f := range t.Info.Files {
		if seen[f.PiecesRoot] {
			return true
		}
		seen[f.PiecesRoot] = f.PiecesRoot != [32]byte{}
	}
	return false
}

// crashing are readers that some input ends.
func crashing() []Mutant {
	return []Mutant{
		crashes("deep-nesting-overflows-the-stack", "it recurses without a limit", func(b []byte) bool {
			return bytes.Contains(b, []byte("llllllllllllllll"))
		}),
		crashes("claimed-lengths-allocated", "it allocates what a string claims to have", func(b []byte) bool {
			return bytes.HasPrefix(b, []byte("d8:announce9")) || bytes.HasPrefix(b, []byte("d8:announce4")) ||
				bytes.HasPrefix(b, []byte("d8:announce1"))
		}),
		crashes("types-taken-for-granted", "values beside info are used without a look at their type", func(b []byte) bool {
			_, err := ReadTorrent(b)
			return err != nil && (strings.Contains(err.Error(), ": announce") || strings.Contains(err.Error(), ": comment") ||
				strings.Contains(err.Error(), ": creation") || strings.Contains(err.Error(), ": nodes") ||
				strings.Contains(err.Error(), ": url-list"))
		}),
		crashes("other-text-than-utf-8-crashes", "the decoder of text throws", func(b []byte) bool {
			t, err := core.Parse(b, core.Options{})
			return err == nil && !utf8.ValidString(t.Info.Name+strings.Join(t.Info.Files[len(t.Info.Files)-1].Path, ""))
		}),
		crashes("bytes-behind-crash", "it looks at what follows the torrent", func(b []byte) bool {
			_, err := ReadTorrent(b)
			return err != nil && strings.Contains(err.Error(), "bytes follow")
		}),
		crashes("unsorted-keys-crash", "it searches dictionaries by halves", func(b []byte) bool {
			_, err := ReadTorrent(b)
			return err != nil && strings.Contains(err.Error(), "out of order")
		}),
	}
}
