package bad

import "errors"

var (
	ErrGone = errors.New("gone")
	_       = ErrGone

	counter  int                      // want variable
	table    = map[string]int{"a": 1} // want variable
	errLast  error                    // want variable
	ErrCount = len("abc")             // want variable
)
