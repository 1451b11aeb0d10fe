package dht

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/p2pspec/p2pspec/kademlia"
)

// contactsFile is where the built-in node keeps its routing table between two
// starts with the same state folder: one id and address a line.
const contactsFile = "contacts"

func loadContacts(dir string) ([]kademlia.Contact, error) {
	if dir == "" {
		return nil, nil
	}
	path := filepath.Join(dir, contactsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []kademlia.Contact
	for line := range strings.Lines(string(text)) {
		id, at, _ := strings.Cut(strings.TrimSpace(line), " ")
		c := kademlia.Contact{}
		if c.ID, err = kademlia.ParseID(id); err == nil {
			c.Addr, err = netip.ParseAddrPort(at)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(out)+1, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func saveContacts(dir string, contacts []kademlia.Contact) error {
	if dir == "" {
		return nil
	}
	var b bytes.Buffer
	for _, c := range contacts {
		fmt.Fprintln(&b, c.ID, c.Addr)
	}
	return os.WriteFile(filepath.Join(dir, contactsFile), b.Bytes(), 0o644)
}
