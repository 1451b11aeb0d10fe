package main

import (
	"errors"
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
	file, err := os.Create(f.record)
	if err != nil {
		return nil, usagef("the tape cannot be written: %v", err)
	}
	return file, nil
}

// writeTape ends it.
func writeTape(file *os.File, r *conformance.Report) error {
	if file == nil {
		return nil
	}
	return asFault(errors.Join(conformance.TapesOf(r).Write(file), file.Close()))
}
