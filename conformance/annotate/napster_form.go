package annotate

import (
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/napster"
)

// napsterForm is what a type of message is for, and the fields of its text.
type napsterForm struct {
	name, meaning, clause string
	fields                []string
}

// aboutNapster describes a type. A text without fields is for people.
func aboutNapster(t napster.Type) napsterForm {
	form := func(name, clause, fields string) napsterForm {
		return napsterForm{name: name, clause: clause, fields: strings.Fields(fields)}
	}
	const file = "name md5 size bitrate frequency seconds"
	switch t {
	case napster.TypeLoginError:
		return napsterForm{name: "login_error", meaning: "why the login failed", clause: "NP-LG-04"}
	case napster.TypeLogin:
		return form("login", "NP-LG-01", "nick password port client link build")
	case napster.TypeLoginAck:
		return form("login_ack", "NP-LG-03", "email")
	case napster.TypeNewUser:
		return form("new_user", "NP-LG-02", "nick password port client link email")
	case napster.TypeNickCheck:
		return form("nick_check", "NP-LG-05", "nick")
	case napster.TypeNickFree:
		return form("nick_free", "NP-LG-05", "nick")
	case napster.TypeNickTaken:
		return form("nick_taken", "NP-LG-05", "nick")
	case napster.TypeNickInvalid:
		return form("nick_invalid", "NP-LG-05", "nick")
	case napster.TypeShare:
		return form("share", "NP-SH-01", file)
	case napster.TypeUnshare:
		return form("unshare", "NP-SH-02", "name")
	case napster.TypeSearch:
		return form("search", "NP-SE-01", "condition")
	case napster.TypeResult:
		return form("result", "NP-SE-04", file+" nick ip link")
	case napster.TypeResultEnd:
		return form("result_end", "NP-SE-04", "rest")
	}
	return aboutNapsterTransfer(t)
}

// aboutNapsterTransfer describes the types from browsing on.
func aboutNapsterTransfer(t napster.Type) napsterForm {
	form := func(name, clause, fields string) napsterForm {
		return napsterForm{name: name, clause: clause, fields: strings.Fields(fields)}
	}
	const ack = "nick ip port name md5 link"
	switch t {
	case napster.TypeGet:
		return form("get", "NP-DL-01", "nick name")
	case napster.TypeGetAck:
		return form("get_ack", "NP-DL-03", ack)
	case napster.TypeGetError:
		return form("get_error", "NP-DL-04", "nick name")
	case napster.TypeNotOnline:
		return form("not_online", "NP-BR-02", "nick")
	case napster.TypeBrowse:
		return form("browse", "NP-BR-01", "nick")
	case napster.TypeBrowseItem:
		return form("browse_item", "NP-BR-01", "nick name md5 size bitrate frequency seconds")
	case napster.TypeBrowseEnd:
		return form("browse_end", "NP-BR-01", "nick")
	case napster.TypeStats:
		return form("stats", "NP-ST-01", "users files gigabytes")
	case napster.TypeResume:
		return form("resume", "NP-RS-01", "md5 size")
	case napster.TypeResumeMatch:
		return form("resume_match", "NP-RS-01", "nick ip port name md5 size link")
	case napster.TypeResumeEnd:
		return form("resume_end", "NP-RS-01", "rest")
	case napster.TypeDownStart, napster.TypeDownEnd, napster.TypeUpStart, napster.TypeUpEnd:
		return form("transfer", "NP-ST-02", "rest")
	case napster.TypeError:
		return napsterForm{name: "error", meaning: "what went wrong", clause: "NP-ER-01"}
	case napster.TypePush:
		return form("push", "NP-FW-01", "nick name")
	case napster.TypePushAck:
		return form("push_ack", "NP-FW-01", ack)
	case napster.TypeSpeed:
		return form("speed", "NP-WH-03", "nick")
	case napster.TypeSpeedAck:
		return form("speed_ack", "NP-WH-03", "nick link")
	case napster.TypeWhois:
		return form("whois", "NP-WH-01", "nick")
	case napster.TypeWhoisAck:
		return form("whois_ack", "NP-WH-01",
			"nick level seconds channels status shared downloads uploads link client rest")
	case napster.TypeWhowas:
		return form("whowas", "NP-WH-02", "nick level last_seen")
	case napster.TypeUpload:
		return form("upload", "NP-DL-02", "nick name link")
	case napster.TypeUploadAck:
		return form("upload_ack", "NP-DL-02", "nick name")
	case napster.TypeMOTD:
		return napsterForm{name: "motd", meaning: "a line of the message of the day"}
	case napster.TypePing:
		return form("ping", "NP-PI-01", "nick")
	case napster.TypePong:
		return form("pong", "NP-PI-01", "nick")
	}
	return napsterForm{meaning: "a type that is not read", clause: "NP-ER-02"}
}

