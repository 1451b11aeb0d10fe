package ggep

import "errors"

// maxRun is the longest run of bytes that one code stands for.
const maxRun = 0xff

var (
	errZero = errors.New("COBS: NUL within")
	errRun  = errors.New("COBS: a run beyond the end")
)

// cobs writes data without NUL, as Cheshire and Baker's paper has it: each run of
// other bytes comes after its length plus one, which stands for the NUL at its
// end unless the run has 254.
func cobs(data []byte) []byte {
	b := make([]byte, 1, len(data)+len(data)/(maxRun-1)+1)
	code := 0 // where the length of the run goes
	for _, c := range data {
		if c != 0 {
			b = append(b, c)
		}
		if c == 0 || len(b)-code == maxRun {
			b[code] = byte(len(b) - code)
			code, b = len(b), append(b, 0)
		}
	}
	b[code] = byte(len(b) - code)
	return b
}

// uncobs reads what cobs writes, and what those write who leave out the last code
// after a full run.
func uncobs(b []byte) ([]byte, error) {
	data := make([]byte, 0, len(b))
	for at := 0; at < len(b); {
		run := int(b[at])
		switch {
		case run == 0:
			return nil, errZero
		case len(b)-at < run:
			return nil, errRun
		}
		for _, c := range b[at+1 : at+run] {
			if c == 0 {
				return nil, errZero
			}
		}
		data = append(data, b[at+1:at+run]...)
		at += run
		if run < maxRun && at < len(b) {
			data = append(data, 0)
		}
	}
	return data, nil
}
