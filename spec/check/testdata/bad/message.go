package bad

import "github.com/p2pspec/p2pspec/spec"

type query struct {
	id    uint32
	count int // want message
	peers []peer
}

type peer struct {
	port uint // want message
}

func (query) IsMessage() {}

var _ spec.Message = query{}
