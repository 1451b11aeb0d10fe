package napster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// errUnasked is about an answer that no command waits for.
var errUnasked = errors.New("napster: nobody asked for this")

// got handles a message of the server.
func (c *Client) got(m Message, out []spec.Effect) []spec.Effect {
	switch {
	case m.Type == TypeLoginError:
		return append(c.lose(fmt.Errorf("napster: the server: %.200q", m.Text), out), spec.Close{Conn: c.conn})
	case c.phase == entering && m.Type == TypeLoginAck:
		c.phase = present
		return c.end(0, Entered{m.Text}, nil, out)
	case c.phase == entering && m.Type != TypeMOTD && m.Type != TypeError:
		return c.drop("NP-LG-01", fmt.Errorf("napster: %v before the login is acknowledged", m.Type), out)
	}
	switch m.Type {
	case TypeMOTD, TypeError:
		return append(out, spec.Notify{Event: Said(m)})
	case TypeStats:
		st, err := ParseStats(m.Text)
		if err != nil {
			return c.drop("NP-ST-01", err, out)
		}
		return append(out, spec.Notify{Event: Counted{st}})
	case TypeResult, TypeResultEnd:
		return c.gotResult(m, out)
	case TypeBrowseItem, TypeBrowseEnd, TypeNotOnline:
		return c.gotListing(m, out)
	case TypeGetAck, TypeGetError:
		return c.gotGet(m, out)
	case TypeUpload, TypePushAck:
		return c.gotUpload(m, out)
	case TypeResumeMatch, TypeResumeEnd:
		return c.gotMatch(m, out)
	case TypeSpeedAck:
		return c.gotSpeed(m, out)
	case TypeWhoisAck, TypeWhowas:
		return c.gotWhois(m, out)
	case TypePing, TypePong:
		return c.gotPing(m, out)
	}
	return c.drop("NP-ER-02", fmt.Errorf("napster: %v is nothing for a client", m.Type), out)
}

func (c *Client) drop(clause string, err error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Drop{From: c.cfg.Server, Clause: clause, Reason: err})
}

// gotResult collects results up to their end.
//
// NP-SE-02, NP-SE-04.
func (c *Client) gotResult(m Message, out []spec.Effect) []spec.Effect {
	i := c.waiting(TypeSearch, "", "")
	if i < 0 {
		return c.drop("NP-SE-04", errUnasked, out)
	}
	o := &c.ops[i]
	if m.Type == TypeResultEnd {
		return c.end(i, Found{o.results}, nil, out)
	}
	r, err := ParseResult(m.Text)
	switch {
	case err != nil:
		return c.drop("NP-SE-04", err, out)
	case len(o.results) >= MaxResults:
		return c.drop("NP-SE-02", fmt.Errorf("napster: more than %d results", MaxResults), out)
	}
	o.results = append(o.results, r)
	return out
}

// gotMatch collects who has the same file up to the end of the list.
//
// NP-RS-01.
func (c *Client) gotMatch(m Message, out []spec.Effect) []spec.Effect {
	i := c.waiting(TypeResume, "", "")
	if i < 0 {
		return c.drop("NP-RS-01", errUnasked, out)
	}
	o := &c.ops[i]
	if m.Type == TypeResumeEnd {
		return c.end(i, Matched{o.matches}, nil, out)
	}
	match, err := ParseMatch(m.Text)
	switch {
	case err != nil:
		return c.drop("NP-RS-01", err, out)
	case len(o.matches) >= MaxResults:
		return c.drop("NP-RS-01", fmt.Errorf("napster: more than %d matches", MaxResults), out)
	}
	o.matches = append(o.matches, match)
	return out
}

// gotSpeed ends a question about a line.
//
// NP-WH-03.
func (c *Client) gotSpeed(m Message, out []spec.Effect) []spec.Effect {
	speed, err := ParseSpeed(m.Text)
	i := c.waiting(TypeSpeed, speed.Nick, "")
	if err == nil && i < 0 {
		err = errUnasked
	}
	if err != nil {
		return c.drop("NP-WH-03", err, out)
	}
	return c.end(i, Gauged{speed}, nil, out)
}

