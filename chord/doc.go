// Package chord is a pure reference core of Chord.
package chord
