/* At most one program owns the console in the menu's stead. */
#include "menu.h"

#include <stdlib.h>
#include <unistd.h>

static pid_t running;

/* The menu hears SIGCHLD through a descriptor; a program must not inherit that. */
void signals_as_before(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The shell moves itself into its own process group; the group that has the console
 * must be the menu's again afterwards. */
static void take_console(void)
{
	sigset_t output, before;

	sigemptyset(&output);
	sigaddset(&output, SIGTTOU);
	sigprocmask(SIG_BLOCK, &output, &before);
	tcsetpgrp(STDIN_FILENO, getpgrp());
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* `argument` may be NULL. */
bool foreground_start(const char *path, const char *argument, const struct parameters *parameters)
{
	parameters_export(parameters);
	pid_t pid = fork();
	if (pid < 0) {
		say("%s: cannot fork: %m\n", path);
		return false;
	}
	if (pid == 0) {
		signals_as_before();
		execl(path, path, argument, (char *)NULL);
		say("%s: %m\n", path);
		_exit(EXIT_FAILURE);
	}
	running = pid;
	return true;
}

/* True when the program that had the console was the one that ended. */
bool foreground_ended(pid_t pid)
{
	if (running == 0 || pid != running)
		return false;
	running = 0;
	take_console();
	return true;
}
