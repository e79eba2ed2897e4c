/* condition NAME ARGUMENT: what the supervisor would find, "yes" or "no", of Condition NAME=ARGUMENT on this machine. */
#include "supervisor/sys/unit/condition.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct condition c = { .kind = CONDITION_COUNT };
	char why[256];

	if (argc != 3)
		return 2;
	for (uint32_t kind = 0; kind < CONDITION_COUNT; kind++)
		if (strcmp(condition_name(kind), argv[1]) == 0)
			c.kind = kind;
	c.text = argv[2];
	if (c.kind == CONDITION_COUNT || condition_check(c.kind, c.text, why, sizeof(why)) < 0)
		return 2;
	(void)puts(condition_holds(&c) ? "yes" : "no");
	return 0;
}
