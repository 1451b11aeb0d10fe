package metainfo

import (
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// readWithin bounds one vector. It is more than a program has that is started
// for it, so that the program's end is seen.
const readWithin = 15 * time.Second

// The vectors whose reading shows that a target reads such things at all, two of
// each kind with different info-hashes.
const (
	plainTorrent  = "hash/of-the-raw-info/single-file"
	plainFolder   = "hash/of-the-raw-info/folder"
	plainV2       = "v2/hash/single-file"
	plainMagnet   = "magnet/hex/lower-case"
	anotherMagnet = "magnet/hex/upper-case"
	plainBTMH     = "magnet/v2/reference"
)

// control has a plain torrent read, or a plain link if the target has no word
// for a torrent. Whether the info-hash is right is left to the cases.
func control(t *T, played corpus) {
	for _, name := range []string{plainTorrent, plainMagnet} {
		v := played.named(name)
		p, ok := begin(t, verbParse, arguments(v))
		if !ok {
			continue
		}
		if r := end(t, p); r.hash+r.hash2 == "" {
			t.Inconclusivef("%s is %s", name, r)
		}
		t.Earn()
		return
	}
	t.Unsupportedf("the target reads neither torrents nor links")
}

// begin starts a command. ok is false if the target says that it does not know
// it.
func begin(t *T, verb string, args map[string]any) (p *conformance.Pending, ok bool) {
	p, err := t.Instance().Do(conformance.Command{Verb: verb, Args: args})
	switch {
	case errors.Is(err, conformance.ErrUnsupported):
		return nil, false
	case err != nil:
		t.Inconclusivef("%s: %v", verb, err)
	}
	return p, true
}

// end waits for a command.
func end(t *T, p *conformance.Pending) reading {
	if !t.Until(p.Done, readWithin) {
		return reading{verdict: broken, why: "no answer within " + readWithin.String()}
	}
	reply, err := p.Result()
	if errors.Is(err, conformance.ErrUnsupported) {
		t.Unsupportedf("the target cannot do this")
	}
	return understand(reply, err)
}

// parallel is how many programs run at once for one case.
const parallel = 4

// playAll has the target read the plain torrents or links that the case rests
// on, and then the case's own vectors, and judges them.
func playAll(t *T, b behaviour, played corpus, own []vectors.Vector) {
	var plain []vectors.Vector
	for _, name := range b.controls() {
		plain = append(plain, played.named(name))
	}
	for i, r := range ask(t, plain) {
		name := plain[i].Name
		isOwn := strings.HasPrefix(name, b.slug+"/")
		switch {
		case r.verdict == refused && (name == plainV2 || name == plainBTMH):
			t.Unsupportedf("the target refuses what is well-formed of version 2: %s", r.why)
		case !isOwn && judge(plain[i], r).wrong != "":
			t.Inconclusivef("the control %s is %s", name, r)
		}
	}
	var missing []string
	for i, r := range ask(t, own) {
		j := judge(own[i], r)
		if j.wrong != "" {
			tell(t, own[i], r, j)
		}
		if r.verdict == read {
			missing = append(missing, lacking(b.fields, r)...)
		}
	}
	if len(missing) > 0 {
		t.Unsupportedf("the target does not tell %s", missing[0])
	}
	t.Earn()
	t.Observef("%d vectors hold", len(own))
}

// controls are the plain vectors that a case rests on.
func (b behaviour) controls() []string {
	switch area, _, _ := strings.Cut(b.slug, "/"); {
	case b.slug == "magnet/v2" || b.slug == "magnet/hybrid" || b.slug == "magnet/malformed-multihash":
		return []string{plainMagnet, anotherMagnet, plainBTMH}
	case area == "magnet":
		return []string{plainMagnet, anotherMagnet}
	case area == "v2", area == "hybrid":
		return []string{plainTorrent, plainFolder, plainV2}
	default:
		return []string{plainTorrent, plainFolder}
	}
}

// ask has the target read the vectors, a few at once, and returns the readings
// in their order.
func ask(t *T, list []vectors.Vector) []reading {
	readings := make([]reading, 0, len(list))
	pending := make([]*conformance.Pending, 0, len(list))
	for i := range list {
		for len(pending) < len(list) && len(pending) < i+parallel {
			p, ok := begin(t, verbParse, arguments(list[len(pending)]))
			if !ok {
				t.Unsupportedf("the target has no word for this kind of input")
			}
			pending = append(pending, p)
		}
		readings = append(readings, end(t, pending[i]))
		t.Notef("%s: %s", list[i].Name, readings[i])
	}
	return readings
}

// shown is how many bytes of a torrent the evidence has.
const shown = 512

// tell ends the case with the vector that was not met.
func tell(t *T, v vectors.Vector, r reading, j judgement) {
	if v.Input.Has("uri") {
		t.Notef("the link is %s", v.Input.Text("uri"))
	} else {
		b := v.Input.Bytes("torrent")
		t.Notef("the torrent has %d bytes, beginning with %s; p2pspec vectors metainfo has it whole",
			len(b), hex.EncodeToString(b[:min(shown, len(b))]))
	}
	got := j.got
	if got == "" {
		got = r.String()
	}
	t.Fail(conformance.Failure{
		Message: v.Name + ": " + j.wrong, Where: j.where, Expected: j.want, Got: got,
	})
}
