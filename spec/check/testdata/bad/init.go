package bad

func init() { // want init
	println("started") // want symbol
}
