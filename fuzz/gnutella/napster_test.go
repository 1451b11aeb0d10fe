package gnutella

import (
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/napster"
)

// FuzzNapster: no stream makes the decoder or a parser panic, and each message is
// written as it was read.
func FuzzNapster(f *testing.F) {
	for kind, text := range map[napster.Type]string{
		napster.TypeLogin:       `foo badpass 6699 "nap v0.8" 3`,
		napster.TypeNewUser:     `foo foo 6699 "nap v0.8" 3 a@b`,
		napster.TypeShare:       `"a - b.mp3" b92870e0d41bc8e698cf2f0a1ddfeac7 443332 128 44100 60`,
		napster.TypeSearch:      `FILENAME CONTAINS "a b" MAX_RESULTS 75 BITRATE "AT LEAST" "128"`,
		napster.TypeResult:      `"a" b92870e0d41bc8e698cf2f0a1ddfeac7 1 2 3 4 lefty 3437166285 4`,
		napster.TypeGet:         `mred "C:\Program Files\song.mp3"`,
		napster.TypeGetAck:      `lefty 16777343 6699 "song.mp3" 10fe9e623b1962da85eea61df7ac1f69 3`,
		napster.TypeResumeMatch: `lefty 16777343 6699 "a" b92870e0d41bc8e698cf2f0a1ddfeac7 1 4`,
		napster.TypeWhoisAck:    `lefty "User" 1203 "80's " "Active" 0 0 0 3 "nap v0.8"`,
	} {
		b, err := napster.Codec{}.AppendMessage(nil, napster.Message{Type: kind, Text: text})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := napster.Codec{}.Decoder()
		for {
			m, n, err := d.Decode(b)
			if n == 0 || err != nil {
				return
			}
			again, err := napster.Codec{}.AppendMessage(nil, m)
			if err != nil || string(again) != string(b[:n]) {
				t.Fatalf("%x is written as %x, %v", b[:n], again, err)
			}
			b = b[n:]
			rereads(t, m.(napster.Message))
		}
	})
}

// rereads wants what a parser accepts, and can be written, to be read again as the
// same; a writer may refuse, as it does what only older clients write.
func rereads(t *testing.T, m napster.Message) {
	switch m.Type {
	case napster.TypeLogin:
		reread(t, m, napster.ParseLogin, napster.Login.Message)
	case napster.TypeNewUser:
		reread(t, m, napster.ParseNewUser, napster.NewUser.Message)
	case napster.TypeShare:
		reread(t, m, napster.ParseFile, napster.File.Message)
	case napster.TypeSearch:
		reread(t, m, napster.ParseSearch, napster.Search.Message)
	case napster.TypeResult:
		reread(t, m, napster.ParseResult, napster.Result.Message)
	case napster.TypeWhoisAck:
		reread(t, m, napster.ParseWhois, napster.Whois.Message)
	case napster.TypeResume:
		reread(t, m, napster.ParseResume, napster.Resume.Message)
	case napster.TypeResumeMatch:
		reread(t, m, napster.ParseMatch, napster.Match.Message)
	case napster.TypeSpeedAck:
		reread(t, m, napster.ParseSpeed, napster.Speed.Message)
	case napster.TypeGet:
		reread(t, m,
			func(text string) (napster.Request, error) { return napster.ParseRequest(m.Type, text) },
			func(r napster.Request) (napster.Message, error) { return r.Message(m.Type) })
	case napster.TypeGetAck:
		reread(t, m,
			func(text string) (napster.Ack, error) { return napster.ParseAck(m.Type, text) },
			func(a napster.Ack) (napster.Message, error) { return a.Message(m.Type) })
	}
}

func reread[F comparable](t *testing.T, m napster.Message,
	parse func(string) (F, error), write func(F) (napster.Message, error),
) {
	form, err := parse(m.Text)
	if err != nil {
		return
	}
	written, err := write(form)
	if err != nil {
		t.Fatalf("%q was read and cannot be written: %v", m.Text, err)
	}
	if again, err := parse(written.Text); err != nil || again != form {
		t.Fatalf("%q was read, and then %q, %v", m.Text, written.Text, err)
	}
}

// FuzzNapsterTransfer: no words between clients make a parser panic, and an offer
// that is read is written and read again.
func FuzzNapsterTransfer(f *testing.F) {
	f.Add(`GETfoo "a b.mp3" 0`, int64(0))
	f.Add(`SENDfoo "a b.mp3" 1234`, int64(0))
	f.Add("12345\xff\xfb", int64(12345))
	f.Add("FILE NOT SHARED", int64(1))
	f.Fuzz(func(t *testing.T, text string, expected int64) {
		if _, n, err := napster.ParseNumber(text, expected); n > len(text) || err != nil && n != 0 {
			t.Fatalf("%d bytes of %q, %v", n, text, err)
		}
		o, complete, err := napster.ParseOffer(text)
		if err != nil || !complete {
			return
		}
		b, err := napster.AppendOffer(nil, o)
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", text, err)
		}
		if again, _, err := napster.ParseOffer(string(b)); err != nil || again != o {
			t.Fatalf("%q was read, and then %q, %v", text, b, err)
		}
	})
}
