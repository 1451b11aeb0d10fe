package bittorrent

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep41Client judges what a leecher tells a UDP tracker of the URL by which it
// was found: BEP 41.
var bep41Client = []Case{
	urlData("path-and-query", "/dir?a=b&c=d",
		"udp-announce-of-97-bytes", "udp-options-without-query", "udp-padded"),
	urlData("long-query", "/announce?passkey="+strings.Repeat("0123456789", 30),
		"udp-announce-of-97-bytes", "udp-options-cut-at-255", "udp-options-without-query", "udp-padded"),
	{
		ID: "bep41/client/nothing-for-no-path", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP41-EXT-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged packet itself",
		Explain: "The tracker's URL ends with its port. Nothing needs to be told: behind byte 98 there should be " +
			"nothing, or options that make sense and tell an empty path or \"/\".",
		Causes: []string{"the packet is filled up"},
		Within: 2 * downloadWithin,
		Kills:  []string{"udp-padded"},
		Run: func(t *T) {
			p := NewSwarm(t, Standard).UDP(Standard, "").FirstAnnounce()
			if len(p.Data) < announceSize {
				t.Inconclusivef("the announce has %d bytes", len(p.Data))
			}
			told, err := options(p.Data[announceSize:])
			if err != nil {
				t.Mismatch("the options", err, "none")
			}
			if told != "" && told != "/" {
				t.Mismatch("the URL data", fmt.Sprintf("%q", told), "nothing")
			}
		},
	},
}

// urlData judges the options of an announce to a URL with something behind the
// port.
func urlData(slug, suffix string, kills ...string) Case {
	return Case{
		ID: "bep41/client/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP41-EXT-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce itself",
		Explain: fmt.Sprintf("The tracker's URL has %d bytes behind the port. The announce may tell them by "+
			"options of the type 2 behind byte 98, in chunks of 255 bytes at most, and the target that does must "+
			"tell exactly those. One that knows no options is noted.", len(suffix)),
		Causes: []string{"the query is left out", "a length of more than a byte is cut", "options begin elsewhere"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			p := NewSwarm(t, Standard).UDP(Standard, suffix).FirstAnnounce()
			if len(p.Data) <= announceSize {
				t.Infof("the target tells the tracker nothing of its URL")
			}
			told, err := options(p.Data[announceSize:])
			if err != nil {
				t.Mismatch("the options", err, "options of BEP 41")
			}
			if told != suffix {
				t.Mismatch("the URL data", fmt.Sprintf("%q", told), fmt.Sprintf("%q", suffix))
			}
		},
	}
}

// options joins the URL data of options, whose form it checks.
func options(b []byte) (told string, err error) {
	var joined bytes.Buffer
	for len(b) > 0 {
		switch b[0] {
		case 0:
			return joined.String(), nil
		case 1:
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return "", fmt.Errorf("an option of the type %d is cut short", b[0])
		}
		if b[0] == 2 {
			joined.Write(b[2 : 2+int(b[1])])
		}
		b = b[2+int(b[1]):]
	}
	return joined.String(), nil
}
