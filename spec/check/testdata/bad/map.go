package bad

import (
	"maps"
	"slices"
)

func clear(m map[string]int) {
	for k := range m {
		delete(m, k)
	}
}

func sorted(m map[string]int) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return slices.AppendSeq(keys, slices.Values(slices.Sorted(maps.Keys(m))))
}

func unsorted(m map[string]int) []string {
	var keys, others []string
	for k := range m { // want map
		keys = append(keys, k)
	}
	slices.Sort(others)
	for k := range m { // want map
		return append(keys, k)
	}
	return slices.Collect(maps.Keys(m)) // want map
}
