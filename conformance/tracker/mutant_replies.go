package tracker

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// replyMutants get the answer to an announce wrong.
func replyMutants() []Mutant {
	reply := func(name, what string, f func(q tracker.Query, f form, body Dict)) Mutant {
		return Mutant{Name: name, What: what, bend: onReply(f)}
	}
	written := func(name, what string, f func(r *tracker.Respond)) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.write = func(_ tracker.Query, r *tracker.Respond) { f(r) }
		}}
	}
	return []Mutant{
		reply("no-interval", "leaves interval out", func(_ tracker.Query, _ form, body Dict) { delete(body, "interval") }),
		reply("no-peers-when-alone", "leaves peers out when there are none", func(_ tracker.Query, _ form, body Dict) {
			if body["peers"] == "" {
				delete(body, "peers")
			}
		}),
		reply("interval-in-milliseconds", "counts the interval in milliseconds",
			func(_ tracker.Query, _ form, body Dict) { body["interval"] = body["interval"].(int64) * 1000 }),
		reply("min-interval-above-interval", "asks for a min interval beyond the interval",
			func(_ tracker.Query, _ form, body Dict) { body["min interval"] = body["interval"].(int64) * 2 }),
		written("keys-out-of-order", "writes the keys of dictionaries in reverse", func(r *tracker.Respond) {
			v, _ := bencode.Parse(r.Body, bencode.Options{})
			r.Body = reversed(nil, v)
		}),
		written("line-feed-behind-the-reply", "ends answers with a line feed",
			func(r *tracker.Respond) { r.Body = append(bytes.Clone(r.Body), '\n') }),
		written("status-203", "answers with status 203", func(r *tracker.Respond) { r.Status = 203 }),
		written("failures-are-pages", "refuses by an HTML page", func(r *tracker.Respond) {
			if bytes.HasPrefix(r.Body, []byte("d14:failure")) {
				r.Status, r.Body = 400, []byte("<html>no</html>")
			}
		}),
		{Name: "failure-is-a-number", What: "gives a number as failure reason",
			bend: onFailure(func(body Dict) { body["failure reason"] = int64(101) })},
		{Name: "failure-is-binary", What: "gives bytes that are no text as failure reason",
			bend: onFailure(func(body Dict) { body["failure reason"] = "\x01\x02" })},
	}
}

// refusalMutants misuse retry in.
func refusalMutants() []Mutant {
	return []Mutant{
		{Name: "retry-in-0", What: "says retry in 0 minutes",
			bend: onFailure(func(body Dict) { body["retry in"] = int64(0) })},
		{Name: "retry-when-served", What: "says retry in with an answer that is served",
			bend: onReply(func(_ tracker.Query, _ form, body Dict) { body["retry in"] = int64(5) })},
		{Name: "forgets-never", What: "serves at the second try what it refused for good", bend: func(b *bent) {
			b.write = func(q tracker.Query, r *tracker.Respond) {
				key := "refused " + parseForm(q.RawQuery).get("info_hash")
				if bytes.Contains(r.Body, []byte("5:never")) {
					if b.memory[key] != nil {
						r.Body = []byte("d8:intervali1800e5:peers0:e")
					}
					b.memory[key] = true
				}
			}
		}},
	}
}

// externalMutants get external ip wrong.
func externalMutants() []Mutant {
	reply := func(name, what string, f func(q tracker.Query, f form, body Dict)) Mutant {
		return Mutant{Name: name, What: what, bend: onReply(f)}
	}
	return []Mutant{
		reply("external-ip-as-text", "writes external ip as text", func(q tracker.Query, _ form, body Dict) {
			body["external ip"] = q.From.Addr().String()
		}),
		reply("external-ip-of-4-bytes", "writes the first 4 bytes of an IPv6 address",
			func(_ tracker.Query, _ form, body Dict) {
				body["external ip"] = body["external ip"].(string)[:4]
			}),
		reply("external-ip-is-believed", "tells a peer what it claims by the key ip",
			func(_ tracker.Query, f form, body Dict) {
				if ip, err := netip.ParseAddr(f.get("ip")); err == nil {
					body["external ip"] = string(ip.AsSlice())
				}
			}),
		{Name: "external-ip-of-the-first", What: "tells all the address of the first who asked", bend: func(b *bent) {
			onReply(func(_ tracker.Query, _ form, body Dict) {
				if first, ok := b.memory["first"]; ok {
					body["external ip"] = first
				}
				b.memory["first"] = body["external ip"]
			})(b)
		}},
	}
}

// reversed writes a value with the keys of its dictionaries in reverse.
func reversed(b []byte, v bencode.Value) []byte {
	if v.Kind() != bencode.Dict {
		return append(b, v.Raw()...)
	}
	var parts [][]byte
	for key, value := range v.Entries() {
		parts = append(parts, reversed(bencode.AppendBytes(nil, key), value))
	}
	slices.Reverse(parts)
	return append(append(append(b, 'd'), bytes.Join(parts, nil)...), 'e')
}
