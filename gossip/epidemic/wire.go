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

func (Contact) IsMessage()  {}
func (Reply) IsMessage()    {}
func (Feedback) IsMessage() {}
func (Busy) IsMessage()     {}
