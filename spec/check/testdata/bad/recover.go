package bad

func swallow(f func()) {
	defer func() {
		_ = recover() // want recover
	}()
	f()
}
