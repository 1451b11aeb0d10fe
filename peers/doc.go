// Package peers sets this module's code beside other implementations of the
// same documents: differential fuzzing, and benchmarks in which both sides
// run on the same input in the same process.
//
// It is a module of its own, so that nobody who uses p2pspec depends on them.
//
//	go -C peers test ./...
//	go -C peers test -run '^$' -bench . -benchmem ./...
//	go -C peers test -run '^$' -fuzz FuzzBencodeAgrees ./...
package peers
