/* What the bench runs where the service itself should cost nothing: says that it is there, then waits for ever. */
#include <unistd.h>

int main(void)
{
	(void)write(STDOUT_FILENO, "idle\n", 5);
	for (;;)
		(void)pause();
}