// napsterMeaning is what a field is, by its name.
func napsterMeaning(field string) string {
	switch field {
	case "nick":
		return "who"
	case "password":
		return "the secret"
	case "port":
		return "for transfers; 0 behind a firewall"
	case "client":
		return "the program"
	case "link":
		return "speed of the line, 0 to 10"
	case "build":
		return "of the program"
	case "email":
		return "address for mail"
	case "name":
		return "of the file"
	case "md5":
		return "of the file's beginning"
	case "size":
		return "in bytes"
	case "bitrate":
		return "in kbit/s"
	case "frequency":
		return "in Hz"
	case "seconds":
		return "how long"
	case "condition":
		return "what is asked for"
	case "ip":
		return "address as a little-endian number"
	case "begin":
		return "offset in the file"
	case "users", "files", "gigabytes", "shared", "downloads", "uploads":
		return "how many"
	case "level", "channels", "status":
		return "of the user"
	case "last_seen":
		return "in Unix time"
	}
	return "what else there is"
}

// napsterValue shows a field.
func napsterValue(field, word string) string {
	if n, err := strconv.ParseUint(word, 10, 32); err == nil && field == "ip" {
		return napster.AddrOfDecimal(uint32(n)).String()
	}
	return readable([]byte(word))
}

// readForm asks the reader of a message's text.
func readForm(m napster.Message) (err error) {
	switch m.Type {
	case napster.TypeLogin:
		_, err = napster.ParseLogin(m.Text)
	case napster.TypeNewUser:
		_, err = napster.ParseNewUser(m.Text)
	case napster.TypeShare:
		_, err = napster.ParseFile(m.Text)
	case napster.TypeUnshare:
		_, err = napster.ParseFileName(m.Text)
	case napster.TypeSearch:
		_, err = napster.ParseSearch(m.Text)
	case napster.TypeResult:
		_, err = napster.ParseResult(m.Text)
	case napster.TypeGet, napster.TypeGetError, napster.TypePush, napster.TypeUpload, napster.TypeUploadAck:
		_, err = napster.ParseRequest(m.Type, m.Text)
	case napster.TypeGetAck, napster.TypePushAck:
		_, err = napster.ParseAck(m.Type, m.Text)
	case napster.TypeBrowse, napster.TypeBrowseEnd, napster.TypeNotOnline, napster.TypeSpeed, napster.TypeWhois,
		napster.TypePing, napster.TypePong, napster.TypeNickCheck:
		_, err = napster.ParseNick(m.Type, m.Text)
	case napster.TypeBrowseItem:
		_, err = napster.ParseListing(m.Text)
	case napster.TypeResume:
		_, err = napster.ParseResume(m.Text)
	case napster.TypeResumeMatch:
		_, err = napster.ParseMatch(m.Text)
	case napster.TypeSpeedAck:
		_, err = napster.ParseSpeed(m.Text)
	case napster.TypeWhoisAck:
		_, err = napster.ParseWhois(m.Text)
	case napster.TypeWhowas:
		_, err = napster.ParseWhowas(m.Text)
	case napster.TypeStats:
		if m.Text != "" { // as a client asks
			_, err = napster.ParseStats(m.Text)
		}
	}
	return err
}
