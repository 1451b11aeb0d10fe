/* A search of this never reaches the branch for 20. */
active proctype P() {
	byte n, m;
	do
	:: d_step { n < 9 -> n++; if :: n == 20 -> m = 1 :: else fi; m = 0 }
	:: n == 9 -> break
	od
}
