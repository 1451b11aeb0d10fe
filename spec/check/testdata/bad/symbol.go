package bad

import (
	"fmt"
	"math"
	"time"
)

func now() time.Duration {
	fmt.Println(math.MaxInt64)         // want symbol
	return time.Since(time.Unix(0, 0)) // want symbol
}

func ints() int64 { return math.MaxInt } // want symbol
