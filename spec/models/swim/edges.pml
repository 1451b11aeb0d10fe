/*
 * With -DEDGES pan prints each transition that it takes as
 *
 *     EVENT MEMBER [SUBJECT] [CLAIM]: STATE -> STATE
 *
 * and a state as State.String of the Go reference does.
 */
c_decl {
	static char source[64 * N], target[64 * N];
}
c_code {
	static const char *word(int claim)
	{
		static char b[3];
		b[0] = "asd"[claim % 3];
		b[1] = '0' + claim / 3;
		return b;
	}
	static void render(char *b)
	{
		int i, j;
		for (i = 0; i < SUBJECTS; i++) {
			b += sprintf(b, " %d", now.own[i]);
			for (j = 0; j < N; j++) {
				if (now.dead >> j & 1) {
					b += sprintf(b, ",x");
				} else if (j != i) {
					b += sprintf(b, ",%s", word(now.view[j * N + i]));
				}
			}
			b += sprintf(b, ",%03x", now.claims[i]);
		}
	}
	static void edge(const char *event)
	{
		render(target);
		printf("%s %d", event, x);
		if (y != NONE) {
			printf(" %d", y);
		}
		if (voice != NONE) {
			printf(" %s", word(voice));
		}
		printf(":%s ->%s\n", source, target);
	}
}
#define before()              c_code { render(source); }; weigh(); weight = voice
#define after(event, a, b, c) survey(); x = a; y = b; voice = c; c_code { edge(#event); }
