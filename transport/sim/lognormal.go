package sim

// logNormalTable holds the quantiles i/64 of the log-normal distribution with
// median 1 and deviation 1/2, with 12 binary places. A test recomputes it.
var logNormalTable = [65]uint16{
	874, 1395, 1614, 1772, 1902, 2016, 2119, 2215, 2304, 2390,
	2472, 2551, 2629, 2704, 2778, 2851, 2923, 2995, 3066, 3137,
	3208, 3279, 3350, 3421, 3493, 3565, 3638, 3712, 3786, 3862,
	3939, 4017, 4096, 4177, 4260, 4344, 4431, 4520, 4612, 4706,
	4803, 4904, 5008, 5117, 5230, 5348, 5472, 5602, 5739, 5884,
	6039, 6204, 6383, 6576, 6787, 7020, 7280, 7576, 7917, 8322,
	8820, 9469, 10396, 12025, 19204,
}

// logNormalQuantile is the quantile i/64 as a fixed-point number.
func logNormalQuantile(i uint64) uint64 { return uint64(logNormalTable[i]) << 20 }
