//go:build linux // want directive

package bad

//go:linkname nanotime runtime.nanotime // want directive
