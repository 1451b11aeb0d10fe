package explore

import "github.com/p2pspec/p2pspec/spec"

// Symmetry is a group of renamings under which the protocol looks the same,
// such as the rotations of an identifier circle. Of worlds that are images of
// each other only the one that is met first is explored. Everything that
// [Config] says must be symmetric as well: the first state, commands, May and
// the properties.
type Symmetry struct {
	// Turns is the size of the group. Turn 0 changes nothing.
	Turns int
	// Place is where turn k takes node i of Config.Nodes.
	Place func(k, i int) int
	// Machine and Message are copies with every name turned. The machine is one
	// of those explored and must stay as it is.
	Machine func(k int, m spec.Machine) spec.Machine
	Message func(k int, m spec.Message) spec.Message
}

func (c *Config) turns() int {
	if c.Symmetry == nil {
		return 1
	}
	return c.Symmetry.Turns
}

func (c *Config) turned(k, place int) int {
	if k == 0 {
		return place
	}
	return c.Symmetry.Place(k, place)
}
