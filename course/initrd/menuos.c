/* MenuOS: the program students meet. As /init it is process 1; as /bin/menu32 it is the same
 * source for i386. One poll waits for the console and ended children, so that a machine at its
 * prompt sleeps. */
#include "menu.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum source { CONSOLE, CHILDREN, SOURCES };
enum mode { AT_PROMPT, IN_PROGRAM, INPUT_ENDED };

static struct parameters parameters = PARAMETERS_DEFAULT;
static enum mode mode = AT_PROMPT;
static struct line command;

static void prompt(void)
{
	write_all(STDOUT_FILENO, PROMPT, sizeof PROMPT - 1);
}

static void run(enum line_state state)
{
	page_read(&parameters);
	/* No command is that long. */
	enum outcome outcome = command_run(state == LINE_TOO_LONG ? "?" : command.bytes, &parameters);

	switch (outcome) {
	case OUTCOME_QUIT:
		exit(EXIT_SUCCESS);
	case OUTCOME_WAIT:
		mode = IN_PROGRAM;
		return;
	case OUTCOME_PROMPT:
		prompt();
	}
}

/* Ctrl-D: leaves a menu that may be left. A console that hung up is not asked again. */
static void input_ended(bool hung_up)
{
	if (getpid() != 1)
		exit(EXIT_SUCCESS);
	if (hung_up || !isatty(STDIN_FILENO)) {
		mode = INPUT_ENDED;
		return;
	}
	say("\n");
	prompt();
}

/* One byte a round: what follows a line may be meant for the program that the line starts. */
static void read_console(bool hung_up)
{
	char byte;
	ssize_t n = read(STDIN_FILENO, &byte, 1);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		input_ended(hung_up);
		return;
	}
	enum line_state state = line_add(&command, byte);
	if (state != LINE_OPEN)
		run(state);
}

static void reap(int fd)
{
	struct signalfd_siginfo drained;
	pid_t pid;

	if (read(fd, &drained, sizeof drained) < 0)
		return;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		service_ended(pid);
		if (foreground_ended(pid) && mode == IN_PROGRAM) {
			mode = AT_PROMPT;
			prompt();
		}
	}
}

static int children_open(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return out_of_the_way(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
}

int main(void)
{
	struct pollfd sources[SOURCES] = {
		[CONSOLE] = { .events = POLLIN },
		[CHILDREN] = { .events = POLLIN },
	};

	if (getpid() == 1) {
		startup_as_init();
		page_open();
	}
	parameters_import(&parameters);
	sources[CHILDREN].fd = children_open();
	line_init(&command, COMMAND_BYTES_MAX);
	if (getpid() == 1)
		network_up("lo");
	banner();
	prompt();
	for (;;) {
		sources[CONSOLE].fd = mode == AT_PROMPT ? STDIN_FILENO : -1;
		if (poll(sources, SOURCES, -1) < 0)
			continue;
		if (sources[CHILDREN].revents)
			reap(sources[CHILDREN].fd);
		if (sources[CONSOLE].revents)
			read_console((sources[CONSOLE].revents & POLLHUP) != 0);
	}
}
