package metainfo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// The verbs of the adapter protocol that the suite uses.
const (
	verbParse = "parse"
	verbMake  = "make_torrent"
)

// CodeRefused is the adapter protocol's error of a torrent or link that is
// refused.
const CodeRefused = 21

// verdict is how one vector was answered.
type verdict int

const (
	read    verdict = iota // with an info-hash, or so it says
	refused                // cleanly
	broken                 // by a crash, a hang or nonsense
)

// reading is what a target said of one vector.
type reading struct {
	verdict verdict
	why     string         // of a refusal, or what broke
	hash    string         // version 1, in lower-case hexadecimal; "" if not told
	hash2   string         // version 2
	fields  map[string]any // whatever else an adapter told
}

func (r reading) String() string {
	switch {
	case r.verdict == refused:
		return "refused: " + r.why
	case r.verdict == broken:
		return r.why
	case r.hash+r.hash2 == "":
		return "neither an info-hash nor an error"
	default:
		return "read, with the info-hash " + strings.TrimSpace(r.hash+" "+r.hash2)
	}
}

// arguments ask for a vector to be read.
func arguments(v vectors.Vector) map[string]any {
	if v.Input.Has("uri") {
		return map[string]any{"magnet": v.Input.Text("uri")}
	}
	return map[string]any{"torrent": hex.EncodeToString(v.Input.Bytes("torrent"))}
}

// understand turns the outcome of a command into a reading.
func understand(reply map[string]any, err error) reading {
	var told *conformance.AdapterError
	switch {
	case errors.As(err, &told) && told.Code == CodeRefused:
		return reading{verdict: refused, why: told.Text}
	case err != nil:
		return reading{verdict: broken, why: err.Error()}
	}
	if _, isProgram := reply["exit"]; isProgram {
		return understandProgram(reply)
	}
	r := reading{fields: reply}
	r.hash, _ = reply["info_hash"].(string)
	r.hash2, _ = reply["info_hash_v2"].(string)
	r.hash, r.hash2 = strings.ToLower(r.hash), strings.ToLower(r.hash2)
	return r
}

// understandProgram reads what a program printed: the first word of forty
// hexadecimal digits and the first of sixty-four, which may have the tag of a
// multihash before them.
func understandProgram(reply map[string]any) reading {
	exit, _ := reply["exit"].(int)
	output, _ := reply["output"].(string)
	words, _ := reply["errors"].(string)
	if why := crash(exit, words); why != "" {
		return reading{verdict: broken, why: why}
	}
	if exit != 0 {
		return reading{verdict: refused, why: fmt.Sprintf("exit %d %.200q", exit, words)}
	}
	var r reading
	for _, word := range regexp.MustCompile(`[0-9A-Za-z]+`).FindAllString(output, -1) {
		word = strings.ToLower(word)
		if len(word) == 68 {
			word = strings.TrimPrefix(word, "1220")
		}
		if strings.Trim(word, "0123456789abcdef") != "" {
			continue
		}
		if len(word) == 40 && r.hash == "" {
			r.hash = word
		}
		if len(word) == 64 && r.hash2 == "" {
			r.hash2 = word
		}
	}
	return r
}

// crash says how a program crashed, if it did: ended by a signal, which shells
// tell by a status over 128, or with the last words of a runtime. A crash is
// never a refusal.
func crash(exit int, words string) string {
	const signals = 31
	switch {
	case exit < 0:
		return "it was ended by a signal"
	case exit > 128 && exit <= 128+signals:
		return fmt.Sprintf("it was ended by signal %d", exit-128)
	}
	for _, w := range []string{"panic: ", "fatal error: ", "thread 'main'", "AddressSanitizer"} {
		if strings.Contains(words, w) {
			return fmt.Sprintf("it crashed: %.200q", words)
		}
	}
	return ""
}
