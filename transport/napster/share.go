package napster

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/folder"
)

// pendingShares bounds the commands that share files and wait for the machine: few of
// those that may wait, and far more than it takes to be busy.
const pendingShares = 256

// offer is a shared file: its place in the folder, and what is said of it.
type offer struct {
	at int
	napster.File
}

// Skipped says what of the folder is not shared, and why.
func (c *Client) Skipped() []error {
	if c.shared == nil {
		return nil
	}
	return slices.Concat(c.shared.Skipped, c.skipped)
}

// openShared reads the folder, and hashes the beginning of each file.
//
// NP-SH-03
func (c *Client) openShared() (err error) {
	var sums []napster.MD5
	c.shared, err = folder.Share(c.cfg.Share, func(r io.Reader) error {
		beginning, err := io.ReadAll(io.LimitReader(r, napster.HashedBytes))
		sums = append(sums, napster.Sum(beginning))
		return err
	})
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for i, f := range c.shared.Files {
		if named[f.Name] {
			c.skipped = append(c.skipped, fmt.Errorf("%q is not shared: another file has this name", f.Name))
			continue
		}
		named[f.Name] = true
		file := napster.File{Name: f.Name, MD5: sums[i], Size: uint32(f.Size)}
		if err := napster.CheckFileName(f.Name); err != nil {
			c.skipped = append(c.skipped, fmt.Errorf("%q is not shared: %w", f.Name, err))
			continue
		}
		c.offers = append(c.offers, offer{i, file})
	}
	return nil
}

// share offers the next n files to the index. Each command that ends makes room for one
// more: however many files there are, they do not crowd out other commands.
func (c *Client) share(n int) {
	c.mu.Lock()
	n = min(n, len(c.unsaid))
	files := c.unsaid[:n]
	c.unsaid = c.unsaid[n:]
	c.mu.Unlock()
	for _, f := range files {
		c.command(func(op spec.OpID) spec.Input { return napster.Share{Op: op, File: f.File} })
	}
}

// openNamed opens a shared file by its name.
func (c *Client) openNamed(name string) (*os.File, int64, error) {
	i := slices.IndexFunc(c.offers, func(f offer) bool { return f.Name == name })
	if i < 0 {
		return nil, 0, napster.ErrNotShared
	}
	file, err := c.shared.Open(c.offers[i].at)
	return file, int64(c.offers[i].Size), err
}
