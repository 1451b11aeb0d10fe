package bad

import "fmt"

func name(x *int) string { return fmt.Sprintf("node %p", x) } // want pointer
