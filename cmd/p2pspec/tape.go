package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/p2pspec/p2pspec/conformance"
)

// onTape serves --tape: it keeps those of the selected cases that are on the tape,
// which the run's seed has to be that of.
func (f *checkFlags) onTape(
	selected []conformance.Selected, seedGiven bool,
) (taped []conformance.Selected, ids []string, err error) {
	if err := f.validate(); err != nil {
		return nil, nil, err
	}
	file, err := os.Open(f.tape)
	if err != nil {
		return nil, nil, usagef("--tape: %v", err)
	}
	defer file.Close()
	if f.tapes, err = conformance.ReadTapes(file); err != nil {
		return nil, nil, usagef("--tape %s: %v", f.tape, err)
	}
	if seedGiven && f.seed != f.tapes.Seed {
		return nil, nil, usagef("--seed %d: the tape was made with %d", f.seed, f.tapes.Seed)
	}
	f.seed = f.tapes.Seed
	for _, s := range selected {
		if f.tapes.Find(s.Case.ID) != nil {
			taped, ids = append(taped, s), append(ids, s.Case.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil, usagef("--tape %s: none of the %d cases named is on it", f.tape, len(selected))
	}
	return taped, ids, nil
}

// openTape serves --record: a file that cannot be written is better known before the
// run than after it.
func (f *checkFlags) openTape() (*os.File, error) {
	if f.record == "" {
		return nil, nil
	}
	file, err := os.OpenFile(f.record, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, usagef("the tape cannot be written: %v", err)
	}
	return file, nil
}

// writeTape puts the run's tape in the place of what the file had, if anything is on it.
func (a *app) writeTape(file *os.File, r *conformance.Report) error {
	if file == nil {
		return nil
	}
	tapes := conformance.TapesOf(r)
	if len(tapes.Cases) == 0 {
		fmt.Fprintf(a.err, "p2pspec: %s was not written: nothing crossed the network that a tape can tell\n", file.Name())
		return file.Close()
	}
	return asFault(errors.Join(file.Truncate(0), tapes.Write(file), file.Close()))
}
