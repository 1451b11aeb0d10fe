package epidemic

// The messages of rumor mongering.
type (
	// Contact opens a contact: it pushes the rumors that are hot at the sender,
	// and with Pull asks for those of the receiver.
	Contact struct {
		Pull   bool
		Rumors []Rumor
	}
	// Reply answers a Contact: the rumors that it asked for, and what each of
	// those that it pushed was worth. It is left out when it would be empty.
	Reply struct {
		Rumors   []Rumor
		Verdicts []Verdict
	}
	// Feedback says what each rumor of a Reply was worth.
	Feedback struct{ Verdicts []Verdict }
	// Busy refuses a Contact: the receiver has accepted as many as it may in this
	// cycle, and has learned nothing from this one.
	Busy struct{}
)

// A Rumor is an update that its sender finds interesting.
type Rumor struct {
	Update
	Level uint8 // of the sender by the median-counter rule: m in B-m, or Cooling; otherwise 0
}

// Cooling is the level of a rumor in state C of the median-counter rule.
const Cooling = 255

// A Verdict says whether a rumor was news: whether the receiver had not known it
// when its current cycle began.
type Verdict struct {
	Stamp Stamp
	News  bool
}

// The messages of anti-entropy. A range of keys is from From, included, to To,
// excluded; an empty To is the end.
type (
	// Entries holds all that the sender has in a range. With Give the sender wants
	// what the receiver has there that is later or missing in it.
	Entries struct {
		From, To string
		Give     bool
		Updates  []Update // in the order of keys
	}
	// Ask wants Entries of a range, with Give as it is here.
	Ask struct {
		From, To string
		Give     bool
	}
	// Summary describes ranges of the sender's database, one after the other. It
	// is answered for each that is different at the receiver.
	Summary struct{ Ranges []Range }
	// Peel holds the sender's updates with stamps below High, the latest first,
	// as many as fit: all from Low on. An Answer leaves out what the receiver has
	// just sent. High is zero for no bound; Low is zero when all are told.
	Peel struct {
		Answer    bool
		Sum       uint64 // of the sender's whole database
		High, Low Stamp
		Updates   []Update
	}
)

// A Range is what a node has in a range of keys. Sum adds up the hashes of the
// versions; the encoding of updates does not matter to it.
type Range struct {
	From, To string
	Count    uint32
	Sum      uint64
}

func (Contact) IsMessage()  {}
func (Reply) IsMessage()    {}
func (Feedback) IsMessage() {}
func (Busy) IsMessage()     {}
func (Entries) IsMessage()  {}
func (Ask) IsMessage()      {}
func (Summary) IsMessage()  {}
func (Peel) IsMessage()     {}
