package napster

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
)

// Link is how fast somebody's line is: 0 unknown, 1 14.4 kbit/s, 2 28.8, 3 33.6,
// 4 56.7, 5 and 6 ISDN of 64 and 128 kbit/s, 7 cable, 8 DSL, 9 T1, 10 T3 or faster.
type Link uint8

// MaxLink is the fastest line.
const MaxLink Link = 10

// MD5 is the sum over the beginning of a file; zero when nobody computed it.
type MD5 [md5.Size]byte

// HashedBytes is how much of a file its sum is over.
//
// NP-SH-03.
const HashedBytes = 299_008

// Sum hashes a file, of which beginning has HashedBytes or the whole.
func Sum(beginning []byte) MD5 { return md5.Sum(beginning[:min(len(beginning), HashedBytes)]) }

// String is the sum in hexadecimal digits.
func (m MD5) String() string { return hex.EncodeToString(m[:]) }

// checked makes the message of a form, or says which field cannot be written: it
// must read again as it was.
func checked[F comparable](form F, m Message, parse func(string) (F, error)) (Message, error) {
	if err := checkText(m); err != nil {
		return Message{}, err
	}
	again, err := parse(m.Text)
	if err != nil {
		return Message{}, err
	}
	if again != form {
		return Message{}, malformed(m.Type, "text", "a blank or quote where none can be: %.80q", m.Text)
	}
	return m, nil
}

// Login enters a server.
//
// NP-LG-01.
type Login struct {
	Nick, Password string
	Port           uint16 // for transfers; 0 behind a firewall
	Client         string // and its version
	Link           Link
	Build          uint32 // of the client; 0 is not sent
}

// ParseLogin reads the text of [TypeLogin].
func ParseLogin(text string) (Login, error) {
	s := scan(TypeLogin, text)
	l := s.login()
	if s.more() {
		l.Build = s.uint32("build")
	}
	return l, s.end()
}

func (s *scanner) login() Login {
	return Login{
		s.nick(), s.word("password", MaxWord), uint16(s.number("port", 1<<16-1)),
		s.quoted("client-info", MaxClient), s.link(), 0,
	}
}

// Message writes the form, or says which field cannot be written.
func (l Login) Message() (Message, error) {
	text := l.text()
	if l.Build != 0 {
		text += fmt.Sprintf(" %d", l.Build)
	}
	return checked(l, Message{TypeLogin, text}, ParseLogin)
}

func (l Login) text() string {
	return fmt.Sprintf("%s %s %d %s %d", l.Nick, l.Password, l.Port, quote(l.Client), l.Link)
}

// quote puts text between quotes, as it is.
func quote(text string) string { return `"` + text + `"` }

// NewUser registers a nick and enters.
//
// NP-LG-02.
type NewUser struct {
	Login        // Build is 0
	Email string // one word
}

// ParseNewUser reads the text of [TypeNewUser].
func ParseNewUser(text string) (NewUser, error) {
	s := scan(TypeNewUser, text)
	return NewUser{s.login(), s.word("email", MaxWord)}, s.end()
}

// Message writes the form, or says which field cannot be written.
func (u NewUser) Message() (Message, error) {
	return checked(u, Message{TypeNewUser, u.text() + " " + u.Email}, ParseNewUser)
}

// ParseNick reads a text that is a nick and nothing else.
func ParseNick(t Type, text string) (string, error) {
	s := scan(t, text)
	return s.nick(), s.end()
}

// File is what somebody shares.
//
// NP-SH-01.
type File struct {
	Name      string
	MD5       MD5
	Size      uint32 // in bytes
	Bitrate   uint32 // in kbit/s
	Frequency uint32 // in Hz
	Seconds   uint32
}

// ParseFile reads the text of [TypeShare].
func ParseFile(text string) (File, error) {
	s := scan(TypeShare, text)
	return s.shared(), s.end()
}

func (s *scanner) shared() File {
	name := s.quoted("filename", MaxFileName)
	if s.err == nil && name == "" {
		s.fail("filename", "empty")
	}
	return File{
		name, s.md5(), s.uint32("size"), s.uint32("bitrate"), s.uint32("frequency"), s.uint32("time"),
	}
}

// Message writes the form, or says which field cannot be written.
func (f File) Message() (Message, error) { return checked(f, Message{TypeShare, f.text()}, ParseFile) }

func (f File) text() string {
	return fmt.Sprintf("%s %v %d %d %d %d", quote(f.Name), f.MD5, f.Size, f.Bitrate, f.Frequency, f.Seconds)
}

