package tracker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/annotate"
)

// frame finds one HTTP message for the transcript.
func frame(_ *conformance.Stream, _ int64, buf []byte) (n int, decoded any) {
	if bytes.HasPrefix(buf, []byte("HTTP/")) {
		r := &Reply{}
		if !r.parse(buf, false) {
			return 0, nil
		}
		body, _ := annotate.Readable(r.Body)
		if body == nil {
			body = fmt.Sprintf("%.200q", r.Body)
		}
		return r.size, map[string]any{"status": r.Status, "body": body}
	}
	head := bytes.Index(buf, []byte("\r\n\r\n"))
	if head < 0 {
		return 0, nil
	}
	line, _, _ := bytes.Cut(buf, []byte("\r\n"))
	return head + 4, map[string]any{"request": string(line)}
}

// lintStream refuses requests that a correct peer may not send, by the word of
// the verified core.
func lintStream(_ *conformance.Stream, _ int64, b []byte) error {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return err
	}
	if strings.HasSuffix(r.URL.Path, "/scrape") {
		_, err = tracker.ParseScrapeQuery(r.URL.RawQuery)
	} else {
		_, err = tracker.ParseAnnounceQuery(r.URL.RawQuery)
	}
	return err
}

// lint is the same for packets.
func lint(payload []byte) error {
	r, err := tracker.ParseRequest(payload)
	if err == nil && r.Action == tracker.ActionAnnounce && r.Announce.Port == 0 {
		return fmt.Errorf("the announce has port 0")
	}
	return err
}

// decode renders a packet for the transcript. Requests and responses differ in
// where the action is.
func decode(payload []byte) any {
	if r, err := tracker.ParseRequest(payload); err == nil {
		m := map[string]any{"request": actionName(r.Action), "transaction_id": hex32(r.Transaction)}
		if r.Action != tracker.ActionConnect {
			m["connection_id"] = fmt.Sprintf("%016x", r.Connection)
		}
		switch a := r.Announce; r.Action {
		case tracker.ActionAnnounce:
			m["info_hash"], m["peer_id"] = fmt.Sprintf("%x", a.InfoHash), fmt.Sprintf("%q", a.PeerID[:])
			m["left"], m["event"], m["num_want"], m["port"] = a.Left, a.Event.String(), a.NumWant, a.Port
			if r.URLData != "" {
				m["url_data"] = r.URLData
			}
		case tracker.ActionScrape:
			m["info_hashes"] = len(r.Hashes)
		}
		return m
	}
	r, err := tracker.ParseResponse(payload)
	if err != nil {
		return nil
	}
	m := map[string]any{"response": actionName(r.Action), "transaction_id": hex32(r.Transaction)}
	switch r.Action {
	case tracker.ActionConnect:
		m["connection_id"] = fmt.Sprintf("%016x", r.Connection)
	case tracker.ActionAnnounce:
		m["interval"], m["leechers"], m["seeders"] = r.Interval, r.Leechers, r.Seeders
		m["peers"] = fmt.Sprintf("%x", r.Peers[:min(len(r.Peers), 120)])
	case tracker.ActionScrape:
		m["torrents"] = r.Stats
	case tracker.ActionError:
		m["message"] = r.Message
	}
	return m
}

func actionName(a tracker.Action) string {
	return [...]string{"connect", "announce", "scrape", "error"}[a]
}

func hex32(n uint32) string {
	return fmt.Sprintf("%x", binary.BigEndian.AppendUint32(nil, n))
}
