package napster

import (
	"encoding/binary"
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
)

func framingMutants() []Mutant {
	return []Mutant{
		{Name: "reads-are-messages", What: "what one read has is taken for a message", bend: func(b *bent) {
			b.decode = func(p []byte) (core.Message, int, bool) {
				cut := len(p) < 4 || len(p) < 4+int(binary.LittleEndian.Uint16(p))
				return core.Message{Type: 999}, len(p), cut && !tooLong(p)
			}
		}},
		{Name: "one-message-a-read", What: "what follows the first message of a read is lost", bend: func(b *bent) {
			b.decode = func(p []byte) (core.Message, int, bool) {
				m, n, err := core.Codec{}.Decoder().Decode(p)
				if err != nil || n == 0 {
					return core.Message{}, 0, false
				}
				return m.(core.Message), len(p), true
			}
		}},
		{Name: "big-endian-types", What: "types are written big-endian", bend: func(b *bent) {
			b.encode = func(m core.Message) []byte {
				p := encoding(m)
				p[2], p[3] = p[3], p[2]
				return p
			}
		}},
		{Name: "big-endian-lengths", What: "lengths are written big-endian", bend: func(b *bent) {
			b.encode = func(m core.Message) []byte {
				p := encoding(m)
				p[0], p[1] = p[1], p[0]
				return p
			}
		}},
		{Name: "lengths-count-the-header", What: "the length that is written counts the header", bend: func(b *bent) {
			b.encode = func(m core.Message) []byte {
				p := encoding(m)
				binary.LittleEndian.PutUint16(p, uint16(len(m.Text)+4))
				return p
			}
		}},
		{Name: "texts-end-with-a-nul", What: "a NUL follows each text, and is counted", bend: func(b *bent) {
			b.encode = func(m core.Message) []byte {
				p := append(encoding(m), 0)
				binary.LittleEndian.PutUint16(p, uint16(len(m.Text)+1))
				return p
			}
		}},
		{Name: "texts-of-1000-bytes", What: "what is longer than 1,000 bytes is lost", bend: func(b *bent) {
			b.input = func(in spec.Input) []spec.Input {
				if got, ok := in.(spec.Got); ok && len(got.Msg.(core.Message).Text) > 1000 {
					return nil
				}
				return []spec.Input{in}
			}
		}},
		{Name: "any-length-is-waited-for", What: "a text that is too long is waited for", bend: func(b *bent) {
			b.decode = func(p []byte) (core.Message, int, bool) { return core.Message{}, 0, tooLong(p) }
		}},
		{Name: "reads-behind-nuls", What: "NULs are read as blanks", bend: func(b *bent) {
			b.decode = func(p []byte) (core.Message, int, bool) {
				if len(p) < 4 || len(p) < 4+int(binary.LittleEndian.Uint16(p)) || tooLong(p) {
					return core.Message{}, 0, false
				}
				n := 4 + int(binary.LittleEndian.Uint16(p))
				return core.Message{
					Type: core.Type(binary.LittleEndian.Uint16(p[2:])), Text: strings.ReplaceAll(string(p[4:n]), "\x00", " "),
				}, n, true
			}
		}},
	}
}

func tooLong(p []byte) bool { return len(p) > 1 && binary.LittleEndian.Uint16(p) > core.MaxText }

func encoding(m core.Message) []byte {
	p, err := core.Codec{}.AppendMessage(nil, m)
	if err != nil {
		panic(err)
	}
	return p
}

