package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
)

// workplace is what a program finds on disk: its folder, with the content that
// it starts with, and beside that its torrent.
type workplace struct {
	dir     string
	torrent string    // path of the metainfo file, or ""
	made    []tempDir // that end with the instance
}

func newWorkplace(opt StartOptions) (*workplace, error) {
	w := &workplace{}
	if err := w.furnish(opt); err != nil {
		w.remove()
		return nil, err
	}
	return w, nil
}

func (w *workplace) furnish(opt StartOptions) error {
	dir, made, err := stateDir(opt.Dir)
	if err != nil {
		return err
	}
	w.dir, w.made = dir, []tempDir{made}
	for name, content := range opt.Files {
		if err := w.write(name, content); err != nil {
			return err
		}
	}
	if opt.Torrent == nil {
		return nil
	}
	beside, err := os.MkdirTemp("", "p2pspec-torrent-")
	if err != nil {
		return err
	}
	w.made = append(w.made, tempDir(beside))
	w.torrent = filepath.Join(beside, "p2pspec.torrent")
	return os.WriteFile(w.torrent, opt.Torrent, 0o644)
}

func (w *workplace) write(name string, content []byte) error {
	path, err := w.path(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

func (w *workplace) path(name string) (string, error) {
	local, err := filepath.Localize(name)
	if err != nil {
		return "", fmt.Errorf("%q is no path below a folder: %w", name, err)
	}
	return filepath.Join(w.dir, local), nil
}

// fileLimit bounds what is read of a file that a target wrote: many times the
// content of any case.
const fileLimit = 64 << 20

// ReadFile reads a file of the program's folder.
func (w *workplace) ReadFile(name string) ([]byte, error) {
	path, err := w.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if len(b) > fileLimit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, fileLimit)
	}
	return b, err
}

func (w *workplace) remove() {
	for _, d := range w.made {
		d.remove()
	}
}

// tempDir is a state folder that we made, or "" for one that we were given.
type tempDir string

func (d tempDir) remove() {
	if d != "" {
		_ = os.RemoveAll(string(d)) // a left-over folder harms nobody
	}
}

func stateDir(given string) (dir string, made tempDir, err error) {
	if given != "" {
		return given, "", nil
	}
	dir, err = os.MkdirTemp("", "p2pspec-target-")
	return dir, tempDir(dir), err
}

// portTries is how often a port that is free for datagrams may be taken for
// streams before that is the system's fault.
const portTries = 20

// freePort finds a port that is free now for datagrams and for streams. The
// program binds it a moment later; should another take it meanwhile, the start
// fails and says so.
func freePort(ip netip.Addr) (netip.AddrPort, error) {
	if !ip.IsValid() {
		ip = LoopbackAddr()
	}
	var failed error
	for range portTries {
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
		if err != nil {
			return netip.AddrPort{}, err
		}
		at := netip.AddrPortFrom(ip, u.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		_ = u.Close() // it was held only so that nobody else had it
		if err == nil {
			return at, l.Close()
		}
		failed = errors.Join(failed, err)
	}
	return netip.AddrPort{}, fmt.Errorf("no free port: %w", failed)
}
