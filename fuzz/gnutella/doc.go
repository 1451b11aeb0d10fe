// Package gnutella holds the fuzz targets of Gnutella:
//
//	go test -fuzz FuzzURN ./fuzz/gnutella
//
// Without -fuzz, go test runs the seeds.
package gnutella
