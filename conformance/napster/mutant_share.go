package napster

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
)

// fieldMutants get fields wrong that stand in several messages.
func fieldMutants() []Mutant {
	return []Mutant{
		{Name: "big-endian-addresses", What: "addresses are written big-endian", bend: telling(func(_ *bent, m *core.Match) {
			ip := m.Addr.Addr().As4()
			var turned [4]byte
			binary.LittleEndian.PutUint32(turned[:], binary.BigEndian.Uint32(ip[:]))
			m.Addr = netip.AddrPortFrom(netip.AddrFrom4(turned), m.Addr.Port())
		})},
		{Name: "sums-of-zeros", What: "sums are not kept",
			bend: telling(func(_ *bent, m *core.Match) { m.MD5 = core.MD5{} })},
		{Name: "one-sum-for-all", What: "all files are said to have the same sum",
			bend: telling(func(_ *bent, m *core.Match) { m.MD5 = core.Sum(nil) })},
		{Name: "one-port-for-all", What: "everybody has the usual port", bend: telling(func(_ *bent, m *core.Match) {
			if m.Addr.Port() != 0 {
				m.Addr = netip.AddrPortFrom(m.Addr.Addr(), Port)
			}
		})},
		{Name: "one-line-for-all", What: "everybody is said to have the same line",
			bend: telling(func(_ *bent, m *core.Match) { m.Link = 7 })},
		{Name: "names-in-lower-case", What: "names are written in lower case",
			bend: telling(func(_ *bent, m *core.Match) { m.Name = strings.ToLower(m.Name) })},
	}
}

// telling changes what 201, 204, 216 and 501 have in common.
func telling(change func(b *bent, m *core.Match)) func(*bent) {
	return func(b *bent) {
		b.effect = func(e spec.Effect) []spec.Effect {
			w, ok := e.(spec.Write)
			m, _ := w.Msg.(core.Message)
			if !ok {
				return []spec.Effect{e}
			}
			switch m.Type {
			case core.TypeResult:
				r, err := core.ParseResult(m.Text)
				x := core.Match{
					Nick: r.Nick, Addr: netip.AddrPortFrom(r.IP, 0), Name: r.Name, Resume: core.Resume{MD5: r.MD5}, Link: r.Link,
				}
				if err == nil {
					change(b, &x)
					r.Nick, r.IP, r.Name, r.MD5, r.Link = x.Nick, x.Addr.Addr(), x.Name, x.MD5, x.Link
					return said(w.Conn, m.Type, texted(r.Message()))
				}
			case core.TypeGetAck, core.TypePushAck:
				a, err := core.ParseAck(m.Type, m.Text)
				x := core.Match{Nick: a.Nick, Addr: a.Addr, Name: a.Name, Resume: core.Resume{MD5: a.MD5}, Link: a.Link}
				if err == nil {
					change(b, &x)
					a.Nick, a.Addr, a.Name, a.MD5, a.Link = x.Nick, x.Addr, x.Name, x.MD5, x.Link
					return said(w.Conn, m.Type, texted(a.Message(m.Type)))
				}
			case core.TypeResumeMatch:
				if x, err := core.ParseMatch(m.Text); err == nil {
					change(b, &x)
					return said(w.Conn, m.Type, texted(x.Message()))
				}
			}
			return []spec.Effect{e}
		}
	}
}

