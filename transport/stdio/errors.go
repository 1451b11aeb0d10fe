package stdio

import "fmt"

// Error is the answer to a request that failed.
type Error struct {
	Code int    `json:"code"`
	Text string `json:"text"`
}

func (e *Error) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Text) }

// Fields are those of the answer that says it.
func (e *Error) Fields() map[string]any { return map[string]any{"code": e.Code, "text": e.Text} }

// The codes of errors, as Maelstrom has them. Those from 1000 on are free.
const (
	Timeout            = 0  // it may or may not have happened
	NodeNotFound       = 1  // there is no node of that name
	NotSupported       = 10 // the type of the request is not known
	Unavailable        = 11 // not now: try again
	MalformedRequest   = 12 // the request is not as the protocol has it
	Crash              = 13 // it may or may not have happened
	Abort              = 14 // it did not happen
	KeyDoesNotExist    = 20
	KeyAlreadyExists   = 21
	PreconditionFailed = 22
	TxnConflict        = 30
)

// Definite reports whether a request that is answered with the code has surely
// had no effect.
func Definite(code int) bool {
	switch code {
	case Timeout, Crash:
		return false
	}
	return code < 1000
}

// Errorf returns an answer to a request that failed.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}
