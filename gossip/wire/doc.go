// Package wire is the format of memberlist v0.7, in which Consul, Serf and Nomad
// talk, to the byte: packets and the messages on streams.
package wire
