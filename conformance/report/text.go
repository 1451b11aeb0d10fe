package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// clean spells out what must not reach a terminal or a file of another syntax:
// control and format characters and bytes that are not UTF-8. Line breaks and
// tabs stay.
func clean(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t' || strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += n
	}
	return b.String()
}

// line is clean on a single line.
func line(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// row is line with the blanks that hold columns apart.
func row(s string) string {
	return strings.TrimRight(strings.NewReplacer("\n", " ", "\t", " ").Replace(clean(s)), " ")
}

// clip shortens s to at most n runes.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// compact is v as JSON on one line; "" for nil.
func compact(v any) string {
	if v == nil {
		return ""
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "cannot be shown: " + err.Error()
	}
	return line(b.String())
}

// Strings of a message as the console shows them: a node id in full would push
// the transaction id out of the line.
const (
	briefText   = 32 // runes
	briefDigits = 18 // with the 0x: eight bytes
)

// brief is a decoded message with long strings cut in the middle.
func brief(v any) any {
	switch v := v.(type) {
	case string:
		limit := briefText
		if strings.HasPrefix(v, "0x") {
			limit = briefDigits
		}
		if runes := []rune(v); len(runes) > limit {
			return string(runes[:limit/2-1]) + "…" + string(runes[len(runes)-limit/8:])
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = brief(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = brief(e)
		}
		return out
	default:
		return v
	}
}

// span is a duration for people.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < 10*time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// count is a number with its noun: "1 case", "2 cases".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
