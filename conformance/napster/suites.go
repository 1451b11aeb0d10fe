package napster

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
)

// Family selects all suites of this package.
const Family = "napster"

// Suites are the suites of an index, as one.
func Suites() []conformance.Suite {
	return []conformance.Suite{{
		Name: "napster", Family: Family, Title: "Napster's central index, as the document of 2000 and OpenNap have it",
		Control: playing(func(r *Room) {
			u := r.Come()
			u.say(u.Login.Message())
			if !r.Until(func() bool { return len(u.heard) > 0 || u.gone() }, AnswerWithin) || u.Ended() {
				r.Inconclusivef("a login is answered by %s", u.instead())
			}
			r.Earn() // whatever it says: that is judged
		}),
		Frame: frame, LintStream: lintStream,
		Cases: slices.Concat(
			framingCases, loginCases, accountCases, shareCases, searchCases, browseCases, downloadCases, pushCases, whoisCases,
			statsCases, hostileCases,
		),
	}}
}
