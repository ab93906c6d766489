/* The commands: exact, case-sensitive, chosen by the first word of a line. */
#include "menu.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct command {
	const char *name, *description;
	enum outcome (*run)(const struct parameters *parameters);
};

static enum outcome help(const struct parameters *parameters);

static enum outcome version(const struct parameters *parameters)
{
	struct utsname u;

	(void)parameters;
	if (uname(&u) == 0)
		say("MenuOS 1.0 on %s %s, %d-bit program on %s\n", u.sysname, u.release,
		    (int)(8 * sizeof(void *)), u.machine);
	return OUTCOME_PROMPT;
}

static enum outcome quit(const struct parameters *parameters)
{
	(void)parameters;
	if (getpid() != 1)
		return OUTCOME_QUIT;
	say("MenuOS is process 1 and stays: without it the kernel would panic.\n");
	return OUTCOME_PROMPT;
}

static enum outcome time_library(const struct parameters *parameters)
{
	(void)parameters;
	clock_library();
	return OUTCOME_PROMPT;
}

static enum outcome time_asm(const struct parameters *parameters)
{
	(void)parameters;
	clock_int80();
	return OUTCOME_PROMPT;
}

static enum outcome replyhi(const struct parameters *parameters)
{
	service_start(parameters);
	return OUTCOME_PROMPT;
}

static enum outcome hello(const struct parameters *parameters)
{
	client_hello(parameters);
	return OUTCOME_PROMPT;
}

static enum outcome pair(const struct parameters *parameters)
{
	(void)parameters;
	pairs_try();
	return OUTCOME_PROMPT;
}

static enum outcome shell(const struct parameters *parameters)
{
	return foreground_start("/bin/sh", NULL, parameters) ? OUTCOME_WAIT : OUTCOME_PROMPT;
}

static enum outcome menu32(const struct parameters *parameters)
{
	return foreground_start("/bin/menu32", NULL, parameters) ? OUTCOME_WAIT : OUTCOME_PROMPT;
}

#ifdef __x86_64__
static enum outcome by_syscall(const struct parameters *parameters)
{
	return foreground_start("/bin/trigger", "syscall", parameters) ? OUTCOME_WAIT : OUTCOME_PROMPT;
}

static enum outcome by_int80(const struct parameters *parameters)
{
	return foreground_start("/bin/trigger", "int80", parameters) ? OUTCOME_WAIT : OUTCOME_PROMPT;
}
#endif

static const struct command COMMANDS[] = {
	{ "help", "Menu List", help },
	{ "version", "Version of MenuOS and its kernel", version },
	{ "quit", "Leave this menu", quit },
	{ "time", "Show System Time", time_library },
	{ "time-asm", "Show System Time(asm)", time_asm },
	{ "replyhi", "Reply hi TCP Service", replyhi },
	{ "hello", "Hello TCP Client", hello },
	{ "pair", "Two connected sockets, of AF_UNIX and of AF_INET", pair },
#ifdef __x86_64__
	{ "syscall", "Make your own system call by syscall", by_syscall },
	{ "syscall-int80", "Make your own system call by int $0x80", by_int80 },
#endif
	{ "shell", "A shell; exit comes back", shell },
	{ "menu32", "This menu as a 32-bit program; quit comes back", menu32 },
};
#define COMMANDS_COUNT (sizeof COMMANDS / sizeof COMMANDS[0])

static enum outcome help(const struct parameters *parameters)
{
	(void)parameters;
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		say("%s - %s\n", COMMANDS[i].name, COMMANDS[i].description);
	return OUTCOME_PROMPT;
}

enum outcome command_run(const char *text, const struct parameters *parameters)
{
	text += strspn(text, " \t\r");
	size_t length = strcspn(text, " \t\r");

	if (length == 0)
		return OUTCOME_PROMPT;
	for (size_t i = 0; i < COMMANDS_COUNT; i++) {
		const char *name = COMMANDS[i].name;
		if (strlen(name) == length && memcmp(name, text, length) == 0)
			return COMMANDS[i].run(parameters);
	}
	say("This is a wrong cmd!\n");
	return OUTCOME_PROMPT;
}
