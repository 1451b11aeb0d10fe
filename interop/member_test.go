package interop_test

// memberDeviations concern members of SWIM. Debian's serf is built with
// memberlist v0.2.2.
func memberDeviations() []deviation {
	return []deviation{
		{
			Name: "crash-on-an-empty-part", Judgement: targetBug,
			What: "One datagram ends the process, from anybody where there is no key: a compound with a part of no " +
				"bytes, whose type is read all the same. memberlist v0.7 refuses it. The harness starts the client again.",
			Cases: []string{"swim/hostile/empty-part"},
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
			Name: "crash-on-the-size-of-a-map", Judgement: targetBug,
			What: "One datagram of 12 bytes ends the process for want of memory: a message with a field that announces " +
				"a map of 2^32-1 entries, for which room is made at once, more than 300 GB. Its bytes have yet to come.",
			Cases: []string{"swim/hostile/lengths-beyond-the-packet"},
			Sources: []source{
				{
					"serf", "go-msgpack v0.5.5, codec/decode.go:962",
					"m = make(map[interface{}]interface{}, containerLen)",
				},
			},
		},
		{
			Name: "no-limit-to-what-a-stream-announces", Judgement: laxClause,
			What: "Memory is set aside for as many nodes, and as long a user message, as a stream announces, before any " +
				"has come. The limits of 2^20 nodes and 20 MiB came with later versions.",
			Cases: []string{"swim/pushpull/of-too-many-nodes", "swim/hostile/user-messages"},
			Sources: []source{
				{
					"serf", "memberlist v0.2.2, net.go:1105, and likewise :1190",
					"remoteNodes := make([]pushNodeState, header.Nodes)",
				},
			},
		},
	}
}
