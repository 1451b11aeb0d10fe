package napster

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
)

// ackOf is 204 about a file of a user, whose address a mutant does not know.
func (b *bent) ackOf(owner spec.Conn, name string) string {
	g := b.guest(owner)
	a := core.Ack{Nick: g.Nick, Addr: netip.AddrPortFrom(virtualAddr.Addr(), g.Port), Name: name, Link: g.Link}
	return texted(a.Message(core.TypeGetAck))
}

func downloadMutants() []Mutant {
	return []Mutant{
		{Name: "asks-nobody", What: "204 comes without the owner's consent",
			bend: hearing(core.TypeGet, func(b *bent, c spec.Conn, text string) []spec.Input {
				if r, err := core.ParseRequest(core.TypeGet, text); err == nil && b.named(r.Nick) != 0 {
					b.reply(c, core.TypeGetAck, b.ackOf(b.named(r.Nick), r.Name))
				}
				return heard(c, core.TypeGet, text)
			})},
		{Name: "asks-in-the-owner-s-name", What: "607 has the nick of the owner",
			bend: saying(core.TypeUpload, func(b *bent, c spec.Conn, text string) []spec.Effect {
				_, name, _ := strings.Cut(text, " ")
				return said(c, core.TypeUpload, b.guest(c).Nick+" "+name)
			})},
		{Name: "asks-with-bare-names", What: "607 has a name without quotes, and half of it",
			bend: resaying(core.TypeUpload, func(_ *bent, _ spec.Conn, text string) string { return text[:len(text)-9] + `"` })},
		{Name: "one-request-at-a-time", What: "of two requests to one owner the second is lost", bend: func(b *bent) {
			waiting := map[spec.Conn]bool{}
			b.effect = func(e spec.Effect) []spec.Effect {
				w, _ := e.(spec.Write)
				switch m, _ := w.Msg.(core.Message); {
				case m.Type == core.TypeUpload && waiting[w.Conn]:
					return nil
				case m.Type == core.TypeUpload:
					waiting[w.Conn] = true
				case m.Type == core.TypeGetAck:
					clear(waiting)
				}
				return []spec.Effect{e}
			}
		}},
		{Name: "consents-in-order", What: "a consent is taken for that to the oldest request", bend: func(b *bent) {
			asked := map[spec.Conn][]string{}
			b.effect = func(e spec.Effect) []spec.Effect {
				w, _ := e.(spec.Write)
				if m, _ := w.Msg.(core.Message); m.Type == core.TypeUpload {
					asked[w.Conn] = append(asked[w.Conn], m.Text)
				}
				return []spec.Effect{e}
			}
			hearing(core.TypeUploadAck, func(_ *bent, c spec.Conn, text string) []spec.Input {
				if list := asked[c]; len(list) > 0 {
					text, asked[c] = list[0], list[1:]
				}
				return heard(c, core.TypeUploadAck, text)
			})(b)
		}},
		{Name: "404-for-206", What: "what cannot be had is answered by 404",
			bend: instead(core.TypeGetError, core.TypeError)},
		{Name: "206-without-a-name", What: "206 has the nick alone",
			bend: resaying(core.TypeGetError, func(_ *bent, _ spec.Conn, text string) string {
				nick, _, _ := strings.Cut(text, " ")
				return nick
			})},
		{Name: "asks-for-anything", What: "users are asked for files that they do not share",
			bend: asksAnyway(core.TypeGet)},
		{Name: "passes-any-consent-on", What: "consents are passed on to whoever they name",
			bend: hearing(core.TypeUploadAck, func(b *bent, c spec.Conn, text string) []spec.Input {
				r, err := core.ParseRequest(core.TypeUploadAck, text)
				shares := slices.ContainsFunc(b.guest(c).files, func(f core.File) bool { return f.Name == r.Name })
				if to := b.named(r.Nick); err == nil && shares && to != 0 && b.guest(c).Port != 0 {
					b.reply(to, core.TypeGetAck, b.ackOf(c, r.Name))
				}
				return heard(c, core.TypeUploadAck, text)
			})},
		{Name: "anybody-agrees", What: "whoever agrees is taken for the owner",
			bend: hearing(core.TypeUploadAck, func(b *bent, c spec.Conn, text string) []spec.Input {
				r, _ := core.ParseRequest(core.TypeUploadAck, text)
				for owner, g := range b.users {
					if slices.ContainsFunc(g.files, func(f core.File) bool { return f.Name == r.Name }) {
						return heard(owner, core.TypeUploadAck, text)
					}
				}
				return heard(c, core.TypeUploadAck, text)
			})},
		{Name: "leaves-askers-waiting", What: "who asked somebody who leaves is told nothing", bend: func(b *bent) {
			leaving := false
			b.input = func(in spec.Input) []spec.Input {
				_, leaving = in.(spec.Closed)
				return []spec.Input{in}
			}
			b.effect = func(e spec.Effect) []spec.Effect {
				if leaving {
					return nil
				}
				return []spec.Effect{e}
			}
		}},
	}
}

