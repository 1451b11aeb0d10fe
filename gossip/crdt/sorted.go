package crdt

// join merges two lists that compare has put in order, without equal elements in
// either. Of two equal elements theirs is taken if it beats mine. It may write into
// mine, and says whether anything of theirs was taken.
func join[E any](
	mine, theirs []E, compare func(a, b *E) int, beats func(theirs, mine *E) bool,
) (joined []E, changed bool) {
	missing, i := 0, 0
	for j := range theirs {
		for i < len(mine) && compare(&mine[i], &theirs[j]) < 0 {
			i++
		}
		switch {
		case i == len(mine) || compare(&mine[i], &theirs[j]) > 0:
			missing++
		case beats(&theirs[j], &mine[i]):
			mine[i] = theirs[j]
			changed = true
		}
	}
	if missing == 0 {
		return mine, changed
	}
	joined = make([]E, 0, len(mine)+missing)
	i = 0
	for j := range theirs {
		for i < len(mine) && compare(&mine[i], &theirs[j]) < 0 {
			joined = append(joined, mine[i])
			i++
		}
		if i == len(mine) || compare(&mine[i], &theirs[j]) > 0 {
			joined = append(joined, theirs[j])
		}
	}
	return append(joined, mine[i:]...), true
}
