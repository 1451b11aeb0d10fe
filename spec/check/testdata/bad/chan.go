package bad

func pass(in <-chan int, out chan<- int) { // want chan
	out <- <-in         // want chan
	for v := range in { // want chan
		_ = v
	}
}