// asksAnyway asks the user whom a request names, and no other.
func asksAnyway(t core.Type) func(*bent) {
	return hearing(t, func(b *bent, c spec.Conn, text string) []spec.Input {
		r, err := core.ParseRequest(t, text)
		if to := b.named(r.Nick); err == nil && to != 0 {
			b.reply(to, core.TypeUpload, texted(core.Request{Nick: b.guest(c).Nick, Name: r.Name}.Message(core.TypeUpload)))
		}
		return heard(c, t, text)
	})
}

func pushMutants() []Mutant {
	return []Mutant{
		{Name: "pushes-for-anybody", What: "500 asks whoever it names, if he shares the file and could connect or not",
			bend: asksAnyway(core.TypePush)},
		{Name: "no-word-of-port-0", What: "204 has the usual port for users with port 0",
			bend: resaying(core.TypeGetAck, func(_ *bent, _ spec.Conn, text string) string {
				a, _ := core.ParseAck(core.TypeGetAck, text)
				if a.Addr.Port() == 0 {
					a.Addr = netip.AddrPortFrom(a.Addr.Addr(), Port)
				}
				return texted(a.Message(core.TypeGetAck))
			})},
		{Name: "tells-the-downloader", What: "the consent to a push is told to the downloader, as for a download",
			bend: saying(core.TypePushAck, func(b *bent, c spec.Conn, text string) []spec.Effect {
				a, _ := core.ParseAck(core.TypePushAck, text)
				return said(b.named(a.Nick), core.TypeGetAck, b.ackOf(c, a.Name))
			})},
		{Name: "pushes-to-the-pusher", What: "501 tells the owner his own nick",
			bend: resaying(core.TypePushAck, func(b *bent, c spec.Conn, text string) string {
				_, rest, _ := strings.Cut(text, " ")
				return b.guest(c).Nick + " " + rest
			})},
		{Name: "knows-no-push", What: "500 is not known", bend: hearing(core.TypePush,
			func(_ *bent, c spec.Conn, text string) []spec.Input { return heard(c, 999, text) })},
		{Name: "connects-to-port-0", What: "a user with port 0 is told to connect to another with port 0",
			bend: hearing(core.TypeGet, func(b *bent, c spec.Conn, text string) []spec.Input {
				r, _ := core.ParseRequest(core.TypeGet, text)
				if to := b.named(r.Nick); to != 0 && b.guest(to).Port == 0 && b.guest(c).Port == 0 {
					text := strings.Replace(b.ackOf(c, r.Name), hex.EncodeToString(make([]byte, 16)), core.Sum(nil).String(), 1)
					b.reply(to, core.TypePushAck, text)
				}
				return heard(c, core.TypeGet, text)
			})},
		{Name: "no-error-between-firewalls", What: "a 204 answers a request between two firewalls, and all 204 lack sums",
			bend: func(b *bent) {
				asked := map[spec.Conn]core.Request{}
				b.input = func(in spec.Input) []spec.Input {
					got, _ := in.(spec.Got)
					if m, _ := got.Msg.(core.Message); m.Type == core.TypeGet || m.Type == core.TypePush {
						asked[got.Conn], _ = core.ParseRequest(m.Type, m.Text)
					}
					return []spec.Input{in}
				}
				b.effect = func(e spec.Effect) []spec.Effect {
					w, _ := e.(spec.Write)
					m, _ := w.Msg.(core.Message)
					q := asked[w.Conn]
					switch a, err := core.ParseAck(core.TypeGetAck, m.Text); {
					case m.Type == core.TypeGetAck && err == nil:
						a.MD5 = core.MD5{}
						return said(w.Conn, core.TypeGetAck, texted(a.Message(core.TypeGetAck)))
					case m.Type == core.TypeError && strings.Contains(m.Text, "both are behind"):
						return said(w.Conn, core.TypeGetAck, b.ackOf(b.named(q.Nick), q.Name))
					}
					return []spec.Effect{e}
				}
			}},
		{Name: "silent-between-firewalls", What: "a request between two firewalls is not answered", bend: func(b *bent) {
			b.effect = func(e spec.Effect) []spec.Effect {
				w, _ := e.(spec.Write)
				if m, _ := w.Msg.(core.Message); m.Type == core.TypeError && strings.Contains(m.Text, "both are behind") {
					return nil
				}
				return []spec.Effect{e}
			}
		}},
	}
}

