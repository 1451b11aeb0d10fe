package transfer

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// File is one that is shared, complete. Its place in Config.Files is the piece of
// the driver's storage that has it.
type File struct {
	Index uint32   // by which others ask for it; no two have one
	Size  uint32   // in bytes, at most MaxSize
	Name  string   // 1 to 255 bytes in one line
	SHA1  urn.SHA1 // zero: not known
}

// Limits that no Config changes.
const (
	MaxSize = 1<<31 - 1 // bytes of a file: what storage effects can name

	maxLine      = 128              // bytes of UserAgent: it is in every head
	maxPipelined = 8                // requests that wait for the answer to another: browsers send four
	maxTold      = 10               // alternate locations in a head (HUGE §6.2.2 leaves the number open)
	maxTries     = 3                // of a source in a row that brought nothing
	maxShorts    = 16               // answers of less than minProgress on a stream: others come first then
	maxRefusals  = 120              // of a source in a row that was busy: two hours, a minute each
	maxStoring   = 1024             // Stores of a download that are unanswered
	storageLimit = 10 * time.Minute // to hash or to store what came: a disk that takes longer is broken
	maxInterval  = 24 * time.Hour   // of any time in Config, so that sums do not overflow
	maxFiles     = 1 << 20          // shared

	namedPerSource = 4       // sources named by others in a download, for one of Config.Sources
	offersShare    = 4       // of Config.Conns, one in so many may be an offer that is being dialled
	minProgress    = 1 << 10 // bytes in Config.StallTimeout: the slowest modem brings more in a second
)

// Config describes a participant. Zero fields take the default named.
type Config struct {
	Files     []File         // what is shared
	Addr      netip.AddrPort // where others reach it; not taken for another's location
	ServentID wire.GUID      // by which pushes are answered
	UserAgent string         // default "p2pspec"

	Uploads    int // bodies sent at once; default 4
	Queue      int // streams that wait for their turn (GN-PU-17); default 16
	Conns      int // streams on which others ask; default 64
	Downloads  int // at once; default 16
	Sources    int // of one download; default 32
	Alternates int // other locations remembered of a file; default 32
	Block      int // bytes of a file loaded at once, at most MaxBody; default 32768
	Window     int // bytes written to a stream that were not yet Drained; default 65536, see StallTimeout

	// StallTimeout is for the next 1024 bytes of a source, and for Drained, which only
	// comes when all that was written is gone: who takes less than Window in this time,
	// or than the rest of a file, is given up. Default 1 min.
	StallTimeout time.Duration

	HeadTimeout time.Duration // for a dial, and for the head of a message; default 30 s
	IdleTimeout time.Duration // between two requests on a stream; default 1 min
	PushTimeout time.Duration // from a push to the GIV; default 30 s
	RetryAfter  time.Duration // until the same source is asked again; default 1 min (GN-PU-16)
	PollMin     time.Duration // before who waits in the queue may ask again; default 30 s
	PollMax     time.Duration // until it has to; default 2 min
}

func (c Config) withDefaults() (Config, error) {
	if c.UserAgent == "" {
		c.UserAgent = "p2pspec"
	}
	if len(c.UserAgent) > maxLine || !isLine(c.UserAgent) || strings.TrimSpace(c.UserAgent) != c.UserAgent {
		return c, fmt.Errorf("transfer: Config.UserAgent is %.140q, want at most %d bytes in one line",
			c.UserAgent, maxLine)
	}
	if err := c.checkFiles(); err != nil {
		return c, err
	}
	for _, n := range []struct {
		name              string
		v                 *int
		standard, lo, top int
	}{
		{"Uploads", &c.Uploads, 4, 1, 1 << 10},
		{"Queue", &c.Queue, 16, 1, 1 << 10},
		{"Conns", &c.Conns, 64, 1, 1 << 12},
		{"Downloads", &c.Downloads, 16, 1, 1 << 10},
		{"Sources", &c.Sources, 32, 1, 1 << 10},
		{"Alternates", &c.Alternates, 32, 1, 1 << 10},
		{"Block", &c.Block, 32 << 10, 1, MaxBody},
		{"Window", &c.Window, 64 << 10, 1, 1 << 24},
	} {
		if *n.v == 0 {
			*n.v = n.standard
		}
		if *n.v < n.lo || *n.v > n.top {
			return c, fmt.Errorf("transfer: Config.%s is %d, want %d to %d", n.name, *n.v, n.lo, n.top)
		}
	}
	return c.withTimes()
}

func (c Config) withTimes() (Config, error) {
	for _, d := range []struct {
		name     string
		v        *time.Duration
		standard time.Duration
	}{
		{"HeadTimeout", &c.HeadTimeout, 30 * time.Second},
		{"IdleTimeout", &c.IdleTimeout, time.Minute},
		{"StallTimeout", &c.StallTimeout, time.Minute},
		{"PushTimeout", &c.PushTimeout, 30 * time.Second},
		{"RetryAfter", &c.RetryAfter, time.Minute},
		{"PollMin", &c.PollMin, 30 * time.Second},
		{"PollMax", &c.PollMax, 2 * time.Minute},
	} {
		if *d.v == 0 {
			*d.v = d.standard
		}
		if *d.v < time.Millisecond || *d.v > maxInterval {
			return c, fmt.Errorf("transfer: Config.%s is %v, want 1ms to %v", d.name, *d.v, maxInterval)
		}
	}
	if c.PollMax < c.PollMin+time.Second {
		return c, fmt.Errorf("transfer: Config.PollMax is %v, want a second more than PollMin, %v", c.PollMax,
			c.PollMin)
	}
	return c, nil
}

func (c *Config) checkFiles() error {
	if len(c.Files) > maxFiles {
		return fmt.Errorf("transfer: %d files are shared, at most %d", len(c.Files), maxFiles)
	}
	indexes := make(map[uint32]bool, len(c.Files))
	for _, f := range c.Files {
		switch {
		case f.Name == "" || len(f.Name) > maxName || !isLine(f.Name):
			return fmt.Errorf("transfer: file %d: the name %.40q, want 1 to %d bytes in one line",
				f.Index, f.Name, maxName)
		case f.Size > MaxSize:
			return fmt.Errorf("transfer: file %d has %d bytes, at most %d can be sent", f.Index, f.Size, MaxSize)
		case indexes[f.Index]:
			return fmt.Errorf("transfer: two files have the index %d", f.Index)
		}
		indexes[f.Index] = true
	}
	return nil
}

// MaxEffects bounds the effects of one Step: every stream may end, or have its
// requests answered, and every download go on to its next source.
func (c Config) MaxEffects() int {
	c, err := c.withDefaults()
	if err != nil {
		return 0
	}
	const perAnswer, perDownload = 3, 8
	return c.Conns*(maxPipelined*perAnswer+perAnswer) + c.Downloads*perDownload + perDownload
}
