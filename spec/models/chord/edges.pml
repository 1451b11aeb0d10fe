/*
 * With -DEDGES pan prints each transition that it takes as
 *
 *     EVENT MEMBER [VIA]: STATE -> STATE
 *
 * and a state as State.String of the Go reference does.
 */
c_decl {
	static char source[64 * N], target[64 * N];
}
c_code {
	static void render(char *b)
	{
		int i, j;
		for (i = 0; i < N; i++) {
			if (!(now.members >> i & 1)) {
				continue;
			}
			b += sprintf(b, " %d:", i);
			for (j = 0; j < R; j++) {
				if (now.node[i].succ[j] != N) {
					b += sprintf(b, "%d", now.node[i].succ[j]);
				}
			}
			b += sprintf(b, "<%d", now.node[i].prdc);
			if (now.node[i].candidate != N) {
				b += sprintf(b, "?%d", now.node[i].candidate);
			}
			if (now.node[i].rectifyWith != N) {
				b += sprintf(b, "!%d", now.node[i].rectifyWith);
			}
		}
	}
	static void edge(const char *event)
	{
		render(target);
		if (y == N) {
			printf("%s %d:%s ->%s\n", event, x, source, target);
		} else {
			printf("%s %d %d:%s ->%s\n", event, x, y, source, target);
		}
	}
}
#define before()            c_code { render(source); }
#define after(event, a, b)  survey(); x = a; y = b; c_code { edge(#event); }
