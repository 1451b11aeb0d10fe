package gnutella

import (
	"fmt"
	"maps"
	"slices"
)

// The files that the target shares, by names whose words no two have in common.
const (
	FileAlpha = "alpha bravo testfile.txt"
	FileDelta = "delta echo foxtrot.bin"
	FileNoise = "golf-hotel_india.ogg"
)

// Sizes of the files in bytes.
const (
	sizeAlpha = 21
	sizeDelta = 5000
	sizeNoise = 70_000
)

// Shared is what the target shares, by name.
func Shared() map[string][]byte {
	return map[string][]byte{
		FileAlpha: []byte("the quick brown fox.\n"),
		FileDelta: pattern(FileDelta, sizeDelta),
		FileNoise: pattern(FileNoise, sizeNoise),
	}
}

// pattern is content that differs from file to file and from line to line.
func pattern(name string, size int) (b []byte) {
	for i := 0; len(b) < size; i++ {
		b = fmt.Appendf(b, "%s, line %d\n", name, i)
	}
	return b[:size]
}

// SharedKilobytes is what pongs have to say of it, rounded down and up.
func SharedKilobytes() (low, high uint32) {
	total := 0
	for _, data := range Shared() {
		total += len(data)
	}
	return uint32(total / 1024), uint32((total + 1023) / 1024)
}

// names of a share, in order.
func names(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
