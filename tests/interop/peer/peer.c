/* Which of the three it is to be. */
#include "peer.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && strcmp(argv[1], "mcaster") == 0)
		return mcaster(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "mserver") == 0)
		return mserver(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "member") == 0)
		return member(argc - 1, argv + 1);
	fprintf(stderr, "usage: peer mcaster | mserver ... | member ...\n");
	return 255;
}