// ParseFileName reads the text of [TypeUnshare].
func ParseFileName(text string) (string, error) {
	s := scan(TypeUnshare, text)
	return s.file(), s.end()
}

// CheckFileName says why no file can be shared and taken back by this name: one that is
// another without quotes could not, as [TypeUnshare] has none.
//
// NP-SH-02.
func CheckFileName(name string) error {
	if bare, err := ParseFileName(name); err != nil || bare != name {
		return malformed(TypeShare, "filename", "another name, or none, without quotes: %.80q", name)
	}
	return nil
}

// Result is one file that a search found.
//
// NP-SE-04.
type Result struct {
	File
	Nick string
	IP   netip.Addr
	Link Link
}

// ParseResult reads the text of [TypeResult].
func ParseResult(text string) (Result, error) {
	s := scan(TypeResult, text)
	return Result{s.shared(), s.nick(), s.addr(), s.link()}, s.end()
}

// Message writes the form, or says which field cannot be written.
func (r Result) Message() (Message, error) {
	text := fmt.Sprintf("%s %s %d %d", r.text(), r.Nick, DecimalAddr(r.IP), r.Link)
	return checked(r, Message{TypeResult, text}, ParseResult)
}

// Listing is one file of somebody who is browsed.
//
// NP-BR-01.
type Listing struct {
	Nick string
	File
}

// ParseListing reads the text of [TypeBrowseItem].
func ParseListing(text string) (Listing, error) {
	s := scan(TypeBrowseItem, text)
	return Listing{s.nick(), s.shared()}, s.end()
}

// Message writes the form, or says which field cannot be written.
func (l Listing) Message() (Message, error) {
	return checked(l, Message{TypeBrowseItem, l.Nick + " " + l.text()}, ParseListing)
}

// Request names a file of somebody, or to somebody.
//
// NP-DL-01.
type Request struct{ Nick, Name string }

// ParseRequest reads the text of [TypeGet], [TypeGetError], [TypePush],
// [TypeUpload] or [TypeUploadAck]. An upload may end in the asker's line speed.
func ParseRequest(t Type, text string) (Request, error) {
	s := scan(t, text)
	r := Request{s.nick(), s.file()}
	if t == TypeUpload && s.more() {
		s.link()
	}
	return r, s.end()
}

// Message writes the form as a message of type t, or says which field cannot be
// written.
func (r Request) Message(t Type) (Message, error) {
	m := Message{t, fmt.Sprintf("%s %s", r.Nick, quote(r.Name))}
	return checked(r, m, func(text string) (Request, error) { return ParseRequest(t, text) })
}

// Ack says where to connect to for a file: with [TypeGetAck] the downloader to the
// uploader, with [TypePushAck] the other way round.
//
// NP-DL-03.
type Ack struct {
	Nick string
	Addr netip.AddrPort // port 0 is behind a firewall
	Name string
	MD5  MD5
	Link Link
}

// ParseAck reads the text of [TypeGetAck] or [TypePushAck].
func ParseAck(t Type, text string) (Ack, error) {
	s := scan(t, text)
	nick, ip, port := s.nick(), s.addr(), uint16(s.number("port", 1<<16-1))
	return Ack{nick, netip.AddrPortFrom(ip, port), s.quoted("filename", MaxFileName), s.md5(), s.link()}, s.end()
}

// Message writes the form as a message of type t, or says which field cannot be
// written.
func (a Ack) Message(t Type) (Message, error) {
	text := fmt.Sprintf("%s %d %d %s %v %d",
		a.Nick, DecimalAddr(a.Addr.Addr()), a.Addr.Port(), quote(a.Name), a.MD5, a.Link)
	return checked(a, Message{t, text}, func(text string) (Ack, error) { return ParseAck(t, text) })
}

// Resume names a file by its content: the rest of a download that broke off can come
// from anybody who has the same.
//
// NP-RS-01.
type Resume struct {
	MD5  MD5
	Size uint32 // in bytes
}

// ParseResume reads the text of [TypeResume].
func ParseResume(text string) (Resume, error) {
	s := scan(TypeResume, text)
	return Resume{s.md5(), s.uint32("filesize")}, s.end()
}

// Message writes the form.
func (r Resume) Message() (Message, error) {
	return checked(r, Message{TypeResume, fmt.Sprintf("%v %d", r.MD5, r.Size)}, ParseResume)
}

