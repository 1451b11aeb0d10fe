package bad

import (
	. "bytes"  // want import
	"net"      // want import
	"sort"     // want import
	_ "unsafe" // want import
)

func resolve(host string) bool {
	_, err := net.LookupHost(host)
	sort.Slice([]int{}, func(i, j int) bool { return i < j })
	return err == nil && Equal(nil, nil)
}
