package conformance

// Quitter is an instance that can be asked to end in good order, as its user
// would, while the case goes on to play the world around it. Quit returns at
// once; an end after it is no crash.
type Quitter interface {
	Quit() error
}

// Quit asks the target to end in good order. One that cannot be asked ends the
// case as unsupported.
func (t *T) Quit() {
	err := ErrUnsupported
	if q, ok := t.Instance().(Quitter); ok {
		t.mark("target asked to end")
		err = q.Quit()
	}
	t.noteQuit(err)
	if err == ErrUnsupported {
		t.Unsupportedf("the target cannot be asked to end while the case goes on")
	}
	if err != nil {
		t.Inconclusivef("the target cannot be asked to end: %v", err)
	}
}
