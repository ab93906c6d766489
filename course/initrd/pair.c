/* socketpair by two families: one whose table of operations has it, and one whose table refuses it. */
#include "menu.h"

#include <sys/socket.h>
#include <unistd.h>

static void pair_of(int family, const char *name)
{
	int ends[2];

	if (socketpair(family, SOCK_STREAM, 0, ends) != 0) {
		say("socketpair of %s: %m\n", name);
		return;
	}
	say("socketpair of %s: descriptors %d and %d\n", name, ends[0], ends[1]);
	close(ends[0]);
	close(ends[1]);
}

void pairs_try(void)
{
	pair_of(AF_UNIX, "AF_UNIX");
	pair_of(AF_INET, "AF_INET");
}
