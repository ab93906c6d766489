/* What a QEMU that was taken over could try: runs in its place, with its descriptors, and says on QMP's how each try
 * went, as a line `name: result`. The file `orders` in the machine's folder says what to try.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QMP_FD 3
#define FORKS_MAX 200 /* where nothing holds it back, the test must not take the host down */
#define MIB (1024 * 1024)

static void say(const char *name, long result)
{
	dprintf(QMP_FD, "%s: %s\n", name, result < 0 ? strerrorname_np(errno) : "done");
}

static void say_number(const char *name, long number)
{
	dprintf(QMP_FD, "%s: %ld\n", name, number);
}

static void network(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	say("connect to the host", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof to));
	/* An abstract socket belongs to the network namespace, not to the file system. */
	int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "rs-hostile-%d", port);
	say("connect to the host's abstract socket",
	    connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&name, sizeof name.sun_family + 1 + length));
}

static void template_memory(int template)
{
	char byte = 'x', path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", template);
	int again = open(path, O_RDWR);

	say("write to the template", pwrite(template, &byte, 1, 0));
	say("write to the template, opened again", again < 0 ? -1 : pwrite(again, &byte, 1, 0));
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, template, 0);
	say("map the template to write", map == MAP_FAILED ? -1 : 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, template, 0);
	say("make a map of the template writable", map == MAP_FAILED ? 0 : mprotect(map, 4096, PROT_READ | PROT_WRITE));
	say("cut the template", ftruncate(template, 0));
	say("punch a hole into the template", fallocate(template, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	/* What it may do: this is how a clone has the memory. */
	char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, template, 0);
	if (own != MAP_FAILED)
		own[0] = 'x';
	say("change a copy of its own", own == MAP_FAILED ? -1 : 0);
}

static void processes(int host)
{
	struct dirent *entry;
	long seen = 0;
	DIR *proc = opendir("/proc");

	while (proc != NULL && (entry = readdir(proc)) != NULL)
		seen += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
	say_number("processes seen", seen);
	say("signal the runner", kill(host, 0));
	say("signal all", kill(-1, SIGKILL));
	say("trace the runner", ptrace(PTRACE_ATTACH, host, 0, 0));
}

static void privileges(void)
{
	say_number("no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("become root", setuid(0));
	say("mount", mount("none", "/machine", "tmpfs", 0, NULL));
	say("change the host's name", sethostname("x", 1));
	say("higher priority", setpriority(0, 0, -5));
}

static void try_to_write(const char *path)
{
	char name[128];

	snprintf(name, sizeof name, "write %s", path);
	say(name, open(path, O_WRONLY | O_CREAT, 0600));
}

static void files(const char *other)
{
	say("read another machine's folder", open(other, O_RDONLY));
	say("read the password file", open("/etc/passwd", O_RDONLY));
	try_to_write("/x");
	try_to_write("/dev/x");
	try_to_write("/dev/shm/x");
	try_to_write("/usr/lib/x");
	try_to_write("/proc/sys/kernel/hostname");
	signal(SIGXFSZ, SIG_IGN);
	int own = open("/machine/own", O_RDWR | O_CREAT, 0600);
	say("write a file of its own", own);
	say("write a large one", pwrite(own, "x", 1, 64 * MIB));
}

static void forks(void)
{
	long made = 0;

	for (; made < FORKS_MAX; made += 1) {
		pid_t child = fork();
		if (child < 0)
			break;
		if (child == 0)
			pause();
	}
	int why = errno;
	say_number("processes made", made);
	errno = why;
	say("one more", made < FORKS_MAX ? -1 : 0);
}

static void memory(void)
{
	for (long mib = 0;; mib += 1) {
		char *block = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (block == MAP_FAILED)
			break;
		memset(block, 1, MIB);
		say_number("MiB taken", mib);
	}
	say("one more", -1);
}

int main(void)
{
	char order[32], other[256];
	int port, host, template;
	FILE *orders = fopen("/machine/orders", "r");

	if (orders == NULL || fscanf(orders, "%31s %d %d %d %255s", order, &port, &host, &template, other) != 5)
		return 1;
	if (strcmp(order, "memory") == 0)
		memory();
	else if (strcmp(order, "forks") == 0)
		forks();
	else {
		network(port);
		files(other);
		template_memory(template);
		processes(host);
		privileges();
	}
	dprintf(QMP_FD, "over\n");
	pause();
	return 0;
}