// Match is somebody who has such a file, and where.
//
// NP-RS-01.
type Match struct {
	Nick string
	Addr netip.AddrPort // port 0 is behind a firewall
	Name string
	Resume
	Link Link
}

// ParseMatch reads the text of [TypeResumeMatch].
func ParseMatch(text string) (Match, error) {
	s := scan(TypeResumeMatch, text)
	nick, ip, port := s.nick(), s.addr(), uint16(s.number("port", 1<<16-1))
	m := Match{
		nick, netip.AddrPortFrom(ip, port), s.quoted("filename", MaxFileName),
		Resume{s.md5(), s.uint32("size")}, s.link(),
	}
	return m, s.end()
}

// Message writes the form, or says which field cannot be written.
func (m Match) Message() (Message, error) {
	text := fmt.Sprintf("%s %d %d %s %v %d %d", m.Nick, DecimalAddr(m.Addr.Addr()), m.Addr.Port(), quote(m.Name),
		m.MD5, m.Size, m.Link)
	return checked(m, Message{TypeResumeMatch, text}, ParseMatch)
}

// Speed is how fast somebody's line is.
//
// NP-WH-03.
type Speed struct {
	Nick string
	Link Link
}

// ParseSpeed reads the text of [TypeSpeedAck].
func ParseSpeed(text string) (Speed, error) {
	s := scan(TypeSpeedAck, text)
	return Speed{s.nick(), s.link()}, s.end()
}

// Message writes the form, or says which field cannot be written.
func (sp Speed) Message() (Message, error) {
	return checked(sp, Message{TypeSpeedAck, fmt.Sprintf("%s %d", sp.Nick, sp.Link)}, ParseSpeed)
}

// Whois is what a server knows about somebody who is there.
//
// NP-WH-01.
type Whois struct {
	Nick, Level                string // Level is "User" for nearly all
	Seconds                    uint32 // since the login
	Channels                   string // each followed by a blank
	Status                     string // "Active"
	Shared, Downloads, Uploads uint32
	Link                       Link
	Client                     string
}

// ParseWhois reads the text of [TypeWhoisAck]. What moderators see besides is not
// read.
func ParseWhois(text string) (Whois, error) {
	s := scan(TypeWhoisAck, text)
	w := Whois{
		s.nick(), s.quoted("user-level", MaxWord), s.uint32("time"), s.quoted("channels", MaxFileName),
		s.quoted("status", MaxWord), s.uint32("shared"), s.uint32("downloads"), s.uint32("uploads"),
		s.link(), s.quoted("client-info", MaxClient),
	}
	return w, s.err
}

// Message writes the form, or says which field cannot be written.
func (w Whois) Message() (Message, error) {
	text := fmt.Sprintf("%s %s %d %s %s %d %d %d %d %s", w.Nick, quote(w.Level), w.Seconds, quote(w.Channels),
		quote(w.Status), w.Shared, w.Downloads, w.Uploads, w.Link, quote(w.Client))
	return checked(w, Message{TypeWhoisAck, text}, ParseWhois)
}

// Whowas is what a server knows about somebody who was there.
//
// NP-WH-02.
type Whowas struct {
	Nick, Level string
	LastSeen    int64 // Unix time, in seconds
}

// ParseWhowas reads the text of [TypeWhowas].
func ParseWhowas(text string) (Whowas, error) {
	s := scan(TypeWhowas, text)
	return Whowas{s.nick(), s.quoted("level", MaxWord), int64(s.number("last-seen", 1<<62))}, s.end()
}

// Message writes the form, or says which field cannot be written.
func (w Whowas) Message() (Message, error) {
	text := fmt.Sprintf("%s %s %d", w.Nick, quote(w.Level), w.LastSeen)
	return checked(w, Message{TypeWhowas, text}, ParseWhowas)
}

// Stats counts what a server has: users who are there, their files, and the sum of
// their sizes in whole gigabytes.
//
// NP-ST-01.
type Stats struct{ Users, Files, Gigabytes uint32 }

// ParseStats reads the text of [TypeStats] from a server.
func ParseStats(text string) (Stats, error) {
	s := scan(TypeStats, text)
	return Stats{s.uint32("users"), s.uint32("files"), s.uint32("size")}, s.end()
}

// Message writes the form.
func (st Stats) Message() Message {
	text := strconv.FormatUint(uint64(st.Users), 10) + " " + strconv.FormatUint(uint64(st.Files), 10) + " " +
		strconv.FormatUint(uint64(st.Gigabytes), 10)
	return Message{TypeStats, text}
}
