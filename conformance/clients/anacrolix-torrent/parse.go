package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
)

// parse prints the info-hashes of a torrent or a magnet link, of version 1
// first, if the library takes it for a download.
func parse(what string) error {
	dir, err := os.MkdirTemp("", "parse")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := config("127.0.0.1", 0, dir, "")
	c.DisableTCP, c.DisableTrackers = true, true
	client, err := torrent.NewClient(c)
	if err != nil {
		return err
	}
	defer client.Close()
	spec, err := specOf(what)
	if err != nil {
		return err
	}
	if _, _, err := client.AddTorrentSpec(spec); err != nil {
		return err
	}
	if !spec.InfoHash.IsZero() {
		fmt.Println(spec.InfoHash.HexString())
	}
	if spec.InfoHashV2.Ok {
		fmt.Println(spec.InfoHashV2.Value.HexString())
	}
	return nil
}

func specOf(what string) (*torrent.TorrentSpec, error) {
	if strings.HasPrefix(what, "magnet:") {
		return torrent.TorrentSpecFromMagnetUri(what)
	}
	meta, err := metainfo.LoadFromFile(what)
	if err != nil {
		return nil, err
	}
	return torrent.TorrentSpecFromMetaInfoErr(meta)
}
