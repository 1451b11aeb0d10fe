package interop_test

import "slices"

// judgement says where the cause of a deviation lies.
type judgement string

const (
	targetBug  judgement = "Target bugs"
	laxClause  judgement = "Lax clauses"
	ourDoubt   judgement = "Our doubts"
	notReached judgement = "Not concluded"
)

func judgements() []judgement { return []judgement{targetBug, laxClause, ourDoubt, notReached} }

func (j judgement) meaning() string {
	switch j {
	case targetBug:
		return "The text is clear and the client does otherwise, or it ends."
	case laxClause:
		return "The text is vague, silent, contradicted or ignored by the field; the client's reading " +
			"harms nobody or is a design of its own."
	case ourDoubt:
		return "The case may ask too much, or the way in which the client is driven has a part in it."
	default:
		return "The case ran, and nothing can be said: the client did not do what would be judged within " +
			"the time that the case has, or cannot be brought to it."
	}
}

// source is a place in a client's source at the version that was run.
type source struct {
	Client string
	At     string // file and line
	Line   string // the line itself, as far as one line tells it
}

// deviation is one way in which clients differ from the text.
type deviation struct {
	Name      string
	Judgement judgement
	What      string
	Cases     []string
	Sources   []source
}

// explains reports whether the deviation is what the client's case shows.
func (d deviation) explains(client, id string) bool {
	return slices.Contains(d.Cases, id) &&
		slices.ContainsFunc(d.Sources, func(s source) bool { return s.Client == client })
}

// deviations are all of them, in the order of the page within their judgement.
func deviations() []deviation {
	return slices.Concat(
		protocolDeviations(), tableDeviations(), extensionDeviations(), trackerDeviations(), peerDeviations(),
		parserDeviations(), memberDeviations(), indexDeviations(), serventDeviations(), openCases())
}
