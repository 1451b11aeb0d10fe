package conformance

// Diagram is a drawing in lines of ASCII, for characters of equal width.
type Diagram struct {
	Title string   `json:"title"`
	Lines []string `json:"lines"`
}

// Illustrator is a [Network] that can draw what went over it during a case.
type Illustrator interface{ Diagrams() []Diagram }

// illustrate adds the drawings to an explanation of what did not hold.
func (t *T) illustrate() {
	artist, ok := t.net.(Illustrator)
	if ok && t.failure != nil && t.verdict == t.c.Level.Unmet() {
		t.failure.Diagrams = artist.Diagrams()
	}
}