// gotListing collects the files of somebody up to their end.
//
// NP-BR-01, NP-BR-02.
func (c *Client) gotListing(m Message, out []spec.Effect) []spec.Effect {
	var l Listing
	var err error
	if m.Type == TypeBrowseItem {
		l, err = ParseListing(m.Text)
	} else {
		l.Nick, err = ParseNick(m.Type, m.Text)
	}
	i := c.waiting(TypeBrowse, l.Nick, "")
	if err == nil && i < 0 {
		err = errUnasked
	}
	switch {
	case err != nil:
		return c.drop("NP-BR-01", err, out)
	case m.Type == TypeBrowseEnd:
		return c.end(i, Browsed{l.Nick, c.ops[i].files}, nil, out)
	case m.Type == TypeNotOnline:
		return c.end(i, nil, ErrOffline, out)
	case len(c.ops[i].files) >= c.cfg.MaxListing:
		return c.drop("NP-BR-01", fmt.Errorf("napster: more than %d files", c.cfg.MaxListing), out)
	}
	c.ops[i].files = append(c.ops[i].files, l.File)
	return out
}

// gotGet ends a download's negotiation. From behind a firewall the file has to be
// pushed, which takes a port of ours.
//
// NP-DL-03, NP-DL-04, NP-FW-01, NP-FW-02.
func (c *Client) gotGet(m Message, out []spec.Effect) []spec.Effect {
	var a Ack
	var err error
	if m.Type == TypeGetAck {
		a, err = ParseAck(m.Type, m.Text)
	} else {
		var r Request
		r, err = ParseRequest(m.Type, m.Text)
		a.Nick, a.Name = r.Nick, r.Name
	}
	i := c.waiting(TypeGet, a.Nick, a.Name)
	if err == nil && i < 0 {
		err = errUnasked
	}
	switch {
	case err != nil:
		return c.drop("NP-DL-03", err, out)
	case m.Type == TypeGetError:
		return c.end(i, nil, ErrUnavailable, out)
	case a.Addr.Port() != 0:
		return c.end(i, Ready{a, false}, nil, out)
	case c.cfg.User.Port == 0:
		return c.end(i, nil, ErrFirewalls, out)
	}
	push := Request{a.Nick, a.Name}
	out = append(out, spec.Write{Conn: c.conn, Msg: sure(push.Message(TypePush))})
	return c.end(i, Ready{a, true}, nil, out)
}

// gotUpload grants what is shared, and nothing else.
//
// NP-DL-02, NP-FW-01.
func (c *Client) gotUpload(m Message, out []spec.Effect) []spec.Effect {
	var a Ack
	var r Request
	var err error
	if m.Type == TypePushAck {
		a, err = ParseAck(m.Type, m.Text)
		r = Request{a.Nick, a.Name}
	} else {
		r, err = ParseRequest(m.Type, m.Text)
	}
	if _, there := slices.BinarySearch(c.shared, r.Name); err == nil && !there {
		err = ErrNotShared
	}
	switch {
	case err != nil:
		return c.drop("NP-DL-02", err, out)
	case m.Type == TypePushAck:
		return append(out, spec.Notify{Event: PushTo{a}})
	}
	return append(out, spec.Write{Conn: c.conn, Msg: sure(r.Message(TypeUploadAck))}, spec.Notify{Event: Wanted{r}})
}

// gotWhois ends a whois.
//
// NP-WH-01, NP-WH-02.
func (c *Client) gotWhois(m Message, out []spec.Effect) []spec.Effect {
	who := Identified{There: m.Type == TypeWhoisAck}
	var err error
	if who.There {
		who.Is, err = ParseWhois(m.Text)
	} else {
		who.Was, err = ParseWhowas(m.Text)
	}
	i := c.waiting(TypeWhois, who.Is.Nick+who.Was.Nick, "")
	if err == nil && i < 0 {
		err = errUnasked
	}
	if err != nil {
		return c.drop("NP-WH-01", err, out)
	}
	return c.end(i, who, nil, out)
}

// gotPing answers a ping, or takes an answer.
//
// NP-PI-01.
func (c *Client) gotPing(m Message, out []spec.Effect) []spec.Effect {
	nick, err := ParseNick(m.Type, m.Text)
	i := c.waiting(TypePing, nick, "")
	switch {
	case err != nil:
		return c.drop("NP-PI-01", err, out)
	case m.Type == TypePing:
		return append(out, spec.Write{Conn: c.conn, Msg: Message{TypePong, nick}})
	case i < 0:
		return c.drop("NP-PI-01", errUnasked, out)
	}
	return c.end(i, Answered{nick}, nil, out)
}
