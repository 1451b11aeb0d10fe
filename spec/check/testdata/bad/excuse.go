package bad

func count(m map[string]int) (n int) {
	// want below excuse
	//pure:map
	for range m { // want map
		n++
	}
	//pure:map counting does not depend on the order
	for range m {
		n++
	}
	return n
}
