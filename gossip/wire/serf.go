package wire

import (
	"math"
	"net/netip"
	"time"
)

// SerfType is the first byte of what serf puts into user messages and into the state
// of the application in a push/pull (GO-SF-01).
type SerfType byte

// The types of serf v0.11 whose bodies are read here.
const (
	SerfTypeLeave         SerfType = 0
	SerfTypeJoin          SerfType = 1
	SerfTypePushPull      SerfType = 2
	SerfTypeUserEvent     SerfType = 3
	SerfTypeQuery         SerfType = 4
	SerfTypeQueryResponse SerfType = 5
)

// The flags of queries and their responses (GO-SF-03).
const (
	SerfAck         = 1 << 0 // of a query: confirm that it came; of a response: it came
	SerfNoBroadcast = 1 << 1 // do not pass the query on
)

// SerfMessage is one message of serf. Each has the Lamport time of its kind.
type SerfMessage interface {
	SerfType() SerfType
	append(b []byte) []byte
}

// SerfJoin says that a node has joined (GO-SF-02).
type SerfJoin struct {
	LTime uint64
	Node  string
}

// SerfLeave says that a node means to leave, or is to be forgotten (GO-SF-02).
type SerfLeave struct {
	LTime uint64
	Node  string
	Prune bool
}

// SerfUserEvent is an event of the application (GO-SF-02).
type SerfUserEvent struct {
	LTime    uint64
	Name     string
	Payload  []byte
	Coalesce bool // CC: of several with a name the last is enough
}

// SerfQuery asks every node that its filters let through (GO-SF-02, GO-SF-03).
type SerfQuery struct {
	LTime       uint64
	ID          uint32
	Source      Source
	Filters     [][]byte // each a type, 0 names or 1 a tag's expression, and a body
	Flags       uint32
	RelayFactor uint8
	Timeout     time.Duration
	Name        string
	Payload     []byte
}

// SerfQueryResponse answers a SerfQuery (GO-SF-02).
type SerfQueryResponse struct {
	LTime   uint64
	ID      uint32
	From    string
	Flags   uint32
	Payload []byte
}

// SerfPushPull is the application's state in a push/pull (GO-SF-02).
type SerfPushPull struct {
	LTime, EventLTime, QueryLTime uint64
	Status                        []SerfStatus // StatusLTimes
	Left                          []string     // LeftMembers
	Events                        []SerfEvents // the recent ones; a place without any has none
}

// SerfStatus is when the status of a node was last heard to change.
type SerfStatus struct {
	Node  string
	LTime uint64
}

// SerfEvents are the events of one Lamport time; of each only Name and Payload are
// carried.
type SerfEvents struct {
	LTime  uint64
	Events []SerfUserEvent
}

// SerfType is [SerfTypeJoin].
func (SerfJoin) SerfType() SerfType { return SerfTypeJoin }

// SerfType is [SerfTypeLeave].
func (SerfLeave) SerfType() SerfType { return SerfTypeLeave }

// SerfType is [SerfTypeUserEvent].
func (SerfUserEvent) SerfType() SerfType { return SerfTypeUserEvent }

// SerfType is [SerfTypeQuery].
func (SerfQuery) SerfType() SerfType { return SerfTypeQuery }

// SerfType is [SerfTypeQueryResponse].
func (SerfQueryResponse) SerfType() SerfType { return SerfTypeQueryResponse }

// SerfType is [SerfTypePushPull].
func (SerfPushPull) SerfType() SerfType { return SerfTypePushPull }

// AppendSerf appends the payload of a [User] message, or the state of a [PushPull], as
// serf v0.11 writes it. GO-SF-01
func AppendSerf(b []byte, m SerfMessage) []byte { return m.append(append(b, byte(m.SerfType()))) }

func (m SerfJoin) append(b []byte) []byte {
	b = appendUint(append(b, "\x82\xa5LTime"...), m.LTime)
	return appendString(append(b, "\xa4Node"...), m.Node)
}

