package bad

func half(x float64) float32 { // want float
	return float32(x * 0.5) // want float
}
