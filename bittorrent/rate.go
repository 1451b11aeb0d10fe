package bittorrent

import (
	"encoding/binary"
	"time"
)

const (
	// rateSlots times rateSlot is the period that a rate is the mean of: the
	// 20 seconds of the economics paper, §3.2. Ten slots make a step of the
	// rolling mean a tenth of the period.
	rateSlots = 10
	rateSlot  = 2 * time.Second
)

// A rate is the speed at which bytes came or went lately, as a rolling mean
// over 20 seconds in whole bytes a second.
//
// A mean over all time would reward the past, and one over a second would make
// the choker fickle (economics paper §3.2). 20 seconds are two of its rounds.
//
// Use: newRate when a connection opens, add for each block, perSecond at each
// rechoke. State and cost are fixed.
type rate struct {
	start time.Duration    // of the current slot
	at    int32            // index of the current slot
	slots [rateSlots]int64 // bytes
}

func newRate(now time.Duration) rate { return rate{start: now} }

// add counts bytes that were transferred at now.
func (r *rate) add(now time.Duration, bytes int64) {
	r.advance(now)
	r.slots[r.at] += bytes
}

// perSecond is the mean over the 20 seconds up to now.
func (r *rate) perSecond(now time.Duration) int64 {
	current := *r
	current.advance(now)
	sum := int64(0)
	for _, n := range current.slots {
		sum += n
	}
	return sum / int64(rateSlots*rateSlot/time.Second)
}

// advance empties the slots that have begun since.
func (r *rate) advance(now time.Duration) {
	passed := max(now-r.start, 0) / rateSlot
	r.start += passed * rateSlot
	for range min(passed, rateSlots) {
		r.at = (r.at + 1) % rateSlots
		r.slots[r.at] = 0
	}
}

func (r *rate) appendState(b []byte, now time.Duration) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r.start-now))
	b = binary.BigEndian.AppendUint32(b, uint32(r.at))
	for _, n := range r.slots {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}
