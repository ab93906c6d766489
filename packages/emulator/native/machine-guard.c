/* machine-guard CONTROL NOFILE AS FSIZE PROGRAM [ARG...]: runs PROGRAM and lets nothing of it outlive its owner.
 *
 * The owner holds the other end of the socket CONTROL; PROGRAM inherits the descriptors below it and none above.
 * One byte is the word to begin, until when the owner may put this process into a control group; the program's
 * process id is written back as a line. When the socket closes, because the owner closed it or died, at whatever
 * moment, every descendant is killed. A signal at the parent's death would not do: each program on the way to QEMU
 * has a moment in which it has not asked for it yet.
 *
 * Descendants whose own parent died come to us, as we are their reaper (PR_SET_CHILD_SUBREAPER), and inside a
 * process id namespace all die with its first process. Ends like PROGRAM, or with 128 + signal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3 /* after stdin, stdout and stderr */
#define ARGUMENTS 5
#define CHILDREN_FILE_MAX 64
#define KILL_POLL_MS 1
/* The program was not found or could not be run, as a shell would say it. */
#define NOT_RUN 127

static int fail(const char *what)
{
	fprintf(stderr, "machine-guard: %s: %s\n", what, strerror(errno));
	return 1;
}

static int limit(int resource, const char *value)
{
	rlim_t bytes = strtoull(value, NULL, 10);
	struct rlimit both = { bytes, bytes };

	return setrlimit(resource, &both);
}

static _Noreturn void run(char **argv, pid_t guard, const sigset_t *signals)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != guard)
		_exit(fail("the guard is gone"));
	/* Huge pages would cost each machine 2 MiB that it does not need. */
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
		_exit(fail("THP"));
	if (limit(RLIMIT_NOFILE, argv[2]) != 0 || limit(RLIMIT_AS, argv[3]) != 0 || limit(RLIMIT_FSIZE, argv[4]) != 0 ||
	    limit(RLIMIT_CORE, "0") != 0)
		_exit(fail("limits"));
	sigprocmask(SIG_UNBLOCK, signals, NULL);
	execvp(argv[ARGUMENTS], argv + ARGUMENTS);
	fail(argv[ARGUMENTS]);
	_exit(NOT_RUN);
}

/* Kills all that are our children now; -1 where the kernel does not tell who they are. */
static int kill_children(void)
{
	char path[CHILDREN_FILE_MAX];
	int pid;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	FILE *children = fopen(path, "re");
	if (children == NULL)
		return -1;
	while (fscanf(children, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(children);
	return 0;
}

/* The children of those that we kill come to us in turn: done when there are none. */
static void kill_all(void)
{
	for (;;) {
		pid_t ended;

		kill_children();
		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (ended < 0 && errno == ECHILD)
			return;
		poll(NULL, 0, KILL_POLL_MS);
	}
}

static int result(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	sigset_t signals;
	pid_t guard = getpid();
	int status;
	char byte;

	if (argc <= ARGUMENTS) {
		fprintf(stderr, "usage: machine-guard CONTROL NOFILE AS FSIZE PROGRAM [ARG...]\n");
		return 2;
	}
	int control = atoi(argv[1]);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
	    kill_children() != 0)
		return fail("setting up");
	prctl(PR_SET_NAME, "machine-guard"); /* we were run as /proc/self/fd/N */
	signal(SIGPIPE, SIG_IGN);
	if (read(control, &byte, 1) != 1)
		return 1; /* the owner thought better of it, and says why itself */
	pid_t program = fork();
	if (program < 0)
		return fail("fork");
	if (program == 0) {
		signal(SIGPIPE, SIG_DFL);
		syscall(SYS_close_range, control, ~0U, 0);
		run(argv, guard, &signals);
	}
	dprintf(control, "%d\n", (int)program);

	/* The program's connections are its own: they must close when it ends. */
	if (dup2(control, FIRST_FD) < 0 || syscall(SYS_close_range, FIRST_FD + 1, ~0U, 0) != 0) {
		kill_all();
		return fail("close_range");
	}
	int woken = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd watched[] = { { .fd = FIRST_FD, .events = POLLIN | POLLRDHUP }, { .fd = woken, .events = POLLIN } };
	for (;;) {
		struct signalfd_siginfo got;

		if (woken < 0 || (poll(watched, 2, -1) < 0 && errno != EINTR) || watched[0].revents != 0)
			break;
		while (read(woken, &got, sizeof got) == sizeof got)
			if (got.ssi_signo != SIGCHLD)
				goto over;
		for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
			if (ended != program)
				continue;
			kill_all();
			return result(status);
		}
	}
over:
	kill_all();
	return 128 + SIGKILL;
}
