package napster

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// ServerConfig describes a server. Zero fields take the defaults.
type ServerConfig struct {
	Epoch int64    // Unix time, in seconds, at which the server starts; 0 or more
	MOTD  []string // lines that whoever enters is told; at most 100

	MaxLinks     int // streams, 1…65536; default 1024
	MaxAccounts  int // nicks that are registered, 1…2²⁴; default 65,536
	MaxFiles     int // of everybody, 1…2²⁴; default 2²⁰
	MaxUserFiles int // of one user, 1…65536; default 5000
	MaxGets      int // downloads that wait for the uploader's consent, 1…65536; default 4096
	MaxUserGets  int // of one user, 1…MaxGets; default 32

	LoginTimeout time.Duration // between a stream's beginning and its login; default 30 s
	GetTimeout   time.Duration // for the uploader's consent; default 1 min
}

// maxMOTD bounds the lines of the message of the day.
const maxMOTD = 100

// maxTimeout keeps sums of instants and timeouts far from overflow.
const maxTimeout = 365 * 24 * time.Hour

func (c ServerConfig) withDefaults() (ServerConfig, error) {
	c.MOTD = slices.Clone(c.MOTD)
	c.MaxLinks = cmp.Or(c.MaxLinks, 1024)
	c.MaxAccounts = cmp.Or(c.MaxAccounts, 1<<16)
	c.MaxFiles = cmp.Or(c.MaxFiles, 1<<20)
	c.MaxUserFiles = cmp.Or(c.MaxUserFiles, 5000)
	c.MaxGets = cmp.Or(c.MaxGets, 4096)
	c.MaxUserGets = cmp.Or(c.MaxUserGets, min(32, c.MaxGets))
	c.LoginTimeout = cmp.Or(c.LoginTimeout, 30*time.Second)
	c.GetTimeout = cmp.Or(c.GetTimeout, time.Minute)
	for _, l := range []struct {
		name      string
		v         int
		low, high int
	}{
		{"len(MOTD)", len(c.MOTD), 0, maxMOTD},
		{"MaxLinks", c.MaxLinks, 1, 1 << 16},
		{"MaxAccounts", c.MaxAccounts, 1, 1 << 24},
		{"MaxFiles", c.MaxFiles, 1, 1 << 24},
		{"MaxUserFiles", c.MaxUserFiles, 1, 1 << 16},
		{"MaxGets", c.MaxGets, 1, 1 << 16},
		{"MaxUserGets", c.MaxUserGets, 1, c.MaxGets},
	} {
		if l.v < l.low || l.v > l.high {
			return c, fmt.Errorf("napster: ServerConfig.%s is %d, want %d to %d", l.name, l.v, l.low, l.high)
		}
	}
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"LoginTimeout", c.LoginTimeout}, {"GetTimeout", c.GetTimeout}} {
		if err := checkTimeout("ServerConfig."+p.name, p.d); err != nil {
			return c, err
		}
	}
	for i, line := range c.MOTD {
		if err := checkText(Message{TypeMOTD, line}); err != nil {
			return c, fmt.Errorf("napster: ServerConfig.MOTD[%d]: %w", i, err)
		}
	}
	if c.Epoch < 0 || c.Epoch > math.MaxInt32*1000 {
		return c, fmt.Errorf("napster: ServerConfig.Epoch is %d, no time in seconds", c.Epoch)
	}
	return c, nil
}

func checkTimeout(name string, d time.Duration) error {
	if d < time.Millisecond || d > maxTimeout {
		return fmt.Errorf("napster: %s is %v, want 1ms to %v", name, d, maxTimeout)
	}
	return nil
}

// MaxEffects bounds the effects of one Step: the end of every stream that did not
// log in and of every download that waits, and the longest answer.
func (c ServerConfig) MaxEffects() (int, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	const around = 4 // what begins or ends an answer
	return 2*c.MaxLinks + c.MaxGets + max(c.MaxUserFiles, MaxResults, len(c.MOTD)) + around, nil
}