func (m SerfLeave) append(b []byte) []byte {
	b = appendUint(append(b, "\x83\xa5LTime"...), m.LTime)
	b = appendString(append(b, "\xa4Node"...), m.Node)
	return appendBool(append(b, "\xa5Prune"...), m.Prune)
}

func (m SerfUserEvent) append(b []byte) []byte {
	b = appendBool(append(b, "\x84\xa2CC"...), m.Coalesce)
	b = appendUint(append(b, "\xa5LTime"...), m.LTime)
	b = appendString(append(b, "\xa4Name"...), m.Name)
	return appendBytes(append(b, "\xa7Payload"...), m.Payload)
}

func (m SerfQuery) append(b []byte) []byte {
	b = appendAddr(append(b, "\x8b\xa4Addr"...), m.Source.Addr.Addr())
	b = appendArray(append(b, "\xa7Filters"...), len(m.Filters), m.Filters == nil)
	for _, f := range m.Filters {
		b = appendBytes(b, f)
	}
	b = appendUint(append(b, "\xa5Flags"...), uint64(m.Flags))
	b = appendUint(append(b, "\xa2ID"...), uint64(m.ID))
	b = appendUint(append(b, "\xa5LTime"...), m.LTime)
	b = appendString(append(b, "\xa4Name"...), m.Name)
	b = appendBytes(append(b, "\xa7Payload"...), m.Payload)
	b = appendUint(append(b, "\xa4Port"...), uint64(m.Source.Addr.Port()))
	b = appendUint(append(b, "\xabRelayFactor"...), uint64(m.RelayFactor))
	b = appendString(append(b, "\xaaSourceNode"...), m.Source.Node)
	return appendInt(append(b, "\xa7Timeout"...), uint64(max(0, m.Timeout)))
}

func (m SerfQueryResponse) append(b []byte) []byte {
	b = appendUint(append(b, "\x85\xa5Flags"...), uint64(m.Flags))
	b = appendString(append(b, "\xa4From"...), m.From)
	b = appendUint(append(b, "\xa2ID"...), uint64(m.ID))
	b = appendUint(append(b, "\xa5LTime"...), m.LTime)
	return appendBytes(append(b, "\xa7Payload"...), m.Payload)
}

func (m SerfPushPull) append(b []byte) []byte {
	b = appendUint(append(b, "\x86\xaaEventLTime"...), m.EventLTime)
	b = appendArray(append(b, "\xa6Events"...), len(m.Events), m.Events == nil)
	for _, at := range m.Events {
		b = appendArray(append(b, "\x82\xa6Events"...), len(at.Events), at.Events == nil)
		for _, e := range at.Events {
			b = appendString(append(b, "\x82\xa4Name"...), e.Name)
			b = appendBytes(append(b, "\xa7Payload"...), e.Payload)
		}
		b = appendUint(append(b, "\xa5LTime"...), at.LTime)
	}
	b = appendUint(append(b, "\xa5LTime"...), m.LTime)
	b = appendArray(append(b, "\xabLeftMembers"...), len(m.Left), m.Left == nil)
	for _, name := range m.Left {
		b = appendString(b, name)
	}
	b = appendUint(append(b, "\xaaQueryLTime"...), m.QueryLTime)
	b = appendCount(append(b, "\xacStatusLTimes"...), 0x80, 0xde, len(m.Status))
	for _, s := range m.Status {
		b = appendUint(appendString(b, s.Node), s.LTime)
	}
	return b
}

// ParseSerf reads what [AppendSerf] writes, as leniently as [ParseBody]. Events that
// serf leaves out as nil are left out. The error is a [*Fault]. GO-SF-01
func ParseSerf(b []byte) (SerfMessage, error) {
	if len(b) == 0 {
		return nil, newFault("GO-SF-01", "serf", 0, "empty")
	}
	r := reader{b: b, at: 1, what: "serf", rule: "GO-SF-02"}
	var m SerfMessage
	switch SerfType(b[0]) {
	case SerfTypeJoin, SerfTypeLeave:
		m = r.serfIntent(SerfType(b[0]))
	case SerfTypeUserEvent:
		m = r.serfEvent()
	case SerfTypeQuery:
		m = r.serfQuery()
	case SerfTypeQueryResponse:
		m = r.serfResponse()
	case SerfTypePushPull:
		m = r.serfPushPull()
	default:
		return nil, newFault("GO-SF-01", "serf", 0, "a type that is not known here")
	}
	if r.fault != nil {
		return nil, r.fault
	}
	return m, nil
}

