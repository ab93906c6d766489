/* Writes a cpio archive (newc) from a list on stdin, device nodes included, as any user:
 *   dir PATH MODE | file PATH MODE SOURCE | link PATH TARGET | char PATH MODE MAJOR MINOR
 * Owner 0, time 0 and numbers in order of the list, so that the same list gives the same bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIST_LINE_BYTES_MAX 1024
#define WORDS_MAX 5
#define ALIGNMENT 4
#define BLOCK 512

static unsigned int entries;
static size_t written;

static void fail(const char *what, const char *about)
{
	fprintf(stderr, "newc: %s: %s\n", what, about);
	exit(EXIT_FAILURE);
}

static void put(const void *bytes, size_t count)
{
	if (fwrite(bytes, 1, count, stdout) != count)
		fail("cannot write", "standard output");
	written += count;
}

static void pad(size_t to)
{
	while (written % to != 0)
		put("", 1);
}

static void entry(const char *path, unsigned int mode, const char *data, size_t size,
		  unsigned int major, unsigned int minor)
{
	char header[128];
	unsigned int links = S_ISDIR(mode) ? 2 : 1;
	int n = snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X",
			 ++entries, mode, 0, 0, links, 0, size, 0, 0, major, minor, strlen(path) + 1, 0);

	put(header, (size_t)n);
	put(path, strlen(path) + 1);
	pad(ALIGNMENT);
	put(data, size);
	pad(ALIGNMENT);
}

static void file(const char *path, unsigned int mode, const char *source)
{
	FILE *in = fopen(source, "rb");

	if (in == NULL || fseek(in, 0, SEEK_END) != 0)
		fail("cannot read", source);
	long size = ftell(in);
	char *data = malloc((size_t)size + 1);
	rewind(in);
	if (data == NULL || fread(data, 1, (size_t)size, in) != (size_t)size)
		fail("cannot read", source);
	fclose(in);
	entry(path, S_IFREG | mode, data, (size_t)size, 0, 0);
	free(data);
}

static unsigned int number(const char *text, int base)
{
	return (unsigned int)strtoul(text, NULL, base);
}

int main(void)
{
	char text[LIST_LINE_BYTES_MAX], *word[WORDS_MAX];

	while (fgets(text, sizeof text, stdin) != NULL) {
		int n = 0;
		for (char *w = strtok(text, " \n"); w != NULL && n < WORDS_MAX; w = strtok(NULL, " \n"))
			word[n++] = w;
		if (n == 3 && strcmp(word[0], "dir") == 0)
			entry(word[1], S_IFDIR | number(word[2], 8), "", 0, 0, 0);
		else if (n == 4 && strcmp(word[0], "file") == 0)
			file(word[1], number(word[2], 8), word[3]);
		else if (n == 3 && strcmp(word[0], "link") == 0)
			entry(word[1], S_IFLNK | 0777, word[2], strlen(word[2]), 0, 0);
		else if (n == 5 && strcmp(word[0], "char") == 0)
			entry(word[1], S_IFCHR | number(word[2], 8), "", 0, number(word[3], 10), number(word[4], 10));
		else
			fail("cannot understand the line starting with", n > 0 ? word[0] : "(nothing)");
	}
	entry("TRAILER!!!", 0, "", 0, 0, 0);
	pad(BLOCK);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
