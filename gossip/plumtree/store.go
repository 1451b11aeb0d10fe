package plumtree

import "time"

// store has the broadcasts that were delivered, the oldest first. Payloads are
// dropped before the identifiers, so that a late copy is known for what it is.
type store struct {
	list     []message
	stripped int32         // so many, the oldest, have no payload any more
	index    map[ID]uint64 // the number of a broadcast: its place in list, and first
	first    uint64        // broadcasts that were forgotten
}

// message is a broadcast that was delivered.
type message struct {
	id      ID
	round   uint16 // links crossed on the way here
	at      time.Duration
	payload []byte
}

// gossip is the message that carries m over one more link.
func (m *message) gossip() Gossip { return Gossip{m.id, m.round + 1, m.payload} }

func (m *message) announcement() Announcement { return Announcement{m.id, m.round + 1} }

func (s *store) has(id ID) bool {
	_, ok := s.index[id]
	return ok
}

// get returns a broadcast, false when its payload is not known any more.
func (s *store) get(id ID) (*message, bool) {
	number, ok := s.index[id]
	i := number - s.first
	if !ok || i < uint64(s.stripped) {
		return nil, false
	}
	return &s.list[i], true
}

func (s *store) add(m message) {
	s.index[m.id] = s.first + uint64(len(s.list))
	s.list = append(s.list, m)
}

func (s *store) deadline(cfg *Config) time.Duration {
	at := never
	if int(s.stripped) < len(s.list) {
		at = s.list[s.stripped].at + cfg.KeepPayload
	}
	if len(s.list) > 0 {
		at = min(at, s.list[0].at+cfg.KeepID)
	}
	return at
}

// expire drops what has been kept for long enough.
func (s *store) expire(now time.Duration, cfg *Config) {
	for int(s.stripped) < len(s.list) && s.list[s.stripped].at+cfg.KeepPayload <= now {
		s.list[s.stripped].payload = nil
		s.stripped++
	}
	old := 0
	for old < len(s.list) && s.list[old].at+cfg.KeepID <= now {
		delete(s.index, s.list[old].id)
		old++
	}
	s.list = s.list[old:] // copied when it has to grow
	s.stripped -= int32(old)
	s.first += uint64(old)
}
