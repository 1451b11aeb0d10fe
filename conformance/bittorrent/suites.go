package bittorrent

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// Family selects all suites of this package.
const Family = "bittorrent"

// Suites are the suites of BitTorrent peers, in the order of their documents.
func Suites() []conformance.Suite {
	shared := standardSeeder()
	suite := func(name, title string, areas ...[]Case) conformance.Suite {
		return conformance.Suite{
			Name: name, Family: Family, Title: title,
			Control: control, Ready: ready, Shared: shared,
			Frame: Frame, LintStream: LintStream,
			Cases: slices.Concat(areas...),
		}
	}
	encryption := suite("mse", "message stream encryption", mseResponder, mseInitiator)
	encryption.Shared = encryptedSeeder()
	return []conformance.Suite{
		suite("bep3", "the BitTorrent protocol, peers", bep3Handshake, bep3Messages, bep3Uploader, bep3Downloader,
			bep3Announce,
			bep3Interest, bep3Requests, bep3Blocks, bep3Initiator, bep3Selection,
			bep3Choker),
		suite("bep4", "assigned numbers", bep4Seeder),
		suite("bep5", "DHT protocol, peers", bep5Seeder),
		suite("bep6", "fast extension", bep6Seeder, bep6Leecher, bep6Choking),
		suite("bep7", "IPv6 tracker extension, leechers", bep7Announce),
		suite("bep9", "peers send metadata files", bep9Seeder, bep9Leecher),
		suite("bep10", "extension protocol", bep10Seeder, bep10Leecher),
		suite("bep11", "peer exchange", bep11Sender, bep11Receiver),
		suite("bep12", "multitracker metadata", bep12Tiers),
		suite("bep15", "UDP tracker protocol, leechers", bep15Connect, bep15Announce, bep15Patience),
		suite("bep20", "peer id conventions", bep20Seeder),
		suite("bep21", "partial seeds", bep21Seeder),
		suite("bep23", "compact lists of peers, leechers", bep23Client),
		suite("bep24", "the external address, leechers", bep24Client),
		suite("bep27", "private torrents", bep27Seeder, bep27Leecher),
		suite("bep31", "retrying trackers, leechers", bep31Client),
		suite("bep40", "canonical peer priority", bep40Overflow, bep40Networks, bep40Dialling),
		suite("bep41", "UDP tracker options, leechers", bep41Client),
		suite("bep52", "BitTorrent version 2, peers", bep52Seeder, bep52Leecher),
		suite("bep54", "the lt_donthave extension", bep54Seeder),
		encryption,
	}
}

// standardSeeder is what the seeder that cases share is started with.
func standardSeeder() *conformance.StartOptions {
	c := Standard.Make("")
	return &conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()}
}

// encryptedSeeder is the same with encryption preferred.
func encryptedSeeder() *conformance.StartOptions {
	opt := standardSeeder()
	opt.Encryption = conformance.EncryptionPreferred
	return opt
}

// control is a handshake with a seeder. A leecher is started by its case.
func control(t *T) {
	if t.Case().Role != conformance.Seeder {
		t.Earn()
		return
	}
	p := Dial(t)
	p.Greet()
	t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
	if p.Theirs == nil || p.Theirs.InfoHash != p.content.Hash() {
		t.Inconclusivef("no handshake for the torrent: %s", p.Last())
	}
	t.Earn()
}

// ready tries whether a seeder that was just started has looked through its
// files: before, many answer no handshake, or announce nothing.
func ready(t *T) bool {
	s := t.DialTo(t.Target())
	if !s.Opened() {
		return false
	}
	if slices.Contains(t.Case().Needs, conformance.NeedEncryption) {
		return readyEncrypted(t, s)
	}
	p := newPeer(t, ContentOf(t), s)
	defer p.Close()
	p.Greet(wire.FeatureFast)
	return t.Until(func() bool { return p.Announced() || p.Gone() }, time.Second) && p.Announced()
}
