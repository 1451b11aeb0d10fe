package napster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/folder"
)

const (
	// stallTimeout is how long another client may take to say or to take anything.
	stallTimeout = 30 * time.Second
	// offerTimeout is how long who connects may take to say what it wants.
	offerTimeout = 30 * time.Second
	// lingerTimeout is how long it has to close after this side did.
	lingerTimeout = time.Second
	// block is what is moved under one deadline, in bytes.
	block = 64 << 10
	// acceptPause is how long a listener rests when the system has no descriptor for
	// it.
	acceptPause = 20 * time.Millisecond
)

// accept is the listener's goroutine.
func (c *Client) accept() {
	for {
		conn, err := c.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause)
		case !c.start(c.guests, func() { c.serve(conn) }):
			_ = conn.Close() // there is no room for it
		}
	}
}

// serve answers another client who has connected.
//
// NP-CC-01, NP-CC-04
func (c *Client) serve(conn net.Conn) {
	s := c.stream(conn)
	defer s.close()
	s.write([]byte{napster.Greeting})
	offer := s.offer()
	switch {
	case s.err != nil:
		if errors.Is(s.err, napster.ErrInvalidRequest) {
			s.refuse(napster.ErrInvalidRequest)
		}
	case offer.Verb == napster.Download:
		c.report(true, func() { c.tell(Served{offer.Nick, offer.Name, c.give(s, offer)}) })
	default:
		w, ok := c.pushed(keyOf(offer.Nick, offer.Name))
		if !ok {
			s.refuse(napster.ErrInvalidRequest)
			return
		}
		s.write(napster.AppendNumber(nil, 0))
		c.report(false, func() { c.receive(s, offer.Number, w) })
	}
}

// give answers a GET: the file's size, and the file from an offset on.
//
// NP-CC-02
func (c *Client) give(s *stream, o napster.Offer) error {
	file, size, err := c.openNamed(o.Name)
	if err != nil {
		s.refuse(napster.ErrNotShared)
		return err
	}
	defer file.Close() // it was only read
	if o.Number > size {
		s.refuse(napster.ErrInvalidRequest)
		return napster.ErrInvalidRequest
	}
	s.write(napster.AppendNumber(nil, size))
	s.send(io.NewSectionReader(file, o.Number, size-o.Number))
	return s.err
}

// upload brings a file to who cannot be reached from there.
//
// NP-CC-03
func (c *Client) upload(a napster.Ack) {
	c.report(true, func() { c.tell(Served{a.Nick, a.Name, c.bring(a)}) })
}

func (c *Client) bring(a napster.Ack) error {
	file, size, err := c.openNamed(a.Name)
	if err != nil {
		return err
	}
	defer file.Close() // it was only read
	s := c.dial(a)
	defer s.close()
	s.ask(napster.Offer{Verb: napster.Upload, Nick: c.cfg.Client.User.Nick, Name: a.Name, Number: size})
	begin := s.number(true, 0)
	if s.err == nil && begin > size {
		s.refuse(napster.ErrInvalidRequest)
		return napster.ErrInvalidRequest
	}
	s.send(io.NewSectionReader(file, begin, size-min(begin, size)))
	return s.err
}

// download fetches a file from who can be reached.
//
// NP-CC-02
func (c *Client) download(w want) {
	c.report(false, func() {
		s := c.dial(w.ack)
		defer s.close()
		s.ask(napster.Offer{Verb: napster.Download, Nick: c.cfg.Client.User.Nick, Name: w.ack.Name})
		c.receive(s, s.number(false, w.size), w)
	})
}

// report counts a transfer at the server.
//
// NP-ST-02
func (c *Client) report(upload bool, transfer func()) {
	for _, begins := range []bool{true, false} {
		c.command(func(op spec.OpID) spec.Input { return napster.Report{Op: op, Upload: upload, Begins: begins} })
		if begins {
			transfer()
		}
	}
}

// receive stores what comes, and names it if its sum is what the server promised.
func (c *Client) receive(s *stream, size int64, w want) {
	name, err := c.keep(s, size, w)
	c.tell(Fetched{
		Op: w.op, Name: name, Size: size, Verified: err == nil && w.ack.MD5 != (napster.MD5{}), Err: err,
	})
}

// keep takes nothing of a file that has not the size that the index has promised.
//
// NP-SH-03
func (c *Client) keep(s *stream, size int64, w want) (name string, err error) {
	switch {
	case s.err != nil:
		return "", s.err
	case size > folder.MaxSize:
		return "", errSize
	case size != w.size:
		return "", fmt.Errorf("%w: %d bytes, and not %d", errContent, size, w.size)
	case c.inbox == nil:
		return "", errNoInbox
	}
	part, err := c.inbox.Create()
	if err != nil {
		return "", err
	}
	s.copy(part, size)
	beginning := make([]byte, min(size, napster.HashedBytes))
	if err = s.err; err == nil {
		_, err = part.ReadAt(beginning, 0)
	}
	if err == nil && w.ack.MD5 != (napster.MD5{}) && napster.Sum(beginning) != w.ack.MD5 {
		err = errContent
	}
	if err == nil {
		err = part.Sync()
	}
	if err != nil {
		return "", errors.Join(err, part.Discard())
	}
	return part.Keep(w.ack.Name)
}