func whoisMutants() []Mutant {
	return []Mutant{
		whois("files-are-not-counted", "604 says that nobody shares anything", func(w *core.Whois) { w.Shared = 0 }),
		whois("counts-transfers-the-other-way", "604 has uploads before downloads", func(w *core.Whois) {
			w.Downloads, w.Uploads = w.Uploads, w.Downloads
		}),
		whois("milliseconds-since-the-login", "604 has milliseconds", func(w *core.Whois) { w.Seconds *= 1000 }),
		whois("the-clock-stands-still", "604 has no seconds", func(w *core.Whois) { w.Seconds = 0 }),
		whois("one-client-for-all", "604 has the same client for everybody", func(w *core.Whois) { w.Client = "client" }),
		{Name: "tells-of-the-asker", What: "603 is answered about the asker",
			bend: rehearing(core.TypeWhois, func(b *bent, c spec.Conn, _ string) string { return b.guest(c).Nick })},
		{Name: "downloads-never-end", What: "219 is not known", bend: deaf(core.TypeDownEnd)},
		{Name: "counts-below-zero", What: "what ends without having begun is counted", bend: func(b *bent) {
			ended := map[spec.Conn]bool{}
			b.input = func(in spec.Input) []spec.Input {
				got, _ := in.(spec.Got)
				switch m, _ := got.Msg.(core.Message); {
				case m.Type == core.TypeUpEnd && !ended[got.Conn]:
					ended[got.Conn] = true
				case m.Type == core.TypeUpStart && ended[got.Conn]:
					return nil
				case m.Type == core.TypeUpStart:
					ended[got.Conn] = false
				}
				return []spec.Input{in}
			}
		}},
		{Name: "forgets-who-was-there", What: "605 is never said", bend: instead(core.TypeWhowas, core.TypeError)},
		{Name: "seen-at-the-beginning", What: "605 has the same time for everybody",
			bend: resaying(core.TypeWhowas, func(_ *bent, _ spec.Conn, text string) string {
				w, _ := core.ParseWhowas(text)
				w.LastSeen = 1
				return texted(w.Message())
			})},
		{Name: "everybody-was-there", What: "about strangers 605 is said",
			bend: hearing(core.TypeWhois, func(b *bent, c spec.Conn, text string) []spec.Input {
				if b.named(text) == 0 && core.CheckNick(text) == nil {
					b.reply(c, core.TypeWhowas, text+` "User" 1`)
				}
				return heard(c, core.TypeWhois, text)
			})},
		{Name: "gauges-the-asker", What: "601 has the line of the asker",
			bend: saying(core.TypeSpeedAck, func(b *bent, c spec.Conn, text string) []spec.Effect {
				nick, _, _ := strings.Cut(text, " ")
				return said(c, core.TypeSpeedAck, fmt.Sprint(nick, " ", b.guest(c).Link))
			})},
		{Name: "answers-pings-itself", What: "the server answers pings",
			bend: hearing(core.TypePing, func(b *bent, c spec.Conn, text string) []spec.Input {
				if b.named(text) != 0 {
					b.reply(c, core.TypePong, text)
				}
				return heard(c, core.TypePing, text)
			})},
		{Name: "relays-as-it-is", What: "751 is relayed with the nick that it had",
			bend: saying(core.TypePing, func(b *bent, c spec.Conn, _ string) []spec.Effect {
				return said(c, core.TypePing, b.guest(c).Nick)
			})},
		{Name: "relays-no-pongs", What: "752 is not relayed", bend: deaf(core.TypePong)},
		{Name: "pings-into-the-void", What: "a ping of nobody is not answered", bend: hearing(core.TypePing,
			func(b *bent, c spec.Conn, text string) []spec.Input {
				known := func(c spec.Conn) bool { return b.users[c].Nick == text }
				if !slices.ContainsFunc(b.conns(), known) {
					return nil
				}
				return heard(c, core.TypePing, text)
			})},
	}
}