func shareMutants() []Mutant {
	return []Mutant{
		keeps("rates-of-a-table", "bit rates are rounded up to those of a table", func(f *core.File) {
			table := []uint32{32, 64, 96, 128, 160, 192, 256, 320}
			if i, _ := slices.BinarySearch(table, f.Bitrate); i < len(table) {
				f.Bitrate = table[i]
			}
		}),
		keeps("frequencies-of-a-table", "frequencies are rounded to those of a table", func(f *core.File) {
			if f.Frequency == 22050 {
				f.Frequency = 24000
			}
		}),
		keeps("sizes-of-31-bits", "sizes have 31 bits", func(f *core.File) { f.Size &= 1<<31 - 1 }),
		keeps("lengths-of-16-bits", "lengths have 16 bits", func(f *core.File) { f.Seconds &= 1<<16 - 1 }),
		keeps("fields-in-another-order", "the bit rate is taken for the frequency", func(f *core.File) {
			f.Bitrate, f.Frequency = f.Frequency, f.Bitrate
		}),
		keeps("names-of-ascii", "bytes above ASCII become question marks", func(f *core.File) {
			f.Name = strings.Map(func(r rune) rune {
				if r > 126 {
					return '?'
				}
				return r
			}, f.Name)
		}),
		keeps("names-of-100-bytes", "names are cut", func(f *core.File) { f.Name = f.Name[:min(len(f.Name), 100)] }),
		{Name: "shares-add-up", What: "who shares a file twice has it twice",
			bend: rehearing(core.TypeShare, func(b *bent, c spec.Conn, text string) string {
				f, err := core.ParseFile(text)
				if list := b.guest(c).files; err == nil && len(list) > 1 && list[len(list)-2] == f {
					f.Name += " again"
					return texted(f.Message())
				}
				return text
			})},
		{Name: "names-are-unique", What: "what one user shares nobody else can share",
			bend: hearing(core.TypeShare, func(b *bent, c spec.Conn, text string) []spec.Input {
				f, err := core.ParseFile(text)
				for other, g := range b.users {
					if err == nil && other != c && slices.Contains(g.files, f) {
						return nil
					}
				}
				return heard(c, core.TypeShare, text)
			})},
		{Name: "shares-for-ever", What: "102 is not known", bend: deaf(core.TypeUnshare)},
		{Name: "quoted-names-are-taken-back", What: "102 has to have its name in quotes",
			bend: rehearing(core.TypeUnshare, func(_ *bent, _ spec.Conn, text string) string { return text + `"` })},
		{Name: "quotes-are-a-part-of-the-name", What: "102 finds no file by a quoted name",
			bend: rehearing(core.TypeUnshare, func(_ *bent, _ spec.Conn, text string) string {
				return strings.ReplaceAll(text, `"`, "'")
			})},
		{Name: "anybody-takes-back", What: "102 takes back whoever's file has the name",
			bend: hearing(core.TypeUnshare, func(b *bent, c spec.Conn, text string) []spec.Input {
				for other, g := range b.users {
					if slices.ContainsFunc(g.files, func(f core.File) bool { return f.Name == text }) {
						return append(heard(other, core.TypeUnshare, text), heard(c, core.TypeUnshare, text)...)
					}
				}
				return heard(c, core.TypeUnshare, text)
			})},
		{Name: "stays-for-ever", What: "who closes his stream stays there", bend: func(b *bent) {
			b.input = func(in spec.Input) []spec.Input {
				if _, closed := in.(spec.Closed); closed {
					return nil
				}
				return []spec.Input{in}
			}
		}},
		{Name: "resets-are-no-ends", What: "who resets his stream stays there", bend: func(b *bent) {
			b.input = func(in spec.Input) []spec.Input {
				if closed, ok := in.(spec.Closed); ok && closed.Err != nil {
					return nil
				}
				return []spec.Input{in}
			}
		}},
		{Name: "files-outlive-their-users", What: "the files of who has left stay", bend: haunted},
		{Name: "missing-fields-are-zeros", What: "the fields that a share lacks are zeros",
			bend: rehearing(core.TypeShare, func(_ *bent, _ spec.Conn, text string) string {
				for len(strings.Fields(text)) < 6 {
					text += " 00000000000000000000000000000000"
				}
				return text
			})},
		{Name: "letters-are-zero", What: "what is no number is 0",
			bend: rehearing(core.TypeShare, func(_ *bent, _ spec.Conn, text string) string {
				return strings.Replace(text, " many ", " 0 ", 1)
			})},
	}
}

// keeps changes files before they are shared.
func keeps(name, what string, change func(*core.File)) Mutant {
	return Mutant{Name: name, What: what, bend: rehearing(core.TypeShare, func(_ *bent, _ spec.Conn, text string) string {
		f, err := core.ParseFile(text)
		if err != nil {
			return text
		}
		change(&f)
		return texted(f.Message())
	})}
}

// haunted keeps users with files, but says of them that they are not there.
func haunted(b *bent) {
	ghosts := map[string]bool{}
	b.input = func(in spec.Input) []spec.Input {
		switch in := in.(type) {
		case spec.Closed:
			if g := b.guest(in.Conn); len(g.files) > 0 {
				ghosts[g.Nick] = true
				return nil
			}
		case spec.Got:
			if m := in.Msg.(core.Message); ghosts[m.Text] {
				b.reply(in.Conn, core.TypeError, "he has left")
				return nil
			}
		}
		return []spec.Input{in}
	}
}
