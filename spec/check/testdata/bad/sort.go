package bad

import "slices"

func byLength(s []string) {
	slices.SortFunc(s, func(a, b string) int { return len(a) - len(b) }) // want sort
	slices.SortStableFunc(s, func(a, b string) int { return len(a) - len(b) })
}