// stream is a connection to another client. After the first error it does nothing.
type stream struct {
	net.Conn           // nil: it could not be dialled
	got      []byte    // read and not yet used
	by       time.Time // all reading ends; zero: each read has a time of its own
	err      error
	done     func() bool // ends the watch over the client's end
}

func (c *Client) stream(conn net.Conn) *stream {
	return &stream{Conn: conn, done: context.AfterFunc(c.ctx, func() { _ = conn.Close() })}
}

// dial connects to who is named, and waits for the greeting.
//
// NP-CC-01
func (c *Client) dial(a napster.Ack) *stream {
	d := net.Dialer{Timeout: stallTimeout}
	conn, err := d.DialContext(c.ctx, "tcp", a.Addr.String())
	if err != nil {
		return &stream{err: err, done: func() bool { return true }}
	}
	s := c.stream(conn)
	for s.err == nil && len(s.got) == 0 {
		s.read(1)
	}
	if s.err == nil && s.got[0] != napster.Greeting {
		s.err = fmt.Errorf("napster: %q is no greeting", s.got)
	}
	s.got = nil
	return s
}

// close ends the stream. The other side gets all that was written, if it closes as
// well: closing with unread bytes would take it back.
func (s *stream) close() {
	if half, ok := s.Conn.(*net.TCPConn); ok {
		_ = half.CloseWrite() // a lost stream has no direction to end
		_ = half.SetReadDeadline(time.Now().Add(lingerTimeout))
		_, _ = io.Copy(io.Discard, half)
	}
	s.done()
	if s.Conn != nil {
		_ = s.Close() // it may be closed
	}
}

// read takes at most n more bytes. The end is an error.
func (s *stream) read(n int) {
	if s.err != nil {
		return
	}
	by := s.by
	if by.IsZero() {
		by = time.Now().Add(stallTimeout)
	}
	if s.err = s.SetReadDeadline(by); s.err != nil {
		return
	}
	at := len(s.got)
	s.got = append(s.got, make([]byte, n)...)
	n, s.err = s.Read(s.got[at:])
	s.got = s.got[:at+n]
	if n > 0 && errors.Is(s.err, io.EOF) {
		s.err = nil
	}
}

func (s *stream) write(b []byte) {
	if s.err == nil {
		s.err = s.SetWriteDeadline(time.Now().Add(stallTimeout))
	}
	if s.err == nil {
		_, s.err = s.Write(b)
	}
}

// refuse says why nothing follows.
func (s *stream) refuse(why error) {
	s.err = nil
	s.write([]byte(why.Error()))
}

// offer reads what the other wants, which has no end but that of what came at once. It
// has one deadline, however it is cut up.
func (s *stream) offer() (o napster.Offer) {
	s.by = time.Now().Add(offerTimeout)
	defer func() { s.by = time.Time{} }()
	for complete := false; s.err == nil && !complete; {
		s.read(napster.MaxOffer + 1 - len(s.got))
		if s.err != nil {
			return o
		}
		var err error
		if o, complete, err = napster.ParseOffer(string(s.got)); err != nil {
			s.err = fmt.Errorf("%w: %w", napster.ErrInvalidRequest, err)
		}
	}
	s.got = nil // the other waits for an answer
	return o
}

// ask says what this side wants: the verb by itself first, as old clients expect it.
func (s *stream) ask(o napster.Offer) {
	if s.err != nil {
		return
	}
	b, err := napster.AppendOffer(nil, o)
	if s.err = err; err == nil {
		s.write(b[:len(o.Verb)])
		s.write(b[len(o.Verb):])
	}
}

// number reads the answer to ask: an offset, which is what comes at once, or a size,
// which may be expected. What follows that stays in got.
func (s *stream) number(offset bool, expected int64) int64 {
	for s.err == nil {
		s.read(napster.MaxOffer)
		text := string(s.got)
		ended := errors.Is(s.err, io.EOF)
		if ended || offset { // nothing else ends an offset, or the size of an empty file
			text += " "
		}
		if ended {
			s.err = nil
		}
		if s.err != nil {
			return 0
		}
		number, n, err := napster.ParseNumber(text, expected)
		switch {
		case err != nil:
			s.err = err
		case n > 0:
			s.got = s.got[n:]
			return number
		case ended:
			s.err = io.ErrUnexpectedEOF
		}
	}
	return 0
}

// copy takes exactly size bytes.
func (s *stream) copy(to io.Writer, size int64) {
	for size > 0 && s.err == nil {
		if len(s.got) == 0 {
			s.read(int(min(size, block)))
			if errors.Is(s.err, io.EOF) {
				s.err = io.ErrUnexpectedEOF
			}
			continue
		}
		b := s.got[:min(size, int64(len(s.got)))]
		if _, err := to.Write(b); err != nil {
			s.err = err
		}
		size -= int64(len(b))
		s.got = s.got[:0]
	}
}

// send writes all of a reader.
func (s *stream) send(from io.Reader) {
	b := make([]byte, block)
	for s.err == nil {
		n, err := from.Read(b)
		s.write(b[:n])
		if errors.Is(err, io.EOF) {
			return
		}
		if s.err == nil {
			s.err = err
		}
	}
}