// whois changes 604.
func whois(name, what string, change func(*core.Whois)) Mutant {
	bend := resaying(core.TypeWhoisAck, func(_ *bent, _ spec.Conn, text string) string {
		w, err := core.ParseWhois(text)
		if err != nil {
			return text
		}
		change(&w)
		return texted(w.Message())
	})
	return Mutant{Name: name, What: what, bend: bend}
}

func hostileMutants() []Mutant {
	return []Mutant{
		statistics("kilobytes-for-gigabytes", "214 has the files' size in another unit", func(s *core.Stats) {
			s.Gigabytes <<= 10
		}),
		statistics("files-before-users", "214 has files before users", func(s *core.Stats) {
			s.Users, s.Files = s.Files, s.Users
		}),
		{Name: "statistics-on-request", What: "214 does not come after the login", bend: func(b *bent) {
			asked := false
			hearing(core.TypeStats, func(_ *bent, c spec.Conn, text string) []spec.Input {
				asked = true
				return heard(c, core.TypeStats, text)
			})(b)
			saying(core.TypeStats, func(_ *bent, c spec.Conn, text string) []spec.Effect {
				if !asked {
					return nil
				}
				asked = false
				return said(c, core.TypeStats, text)
			})(b)
		}},
		{Name: "errors-are-not-told", What: "404 is never said", bend: mute(core.TypeError)},
		{Name: "unknown-types-end-it", What: "who sends a type that nobody knows is put out", bend: func(b *bent) {
			b.effect = func(e spec.Effect) []spec.Effect {
				if d, ok := e.(spec.Drop); ok && d.Clause == "NP-ER-02" {
					for c := range b.users {
						b.replies = append(b.replies, spec.Close{Conn: c})
					}
				}
				return []spec.Effect{e}
			}
		}},
		crashes("crashes-on-long-fields", "a field of more than 1,500 bytes ends the process", func(m core.Message) bool {
			fields := strings.Fields(m.Text)
			return slices.ContainsFunc(fields, func(f string) bool { return len(f) > 1500 })
		}),
		crashes("crashes-on-formats", "a text is taken for a format", func(m core.Message) bool {
			return strings.Contains(m.Text, "%n")
		}),
		crashes("crashes-on-types", "types are an index into a table", func(m core.Message) bool {
			return m.Type > math.MaxInt16 || m.Type == 0 && m.Text == ""
		}),
		{Name: "waits-for-readers", What: "the server writes until everything is read", bend: func(b *bent) {
			written := map[spec.Conn]int{}
			stuck := false
			b.effect = func(e spec.Effect) []spec.Effect {
				if w, ok := e.(spec.Write); ok {
					written[w.Conn] += len(w.Msg.(core.Message).Text)
					stuck = stuck || written[w.Conn] > 1<<20
				}
				return []spec.Effect{e}
			}
			b.input = func(in spec.Input) []spec.Input {
				if stuck {
					return nil
				}
				return []spec.Input{in}
			}
		}},
	}
}

// statistics changes 214.
func statistics(name, what string, change func(*core.Stats)) Mutant {
	return Mutant{Name: name, What: what, bend: resaying(core.TypeStats, func(_ *bent, _ spec.Conn, text string) string {
		s, err := core.ParseStats(text)
		if err != nil {
			return text
		}
		change(&s)
		return s.Message().Text
	})}
}

// crashes ends the process at a message.
func crashes(name, what string, at func(core.Message) bool) Mutant {
	return Mutant{Name: name, What: what, bend: func(b *bent) {
		b.input = func(in spec.Input) []spec.Input {
			if got, ok := in.(spec.Got); ok && at(got.Msg.(core.Message)) {
				b.dead = true
			}
			if b.dead {
				return nil
			}
			return []spec.Input{in}
		}
	}}
}