func loginMutants() []Mutant {
	return []Mutant{
		{Name: "acknowledges-without-a-text", What: "3 has no text",
			bend: resaying(core.TypeLoginAck, func(*bent, spec.Conn, string) string { return "" })},
		{Name: "refuses-builds", What: "a login with a build is refused",
			bend: hearing(core.TypeLogin, func(b *bent, c spec.Conn, text string) []spec.Input {
				if l, err := core.ParseLogin(text); err == nil && l.Build != 0 {
					return heard(c, core.TypeLogin, "")
				}
				return heard(c, core.TypeLogin, text)
			})},
		{Name: "empty-fields-between-blanks", What: "an empty field is read between two blanks",
			bend: hearing(core.TypeLogin, func(b *bent, c spec.Conn, text string) []spec.Input {
				if strings.Contains(text, "  ") {
					return heard(c, core.TypeLogin, "")
				}
				return heard(c, core.TypeLogin, text)
			})},
		mends("any-line", "a line beyond the fastest is taken for another", ` 11`, ` 1`),
		mends("any-port", "a port is cut to 16 bits", ` 70000 `, ` 4464 `),
		{Name: "fields-are-made-up", What: "a login without all fields is completed",
			bend: rehearing(core.TypeLogin, func(_ *bent, _ spec.Conn, text string) string {
				if !strings.Contains(text, `"`) {
					text += ` 0 "unknown" 0`
				}
				return text
			})},
		{Name: "quotes-close-themselves", What: "a quote that nothing closes is closed before the last field",
			bend: rehearing(core.TypeLogin, func(_ *bent, _ spec.Conn, text string) string {
				if i := strings.LastIndexByte(text, ' '); i > 0 && strings.Count(text, `"`) == 1 {
					text = text[:i] + `"` + text[i:]
				}
				return text
			})},
		{Name: "refuses-without-a-word", What: "a login is refused by the end of the stream alone",
			bend: mute(core.TypeLoginError)},
		{Name: "always-404", What: "errors before the login are 404", bend: instead(core.TypeLoginError, core.TypeError)},
		{Name: "serves-strangers", What: "searches are answered without a login",
			bend: hearing(core.TypeSearch, func(b *bent, c spec.Conn, text string) []spec.Input {
				if !b.guest(c).there {
					b.reply(c, core.TypeResultEnd, "")
					return nil
				}
				return heard(c, core.TypeSearch, text)
			})},
		{Name: "acknowledges-again", What: "a second login on a stream is acknowledged",
			bend: hearing(core.TypeLogin, func(b *bent, c spec.Conn, text string) []spec.Input {
				if b.guest(c).there {
					b.reply(c, core.TypeLoginAck, core.Unregistered)
					return nil
				}
				return heard(c, core.TypeLogin, text)
			})},
		{Name: "newcomers-replace", What: "who logs in with a nick that is there takes its user's place",
			bend: hearing(core.TypeLogin, func(b *bent, c spec.Conn, text string) []spec.Input {
				nick, _, _ := strings.Cut(text, " ")
				all := heard(c, core.TypeLogin, text)
				if old := b.named(nick); old != 0 && old != c {
					b.users[old].there = false
					all = append([]spec.Input{spec.Closed{Conn: old}}, all...)
				}
				return all
			})},
		{Name: "nicks-stay-taken", What: "the nick of who has left is taken for good", bend: func(b *bent) {
			gone := map[string]bool{}
			b.input = func(in spec.Input) []spec.Input {
				switch in := in.(type) {
				case spec.Closed:
					if g := b.guest(in.Conn); g.there {
						gone[g.Nick] = true
					}
				case spec.Got:
					m := in.Msg.(core.Message)
					if nick, _, _ := strings.Cut(m.Text, " "); m.Type == core.TypeLogin && gone[nick] {
						return heard(in.Conn, core.TypeLogin, "")
					}
				}
				return []spec.Input{in}
			}
		}},
	}
}

// mends replaces a part of a login by what can be read.
func mends(name, what, old, with string) Mutant {
	return Mutant{Name: name, What: what, bend: rehearing(core.TypeLogin, func(_ *bent, _ spec.Conn, text string) string {
		return strings.Replace(text, old, with, 1)
	})}
}

func accountMutants() []Mutant {
	return []Mutant{
		{Name: "forgets-addresses", What: "3 has the same text for everybody",
			bend: resaying(core.TypeLoginAck, func(*bent, spec.Conn, string) string { return core.Unregistered })},
		{Name: "registers-again", What: "a nick can be registered again, and is somebody else's then", bend: func(b *bent) {
			passwords := map[string]string{}
			hearing(core.TypeNewUser, func(b *bent, c spec.Conn, text string) []spec.Input {
				u, err := core.ParseNewUser(text)
				if err == nil && passwords[u.Nick] != "" {
					u.Password = passwords[u.Nick]
					return heard(c, core.TypeLogin, texted(u.Login.Message()))
				}
				passwords[u.Nick] = u.Password
				return heard(c, core.TypeNewUser, text)
			})(b)
		}},
		{Name: "any-password", What: "passwords are not compared",
			bend: rehearing(core.TypeLogin, func(_ *bent, _ spec.Conn, text string) string {
				return strings.Replace(text, " guessed ", " "+Password+" ", 1)
			})},
		{Name: "nick-checks-after-the-login", What: "who is not logged in may not ask about nicks",
			bend: hearing(core.TypeNickCheck, func(_ *bent, c spec.Conn, text string) []spec.Input {
				return heard(c, core.TypeSearch, text)
			})},
		{Name: "every-nick-is-free", What: "8 answers about every nick",
			bend: instead(core.TypeNickTaken, core.TypeNickFree)},
		{Name: "every-nick-is-one", What: "nicks are not checked", bend: instead(core.TypeNickInvalid, core.TypeNickFree)},
		{Name: "a-blank-ends-a-nick", What: "what follows a blank is no part of a nick",
			bend: rehearing(core.TypeNickCheck, func(_ *bent, _ spec.Conn, text string) string {
				nick, _, _ := strings.Cut(text, " ")
				return nick
			})},
		{Name: "tells-the-nick", What: "8 has the nick for a text",
			bend: resaying(core.TypeNickFree, func(*bent, spec.Conn, string) string { return "it" })},
	}
}
