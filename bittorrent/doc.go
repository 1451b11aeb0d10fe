// Package bittorrent is a peer: the participant of one torrent as a pure
// machine.
package bittorrent
