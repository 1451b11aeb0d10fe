package interop_test

// memberDeviations concern members of SWIM. Debian's serf is built with
// memberlist v0.2.2.
func memberDeviations() []deviation {
	return []deviation{
		{
			Name: "crash-on-an-empty-part", Judgement: targetBug,
			What: "One datagram ends the process, from anybody where there is no key: a compound with a part of no " +
				"bytes, whose type is read all the same. memberlist v0.7 refuses it. The harness starts the client again.",
			Cases: []string{"swim/compound/empty-part"},
			Sources: []source{
				{"serf", "memberlist v0.2.2, net.go:359", "msgType := messageType(buf[0])"},
			},
		},
		{
			Name: "parts-counted-in-eight-bits", Judgement: targetBug,
			What: "The table of lengths is skipped by twice the number of parts, computed in eight bits: of a compound of " +
				"128 parts and more nothing is read as it was meant, though it writes such compounds itself.",
			Cases: []string{"swim/compound/of-255-parts"},
			Sources: []source{
				{"serf", "memberlist v0.2.2, util.go:202", "buf = buf[numParts*2:]"},
			},
		},
		{
			Name: "no-limit-to-what-is-inflated", Judgement: laxClause,
			What: "A datagram of 30 kB is inflated to 40 MiB, and read. The limit came with later versions: whoever " +
				"can send to a member could fill its memory.",
			Cases: []string{"swim/compression/bomb"},
			Sources: []source{
				{"serf", "memberlist v0.2.2, util.go:268", "_, err := io.Copy(&b, uncomp)"},
			},
		},
		{
			Name: "no-limit-to-the-nodes-of-a-push-pull", Judgement: laxClause,
			What: "Memory is set aside for as many nodes as a push/pull announces, before one of them has come. The limit " +
				"of 2^20 came with later versions.",
			Cases: []string{"swim/pushpull/of-too-many-nodes"},
			Sources: []source{
				{"serf", "memberlist v0.2.2, net.go:1105", "remoteNodes := make([]pushNodeState, header.Nodes)"},
			},
		},
	}
}
