package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/p2pspec/p2pspec/kademlia"
)

// savedState is what a DHT node keeps between runs. BEP05-TBL-009
type savedState struct {
	ID       kademlia.ID
	Contacts []kademlia.Contact
}

// stateFile is its JSON form.
type stateFile struct {
	Format   int            `json:"format"`
	ID       string         `json:"id"`
	Contacts []stateContact `json:"contacts"`
}

type stateContact struct {
	ID   string         `json:"id"`
	Addr netip.AddrPort `json:"addr"`
}

const (
	stateFormat = 1
	// maxState bounds the file: a full routing table takes a twentieth of it.
	maxState = 1 << 20
)

// loadState reads the file; one that does not exist yet is empty.
func loadState(path string) (savedState, error) {
	if path == "" {
		return savedState{}, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return savedState{}, nil
	}
	if err != nil {
		return savedState{}, usagef("--state: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return savedState{}, usagef("--state: %v", err)
	}
	s, err := parseState(text)
	if err != nil {
		return savedState{}, usagef("--state %s: %v; remove it to begin anew", path, err)
	}
	return s, nil
}

func parseState(text []byte) (s savedState, err error) {
	if len(text) > maxState {
		return s, fmt.Errorf("longer than %d bytes", maxState)
	}
	var file stateFile
	if err := json.Unmarshal(text, &file); err != nil {
		return s, err
	}
	if file.Format != stateFormat {
		return s, fmt.Errorf("format %d, and this version reads %d", file.Format, stateFormat)
	}
	if s.ID, err = kademlia.ParseID(file.ID); err != nil {
		return s, err
	}
	for _, c := range file.Contacts {
		id, err := kademlia.ParseID(c.ID)
		if err != nil {
			return s, err
		}
		s.Contacts = append(s.Contacts, kademlia.Contact{ID: id, Addr: c.Addr})
	}
	return s, nil
}

// saveState replaces the file in one step, so that a crash leaves the old one.
func saveState(path string, s savedState) error {
	file := stateFile{Format: stateFormat, ID: s.ID.String(), Contacts: []stateContact{}}
	for _, c := range s.Contacts {
		file.Contacts = append(file.Contacts, stateContact{c.ID.String(), c.Addr})
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(append(text, '\n'))
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // best effort: the first error is what matters
	}
	return err
}
