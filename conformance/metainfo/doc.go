// Package metainfo holds the suite for programs that read torrents and magnet
// links, or make torrents.
//
// A case plays all vectors of one behaviour: those of spec/vectors/metainfo.json
// and magnet.json whose names begin with the case's. What a vector expects is
// in its fields; what is accepted beside is decided here.
//
// # Reading order
//
// suites.go (the suite), play.go (playing a case), reading.go (what a target
// said of one vector), judge.go (against what the vector expects), making.go
// (torrents that the target made); then the cases, cases_….go.
//
// builtin.go puts package bittorrent/metainfo in a target's place, mutant.go
// and mutant_….go make wrong readers of it.
package metainfo
