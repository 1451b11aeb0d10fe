package napster

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// Room is the users of a case. It is the case's [T] as well.
type Room struct{ *T }

// playing makes the Run of a case.
func playing(run func(*Room)) func(*T) {
	return func(t *T) { run(&Room{t}) }
}

// word is a word that nobody else uses.
func (r *Room) word() string {
	const letters = "bcdfghjklmnpqrstvwxz" // no word of a language has no vowel
	b := make([]byte, 10)
	for i := range b {
		b[i] = letters[r.Fresh().Below(uint64(len(letters)))]
	}
	return string(b)
}

// Port is where users say that others can connect to them.
const Port = 6699

// Password is that of all users.
const Password = "pw1234"

// Come opens a stream for a user with a nick that nobody has. He does not log in.
func (r *Room) Come() *User { return r.from(r.Dial()) }

// from is [Room.Come] on a stream that is there.
func (r *Room) from(s *conformance.Stream) *User {
	u := &User{
		Stream: s, r: r,
		Login: core.Login{Nick: "u" + r.word(), Password: Password, Port: Port, Client: "p2pspec 1.0", Link: 7},
	}
	u.Handle = u.handle
	return u
}

// Enter is a user who is there.
func (r *Room) Enter() *User { return r.Come().Enter() }

// Firewalled is a user who is there and to whom nobody can connect.
func (r *Room) Firewalled() *User {
	u := r.Come()
	u.Port = 0
	return u.Enter()
}

// file is one with the words as its name.
func (r *Room) file(words string) core.File {
	return core.File{
		Name: `C:\Music\` + words + ".mp3", MD5: core.Sum([]byte(words)), Size: 443332, Bitrate: 128,
		Frequency: 44100, Seconds: 60,
	}
}

// Forgotten waits until the server says that somebody is not there, or ends the case
// as inconclusive.
func (r *Room) Forgotten(nick string, as *User) {
	if !r.Gone(nick, as) {
		r.Inconclusivef("the server goes on to take %s for somebody who is there", nick)
	}
}

// Gone waits for the server to say that somebody is not there: a ping of him is an
// error.
func (r *Room) Gone(nick string, as *User) bool {
	for limit := r.Now() + AnswerWithin; r.Now() < limit; r.Wait(lookEvery) {
		as.heard = nil
		as.Say(core.TypePing, nick)
		as.Answers()
		if as.Heard(core.TypeError) {
			as.heard = nil
			return true
		}
	}
	return false
}

// Survives ends the case as failed unless a user is still served, after what another
// has done.
func (r *Room) Survives(u *User, what string) {
	if _, ok := u.answers(patience); !ok {
		r.Failf("after %s another user is not served: %s", what, u.instead())
	}
}

// shown are the texts of forms, for the words of a failure.
func shown[F interface{ Message() (core.Message, error) }](forms []F) string {
	texts := make([]string, len(forms))
	for i, f := range forms {
		texts[i] = "nothing that can be written"
		if m, err := f.Message(); err == nil {
			texts[i] = m.Text
		}
	}
	return cmp.Or(strings.Join(texts, "; "), "nothing")
}

// names are those of results, sorted.
func names(found []core.Result) []string {
	list := make([]string, len(found))
	for i, f := range found {
		list[i] = f.Name
	}
	slices.Sort(list)
	return list
}

// namesOf are those of files, sorted.
func namesOf(files []core.File) []string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = f.Name
	}
	slices.Sort(list)
	return list
}

// mustFind ends the case as failed unless a search yields files of these names, in
// any order.
func (u *User) mustFind(what string, q core.Search, want ...core.File) {
	if got, expected := names(u.Search(q)), namesOf(want); !slices.Equal(got, expected) {
		u.r.Mismatch(what, fmt.Sprintf("%q", got), fmt.Sprintf("%q", expected))
	}
}

// lookEvery is the pause between two looks at what takes the server a moment.
const lookEvery = 20 * time.Millisecond

// ip is the address that the server sees of a user.
func (u *User) ip() netip.Addr { return u.Local().Addr() }

// reach is where others are told to connect to.
func (u *User) reach() netip.AddrPort { return netip.AddrPortFrom(u.ip(), u.Port) }

// mustHave ends the case as inconclusive unless a search finds the file: the twin of
// one that must not.
func (u *User) mustHave(f core.File) {
	if found := u.Search(core.Search{Words: f.Name}); len(found) != 1 {
		u.r.Inconclusivef("a shared file is found %d times: %q", len(found), f.Name)
	}
}
