/* A search of this finds an error. */
active proctype P() { byte n; do :: n < 9 -> n++; assert(n < 9) :: else -> break od }
