package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

// overlayCommand serves a reference node of an overlay on stdin and stdout.
func (a *app) overlayCommand(family string, node func(seed uint64) stdio.Node) *cobra.Command {
	var lines bool
	cmd := &cobra.Command{
		Use:   family,
		Short: "Run one node of " + family + " on stdin and stdout",
		Long: fmt.Sprintf(`Run one node of %s on stdin and stdout, one JSON object a line, until the end of its
stdin: docs/overlay.md for overlays, docs/maelstrom.md for Maelstrom's workloads.`, family),
		Example: fmt.Sprintf("  p2pspec check %s --exec 'p2pspec serve %s --stdio'", family, family),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !lines {
				return usagef("serve %s: it has no socket: add --stdio", family)
			}
			var seed [8]byte
			rand.Read(seed[:]) // never fails
			return asFault(stdio.Serve(cmd.Context(), a.in, a.out, node(binary.NativeEndian.Uint64(seed[:]))))
		},
	}
	cmd.Flags().BoolVar(&lines, "stdio", false, "speak on stdin and stdout")
	return cmd
}
