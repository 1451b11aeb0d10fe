package bad

import "github.com/p2pspec/p2pspec/spec"

type join struct{}
type leave struct{}

func (join) IsInput()  {}
func (leave) IsInput() {}

func handle(in spec.Input) {
	switch in.(type) { // want union
	case spec.Wake, join:
	}
	switch in.(type) {
	case join, leave:
	}
	switch in.(type) {
	default:
	}
}
