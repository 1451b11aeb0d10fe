package vectors

import (
	"crypto/sha1"
	"crypto/sha256"
	"strconv"
	"strings"
)

// makes are torrents to be made of content.
func (c *torrents) makes() {
	add := func(slug, source, version string, name string, folder bool, pieceLength int, files []data, more ...any) {
		info := made(version, name, folder, pieceLength, files)
		input := values{"version": version, "name": name, "folder": folder, "piece_length": pieceLength,
			"announce": tracker}
		listed := list{}
		for _, f := range files {
			path := list{}
			for _, p := range f.path {
				path = append(path, p)
			}
			listed = append(listed, list{path, len(f.content), f.factor})
		}
		input["data"] = treeOf(listed)
		for i := 0; i < len(more); i += 2 {
			input[more[i].(string)] = more[i+1]
			if more[i] == "private" {
				info["private"] = 1
			}
		}
		expect := values{"info": hexed(benc(info))}
		if version != "v2" {
			hash := sha1.Sum([]byte(benc(info)))
			expect["info_hash"] = hexed(string(hash[:]))
		}
		if version != "v1" {
			hash := sha256.Sum256([]byte(benc(info)))
			expect["info_hash_v2"] = hexed(string(hash[:]))
		}
		c.add(slug, "make", source, input, expect, "")
	}
	of := func(n, factor int, path ...string) data {
		return data{path: path, content: pattern(n, factor), factor: factor}
	}
	file := []data{of(2*block+100, 1, "file.bin")}
	folder := []data{of(6, 1, "a.txt"), of(block+1, 1, "b", "c.bin"), of(0, 1, "b", "empty"), of(4, 3, "z")}
	c.in("make/v1", "BEP03-META-003", "BEP03-META-004", "BEP03-META-005", "BEP03-META-006", "BEP03-META-007",
		"BEP03-BENC-008")
	add("single-file", "derived", "v1", "file.bin", false, block, file)
	add("folder", "derived", "v1", "folder", true, block, folder)
	add("longer-pieces", "derived", "v1", "folder", true, 2*block, folder)
	c.in("make/v2", "BEP52-META-001", "BEP52-META-002", "BEP52-META-003", "BEP52-META-004", "BEP03-BENC-008")
	add("single-file", "derived", "v2", "file.bin", false, block, file)
	add("folder", "derived", "v2", "folder", true, block, folder)
	add("longer-pieces", "derived", "v2", "folder", true, 2*block, folder)
	c.in("make/hybrid", "BEP52-META-009", "BEP52-META-011", "BEP47-PAD-005", "BEP03-BENC-008")
	add("single-file", "derived", "hybrid", "file.bin", false, block, file)
	add("folder", "derived", "hybrid", "folder", true, block, folder)
	add("libtorrent-test64K", "libtorrent test_torrents/v2.torrent", "hybrid", "test64K", false, 4*block,
		[]data{of(4*block, 0, "test64K")})
	c.in("make/private", "BEP27-PRIV-001")
	add("v1", "derived", "v1", "file.bin", false, block, file, "private", true)
}

// made is the canonical info dictionary.
func made(version, name string, folder bool, pieceLength int, files []data) dict {
	info := dict{"name": name, "piece length": pieceLength}
	if version != "v1" {
		for key, value := range v2(name, pieceLength, files...).info {
			info[key] = value
		}
	}
	if version == "v2" {
		return info
	}
	entries, all := list{}, ""
	pad := func() {
		if lacks := (pieceLength - len(all)%pieceLength) % pieceLength; version == "hybrid" && lacks > 0 {
			entries = append(entries, padEntry(lacks))
			all += strings.Repeat("\x00", lacks)
		}
	}
	for _, f := range files {
		pad()
		entries = append(entries, file(len(f.content), f.path...))
		all += f.content
	}
	if folder && len(files) > 1 {
		pad()
	}
	info["pieces"] = sha1Pieces(all, pieceLength)
	if folder {
		info["files"] = entries
	} else {
		info["length"] = len(all)
	}
	return info
}

func padEntry(length int) dict { return file(length, ".pad", strconv.Itoa(length)).with("attr", "p") }
