package napster

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var downloadCases = []Case{
	{
		ID: "napster/download/is-granted", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-DL-01", "NP-DL-02", "NP-DL-03", "NP-TX-03"},
		Role:         conformance.Index, Kind: conformance.State,
		Control: "the judged answers themselves",
		Explain: "A client asks for a file of another with 203. The server must ask its owner with 607, naming the " +
			"asker and the file; when the owner agrees with 608 it must tell the asker with 204 the owner's nick, " +
			"address, port and line, and the file's name and sum.",
		Causes: []string{
			"204 comes before the consent", "607 names the owner and not the asker", "the sum is not kept",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.ask(core.TypeGet, a, f)
			b.Answers()
			if b.Heard(core.TypeGetAck) {
				r.Failf("204 comes before the owner has agreed")
			}
			a.grants(b, f)
			b.mustAck(core.TypeGetAck, a, a.Port, f)
			r.Earn()
		}),
	},
}

// ask asks for a file of another user.
func (u *User) ask(t core.Type, owner *User, f core.File) {
	u.say(core.Request{Nick: owner.Nick, Name: f.Name}.Message(t))
}

// grants waits for the question about a file, and agrees.
func (u *User) grants(asker *User, f core.File) {
	m := u.Must("a request", core.TypeUpload)
	got, err := core.ParseRequest(m.Type, m.Text)
	if want := (core.Request{Nick: asker.Nick, Name: f.Name}); err != nil || got != want {
		u.r.Mismatch("607", fmt.Sprintf("%.200q", m.Text), fmt.Sprintf("%s %q", want.Nick, want.Name))
	}
	u.say(got.Message(core.TypeUploadAck))
}

// mustAck waits for the answer that says how to reach somebody for a file.
func (u *User) mustAck(t core.Type, who *User, port uint16, f core.File) {
	m := u.Must("a granted request", t)
	got, err := core.ParseAck(m.Type, m.Text)
	want := core.Ack{
		Nick: who.Nick, Addr: netip.AddrPortFrom(who.ip(), port), Name: f.Name, MD5: f.MD5, Link: who.Link,
	}
	if err != nil || got != want {
		u.r.Mismatch(fmt.Sprint(t), fmt.Sprintf("%.300q", m.Text), fmt.Sprintf("%+v", want))
	}
}
