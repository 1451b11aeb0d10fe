package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance/annotate"
)

// format is a protocol whose bytes decode explains.
type format struct {
	name, short, example string
	unit                 string // what its bytes are
	limit                int    // of them
	annotate             func([]byte) ([]annotate.Field, error)
}

func formats() []format {
	return []format{
		{"bittorrent", "Annotate the messages that one BitTorrent peer sends another, with or without its handshake",
			"0000000d06000000010000400000004000", "peer wire messages", 4 << 20, annotate.BitTorrent},
		{"dht", "Annotate one message of the Mainline DHT",
			"64313a71343a70696e67313a74323a6161313a79313a7165", "KRPC message", 65535, annotate.DHT},
		{"gnutella", "Annotate what one Gnutella servent sends another: a handshake, descriptors, the heads of transfers",
			"00112233445566778899aabbccddee0080030005000000800061", "message of Gnutella", 4 << 20, annotate.Gnutella},
		{"napster", "Annotate messages between a Napster client and its server, or the line between two clients",
			"0500cb006120226222", "message of Napster", 4 << 20, annotate.Napster},
		{"swim", "Annotate a packet, or a message of a stream, in memberlist's format",
			"0082a44e6f6465a6746172676574a55365714e6f2a", "message of memberlist", 4 << 20, annotate.Swim},
	}
}

func (a *app) decodeCommand() *cobra.Command {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	cmd := &cobra.Command{
		Use:   "decode PROTO [HEX|-]",
		Short: "Annotate the bytes of a message: offset, field, meaning, clause",
		RunE: func(*cobra.Command, []string) error {
			return usagef("decode: name a protocol; there are: %s", strings.Join(names, ", "))
		},
	}
	for _, f := range formats() {
		cmd.AddCommand(&cobra.Command{
			Use:   f.name + " [HEX|-]",
			Short: f.short,
			Long: f.short + `.
The bytes are given as hexadecimal digits, with or without blanks, or read from
the standard input as digits or as raw bytes.`,
			Example: "  p2pspec decode " + f.name + " " + f.example,
			Args:    cobra.MaximumNArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				message, err := a.message(args, f.limit)
				if err != nil {
					return err
				}
				return a.decode(f, message)
			},
		})
	}
	return cmd
}

// message is what the arguments or the standard input give: at most limit
// bytes, or four times as many as digits with blanks between.
func (a *app) message(args []string, limit int) ([]byte, error) {
	if len(args) == 1 && args[0] != "-" {
		b, ok := digits(args[0])
		if !ok {
			return nil, usagef("decode: %.40q is not hexadecimal; raw bytes are read with -", args[0])
		}
		return b, nil
	}
	raw, err := io.ReadAll(io.LimitReader(a.in, 4*int64(limit)+1))
	if err != nil {
		return nil, &fault{err}
	}
	if len(raw) > 4*limit {
		return nil, usagef("decode: more than %d bytes", limit)
	}
	if b, ok := digits(string(raw)); ok {
		return b, nil
	}
	return raw, nil
}

// digits reads hexadecimal, with an optional 0x and with blanks.
func digits(s string) ([]byte, bool) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	return b, err == nil
}

func (a *app) decode(f format, message []byte) error {
	fields, err := f.annotate(message)
	if fields == nil && err != nil {
		return usagef("decode: not a %s: %v", f.unit, err)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "offset\tbytes\tfield\tvalue\tmeaning\tclause")
	for _, f := range fields {
		meaning := f.Meaning
		if f.Problem != "" {
			meaning += "; WRONG: " + f.Problem
		}
		fmt.Fprintf(w, "%6d\t%s\t%s%s\t%s\t%s\t%s\n", f.Offset, shown(f.Bytes),
			strings.Repeat("  ", f.Depth), f.Path, f.Value, meaning, f.Clause)
	}
	if err := w.Flush(); err != nil {
		return &fault{err}
	}
	if err != nil {
		return a.print("\nA strict reader refuses it: %v\n", err)
	}
	return nil
}

// shownBytes is how many bytes of a field the table holds.
const shownBytes = 12

// shown is the bytes as printable text, with a dot for each other byte.
func shown(b []byte) string {
	more := ""
	if len(b) > shownBytes {
		b, more = b[:shownBytes], "…"
	}
	text := make([]byte, len(b))
	for i, c := range b {
		text[i] = c
		if c < ' ' || c > '~' {
			text[i] = '.'
		}
	}
	return string(text) + more
}