func (r *reader) lamport() uint64 { return r.uint(math.MaxUint64) }

// text reads a string of any length that is there.
func (r *reader) text() string { return string(r.bytes(MaxUser)) }

func (r *reader) serfIntent(t SerfType) SerfMessage {
	var m SerfLeave
	for n := r.entries(); r.more(&n); {
		switch key := r.key(); {
		case string(key) == "LTime":
			m.LTime = r.lamport()
		case string(key) == "Node":
			m.Node = r.string()
		case string(key) == "Prune" && t == SerfTypeLeave:
			m.Prune = r.bool()
		default:
			r.skip()
		}
	}
	if t == SerfTypeJoin {
		return SerfJoin{m.LTime, m.Node}
	}
	return m
}

func (r *reader) serfEvent() (m SerfUserEvent) {
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "CC":
			m.Coalesce = r.bool()
		case "LTime":
			m.LTime = r.lamport()
		case "Name":
			m.Name = r.text()
		case "Payload":
			m.Payload = r.bytes(MaxUser)
		default:
			r.skip()
		}
	}
	return m
}

func (r *reader) serfQuery() (m SerfQuery) {
	var source address
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "LTime":
			m.LTime = r.lamport()
		case "ID":
			m.ID = r.uint32()
		case "Addr":
			source.addr = r.addr()
		case "Port":
			source.port = r.port()
		case "SourceNode":
			m.Source.Node = r.string()
		case "Filters":
			for n := r.elements(); r.more(&n); {
				m.Filters = append(m.Filters, r.bytes(MaxUser))
			}
		case "Flags":
			m.Flags = r.uint32()
		case "RelayFactor":
			m.RelayFactor = uint8(r.uint(math.MaxUint8))
		case "Timeout":
			m.Timeout = time.Duration(r.uint(math.MaxInt64))
		case "Name":
			m.Name = r.text()
		case "Payload":
			m.Payload = r.bytes(MaxUser)
		default:
			r.skip()
		}
	}
	m.Source.Addr = netip.AddrPortFrom(source.addr, source.port)
	return m
}

func (r *reader) serfResponse() (m SerfQueryResponse) {
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "LTime":
			m.LTime = r.lamport()
		case "ID":
			m.ID = r.uint32()
		case "From":
			m.From = r.string()
		case "Flags":
			m.Flags = r.uint32()
		case "Payload":
			m.Payload = r.bytes(MaxUser)
		default:
			r.skip()
		}
	}
	return m
}

func (r *reader) serfPushPull() (m SerfPushPull) {
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "LTime":
			m.LTime = r.lamport()
		case "EventLTime":
			m.EventLTime = r.lamport()
		case "QueryLTime":
			m.QueryLTime = r.lamport()
		case "StatusLTimes":
			for n := r.entries(); r.more(&n); {
				m.Status = append(m.Status, SerfStatus{r.string(), r.lamport()})
			}
		case "LeftMembers":
			for n := r.elements(); r.more(&n); {
				m.Left = append(m.Left, r.string())
			}
		case "Events":
			for n := r.elements(); r.more(&n); {
				if at := r.serfEvents(); at.Events != nil {
					m.Events = append(m.Events, at)
				}
			}
		default:
			r.skip()
		}
	}
	return m
}

func (r *reader) serfEvents() (at SerfEvents) {
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "LTime":
			at.LTime = r.lamport()
		case "Events":
			for n := r.elements(); r.more(&n); {
				at.Events = append(at.Events, r.serfEvent())
			}
		default:
			r.skip()
		}
	}
	return at
}
