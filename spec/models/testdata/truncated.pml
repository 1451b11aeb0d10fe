/* A search of this is cut short: it has more steps than check allows. */
active proctype P() { byte n; do :: n < 200 -> n++ :: else -> break od }
