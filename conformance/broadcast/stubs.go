package broadcast

import "github.com/p2pspec/p2pspec/transport/stdio"

func uniqueCases() []Case            { return nil }
func linKVCases() []Case             { return nil }
func newProxyNode(uint64) stdio.Node { return nil }
