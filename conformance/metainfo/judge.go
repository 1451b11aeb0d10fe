package metainfo

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

// judgement is what is wrong with a reading; wrong is empty if nothing is.
type judgement struct {
	wrong, where, got string
	want              []string
}

// judge holds a reading to its vector.
func judge(v vectors.Vector, r reading) judgement {
	outcome := v.Expect.Text("outcome")
	switch {
	case r.verdict == broken:
		return judgement{wrong: "the target neither read nor refused it"}
	case r.verdict == refused && outcome == "accept":
		return judgement{wrong: "what is well-formed was refused", want: []string{"the info-hash"}}
	case r.verdict == refused:
		return judgement{}
	case outcome == "refuse":
		return judgement{wrong: "what must be refused was not", want: []string{"a refusal"}}
	}
	if j := judgeHashes(v, r); j.wrong != "" {
		return j
	}
	if j := judgeSafety(r); j.wrong != "" {
		return j
	}
	return judgeFields(v, r)
}

// judgeHashes holds the info-hashes to those expected. A program may tell one
// of two, and of version 2 alone the first twenty bytes.
func judgeHashes(v vectors.Vector, r reading) judgement {
	want, want2 := hex.EncodeToString(v.Expect.Bytes("info_hash")), hex.EncodeToString(v.Expect.Bytes("info_hash_v2"))
	bad := func(where, got string, want ...string) judgement {
		return judgement{wrong: "the info-hash is another", where: where, got: got, want: want}
	}
	short := want2[:min(40, len(want2))]
	expected := want
	if expected == "" {
		expected = short
	}
	switch {
	case r.hash == "" && r.hash2 == "":
		return judgement{
			wrong: "no info-hash was told, though nothing was refused", want: []string{strings.TrimSpace(want + " " + want2)},
		}
	case v.Expect.Text("outcome") == "one" && r.hash != "" && r.hash2 != "" && r.hash != short:
		return judgement{
			wrong: "both descriptions were read, though they differ", where: "info_hash_v2",
			got: r.hash + " and " + r.hash2, want: []string{"one of both", "a refusal"},
		}
	case r.hash2 != "" && r.hash2 != want2:
		return bad("info_hash_v2", r.hash2, want2)
	case want == "" && r.hash2 != "":
		return judgement{} // what stands beside it is the program's own affair
	case r.hash != "" && r.hash != expected:
		return bad("info_hash", r.hash, expected)
	}
	return judgement{}
}

// judgeSafety wants that no path leads elsewhere and no two files are one.
func judgeSafety(r reading) judgement {
	bad := func(where string, got any, wrong string) judgement {
		return judgement{
			wrong: wrong, where: where, got: fmt.Sprintf("%q", got), want: []string{"a safe path", "a refusal"},
		}
	}
	if name, ok := r.fields["name"].(string); ok && r.fields["files"] != nil && leadsElsewhere(name) {
		return bad("name", name, "the name leads out of the folder of downloads")
	}
	files, _ := r.fields["files"].([]any)
	var paths [][]string
	for i, f := range files {
		file, _ := f.(map[string]any)
		path := texts(file["path"])
		for _, list := range [][]string{path, texts(file["symlink"])} {
			if slices.ContainsFunc(list, leadsElsewhere) {
				return bad(fmt.Sprintf("files[%d]", i), list, "a path leads out of the torrent's folder, or nowhere")
			}
		}
		if pad, _ := file["pad"].(bool); !pad {
			paths = append(paths, path)
		}
	}
	slices.SortStableFunc(paths, slices.Compare)
	for i := 1; i < len(paths); i++ {
		if a, b := paths[i-1], paths[i]; len(a) <= len(b) && slices.Equal(a, b[:len(a)]) {
			return bad("files", b, "two files have one path, or one lies in the other")
		}
	}
	return judgement{}
}

// leadsElsewhere reports whether a path element is none.
func leadsElsewhere(element string) bool {
	return element == "" || element == "." || element == ".." || strings.ContainsAny(element, "/\x00")
}

// judgeFields holds what else was told to what is expected.
func judgeFields(v vectors.Vector, r reading) judgement {
	for _, field := range []string{
		"name", "piece_length", "length", "private", "files", "pads", "executable", "hidden", "links",
		"trackers", "web_seeds", "nodes", "peers", "selected",
	} {
		got, told := r.told(field)
		if !told || !v.Expect.Has(field) {
			continue
		}
		is, want := words(field, got), words(field, v.Expect[field])
		if is != want {
			return judgement{wrong: field + " is another", where: field, got: is, want: []string{want}}
		}
	}
	return judgement{}
}

// lacking lists the fields that were not told.
func lacking(fields []string, r reading) (missing []string) {
	for _, field := range fields {
		_, told := r.told(field)
		switch field {
		case "info_hash":
			told = r.hash != ""
		case "info_hash_v2":
			told = r.hash2 != ""
		}
		if !told {
			missing = append(missing, field)
		}
	}
	return missing
}

// told is a field as vectors have it, and whether it was told. Some are parts
// of files.
func (r reading) told(field string) (value any, ok bool) {
	var pick func(file map[string]any) any // nil leaves a file out
	path := func(file map[string]any) string { return strings.Join(texts(file["path"]), "/") }
	flagged := func(flag string) func(map[string]any) any {
		return func(file map[string]any) any {
			if is, _ := file[flag].(bool); is {
				return path(file)
			}
			return nil
		}
	}
	switch field {
	case "files":
		pick = func(file map[string]any) any {
			if pad, _ := file["pad"].(bool); pad {
				return nil
			}
			return []any{file["path"], file["length"]}
		}
	case "pads":
		pick = flagged("pad")
	case "executable", "hidden":
		pick = flagged(field)
	case "links":
		pick = func(file map[string]any) any {
			if file["symlink"] == nil {
				return nil
			}
			return []any{file["path"], file["symlink"]}
		}
	default:
		value, ok = r.fields[field]
		return value, ok
	}
	files, ok := r.fields["files"].([]any)
	picked := []any{}
	for _, f := range files {
		if file, isFile := f.(map[string]any); isFile && pick(file) != nil {
			picked = append(picked, pick(file))
		}
	}
	if field == "pads" {
		return len(picked), ok
	}
	return picked, ok
}

// words are a value of a vector or of a reply in one form. The order within a
// tier of trackers says nothing.
func words(field string, v any) string {
	if tiers, ok := plain(v).([]any); ok && field == "trackers" {
		for i := range tiers {
			tiers[i] = sorted(tiers[i])
		}
		v = tiers
	}
	text, err := json.Marshal(plain(v))
	if err != nil {
		return fmt.Sprint(v) // no reply holds what has no JSON
	}
	return string(text)
}

// plain writes numbers and byte strings of any type alike.
func plain(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case *big.Int, int, int64:
		return json.Number(fmt.Sprint(v))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'f', -1, 64))
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	default:
		return v
	}
}

func sorted(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b any) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}

// texts are the strings of a JSON list; what is none counts as empty, which no
// path element is.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, item := range list {
		out[i], _ = item.(string)
	}
	return out
}
