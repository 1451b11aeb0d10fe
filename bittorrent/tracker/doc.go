// Package tracker is the protocol between peers and trackers, over HTTP and
// UDP.
package tracker
