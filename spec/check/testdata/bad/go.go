package bad

func spawn(f func()) {
	go f() // want go
}
