/* sealed-memory FILE: keeps a copy of FILE in memory that nobody can change any more.
 *
 * Prints the number of a file descriptor; whoever may open /proc/<our pid>/fd/<number> gets the
 * memory, and keeps it after this program has ended. Ends when stdin does, or with its parent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES_MAX (1 << 20)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int fail(const char *what)
{
	fprintf(stderr, "sealed-memory: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Only what is written in FILE takes memory: holes stay holes. */
static int copy(int from, int to, off_t end)
{
	off_t at = 0;

	while ((at = lseek(from, at, SEEK_DATA)) >= 0 && at < end) {
		off_t hole = lseek(from, at, SEEK_HOLE);
		if (hole < 0)
			return -1;
		while (at < hole) {
			static char bytes[COPY_BYTES_MAX];
			size_t want = (size_t)(hole - at) < sizeof bytes ? (size_t)(hole - at) : sizeof bytes;
			ssize_t got = pread(from, bytes, want, at);
			if (got <= 0 || pwrite(to, bytes, (size_t)got, at) != got)
				return -1;
			at += got;
		}
	}
	return at < 0 && errno != ENXIO ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct stat file;
	char byte;

	if (argc != 2) {
		fprintf(stderr, "usage: sealed-memory FILE\n");
		return 2;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return fail("prctl");
	int from = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (from < 0 || fstat(from, &file) != 0)
		return fail(argv[1]);
	int to = memfd_create("template", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0 || ftruncate(to, file.st_size) != 0)
		return fail("memfd");
	if (copy(from, to, file.st_size) != 0)
		return fail("copy");
	if (fcntl(to, F_ADD_SEALS, SEALS) != 0)
		return fail("seal");
	printf("%d\n", to);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
