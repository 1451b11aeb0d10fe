package napster

import (
	"errors"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// frame finds one message for the transcript. What is none is shown as it is.
func frame(_ *conformance.Stream, _ int64, buf []byte) (n int, decoded any) {
	m, n, err := core.Codec{}.Decoder().Decode(buf)
	if err != nil {
		return len(buf), nil
	}
	if n == 0 {
		return 0, nil
	}
	msg := m.(core.Message)
	return n, map[string]any{"type": uint16(msg.Type), "text": msg.Text}
}

// lintStream refuses what a correct client may not send, by the word of the core.
func lintStream(_ *conformance.Stream, _ int64, b []byte) error {
	for len(b) > 0 {
		m, n, err := core.Codec{}.Decoder().Decode(b)
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("the message is cut off")
		}
		if err := lint(m.(core.Message)); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func lint(m core.Message) (err error) {
	switch m.Type {
	case core.TypeLogin:
		_, err = core.ParseLogin(m.Text)
	case core.TypeNewUser:
		_, err = core.ParseNewUser(m.Text)
	case core.TypeShare:
		_, err = core.ParseFile(m.Text)
	case core.TypeUnshare:
		_, err = core.ParseFileName(m.Text)
	case core.TypeSearch:
		_, err = core.ParseSearch(m.Text)
	case core.TypeGet, core.TypePush, core.TypeUploadAck:
		_, err = core.ParseRequest(m.Type, m.Text)
	case core.TypeResume:
		_, err = core.ParseResume(m.Text)
	case core.TypeNickCheck, core.TypeBrowse, core.TypeWhois, core.TypeSpeed, core.TypePing, core.TypePong:
		_, err = core.ParseNick(m.Type, m.Text)
	case core.TypeStats, core.TypeDownStart, core.TypeDownEnd, core.TypeUpStart, core.TypeUpEnd:
		if m.Text != "" {
			err = fmt.Errorf("%v has a text", m.Type)
		}
	default:
		err = fmt.Errorf("%v is none of a client's", m.Type)
	}
	return err
}
