package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// PeerIDStyle is a convention by which a client writes itself into its peer id.
type PeerIDStyle uint8

// The conventions of BEP 20.
const (
	StyleNone     PeerIDStyle = iota // no convention, and no fault either (BEP20-ID-002)
	StyleAzureus                     // -TR3000-, then random bytes (BEP20-ID-001)
	StyleShadow                      // T03I-----, then random bytes
	StyleMainline                    // M7-10-5-, then random bytes
)

// Client is what a peer id says of the program that made it.
type Client struct {
	Style PeerIDStyle
	Code  string // as in the id: TR, T or M
	// Version is the characters or numbers of the version with dots between.
	// What a letter stands for in Azureus' style is up to the client.
	Version string
}

// azureusPrefix is the length of -XXnnnn-.
const azureusPrefix = 8

// ParsePeerID recognises the convention that a peer id follows. An id that
// follows none is as good as any other, and gives the zero Client.
// BEP20-ID-001, BEP20-ID-002
func ParsePeerID(id [20]byte) Client {
	s := string(id[:])
	if isAzureus(s[:azureusPrefix]) {
		return Client{StyleAzureus, s[1:3], strings.Join(strings.Split(s[3:7], ""), ".")}
	}
	if c, ok := parseDashed(s); ok {
		return c
	}
	if c, ok := parseShadow(s); ok {
		return c
	}
	return Client{}
}

// NewPeerID joins a prefix of Azureus' style, such as -XY0102-, with random
// bytes, which the caller draws anew for each session. The error is an
// *[Error]. BEP20-ID-001
func NewPeerID(prefix string, random [20 - azureusPrefix]byte) ([20]byte, error) {
	if len(prefix) != azureusPrefix || !isAzureus(prefix) {
		return [20]byte{}, &Error{"BEP20-ID-001",
			fmt.Sprintf("%q is no dash, two letters of a client, four of its version and a dash", prefix)}
	}
	var id [20]byte
	copy(id[copy(id[:], prefix):], random[:])
	return id, nil
}

func isAzureus(prefix string) bool {
	inner := prefix[1 : azureusPrefix-1]
	return prefix[0] == '-' && prefix[azureusPrefix-1] == '-' && strings.Trim(inner, alphanumeric) == ""
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// parseDashed reads a letter, or a letter and a digit as aria2 writes, and
// three numbers with a dash behind each.
func parseDashed(s string) (c Client, ok bool) {
	code := 1
	if strings.HasPrefix(s, "A2-") {
		code = len("A2-")
	}
	fields := strings.SplitN(s[code:], "-", 4)
	if len(fields) < 4 || strings.Trim(s[:1], alphanumeric) != "" {
		return Client{}, false
	}
	for _, number := range fields[:3] {
		if number == "" || len(number) > 3 || strings.Trim(number, "0123456789") != "" {
			return Client{}, false
		}
	}
	return Client{StyleMainline, strings.TrimSuffix(s[:code], "-"), strings.Join(fields[:3], ".")}, true
}

// parseShadow reads a letter and up to five characters of a version, each a
// number below 64, filled up with dashes, and three dashes.
func parseShadow(s string) (c Client, ok bool) {
	const versionEnd = 6
	if s[versionEnd:versionEnd+3] != "---" || strings.Trim(s[:1], alphanumeric) != "" {
		return Client{}, false
	}
	var version []string
	for _, digit := range strings.TrimRight(s[1:versionEnd], "-") {
		n := strings.IndexRune(alphanumeric+".-", digit)
		if n < 0 {
			return Client{}, false
		}
		version = append(version, strconv.Itoa(n))
	}
	if len(version) == 0 {
		return Client{}, false
	}
	return Client{StyleShadow, s[:1], strings.Join(version, ".")}, true
}
