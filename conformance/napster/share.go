package napster

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var shareCases = []Case{
	{
		ID: "napster/share/is-found-with-all-its-fields", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-01", "NP-SE-04", "NP-TX-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged result itself",
		Explain: "A client shares a file, and another searches for its words. Exactly one result must come, with " +
			"the file's name, sum, size, bit rate, frequency and length as they were said, the nick of who shares " +
			"it, his address as a little-endian number, and his line.",
		Causes: []string{"fields are in another order", "the address is big-endian", "the sum is not kept"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word() + " song")
			a.Share(f)
			found := b.Search(core.Search{Words: f.Name})
			want := core.Result{File: f, Nick: a.Nick, IP: a.ip(), Link: a.Link}
			if len(found) != 1 || found[0] != want {
				r.Mismatch("the results", fmt.Sprintf("%+v", found), fmt.Sprintf("%+v", want))
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/share/ends-with-its-user", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SH-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search while the user is there, which finds the file",
		Explain: "A client shares a file, which another finds, and closes its stream. From then on nobody must " +
			"find the file: nobody could have it.",
		Causes: []string{"the files of users who left stay in the index"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.mustHave(f)
			a.Quit(b)
			b.mustFind("a search for a file of a user who left", core.Search{Words: f.Name})
			r.Earn()
		}),
	},
}
