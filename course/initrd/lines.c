/* Lines in and lines out. Every line leaves in one write, so that the service's
 * messages and the menu's never mix within a line. */
#include "menu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void line_init(struct line *line, size_t limit)
{
	line->used = 0;
	line->limit = limit;
	line->overflow = false;
}

enum line_state line_add(struct line *line, char byte)
{
	if (byte == '\n') {
		bool overflow = line->overflow;
		line->bytes[line->used] = '\0';
		line->used = 0;
		line->overflow = false;
		return overflow ? LINE_TOO_LONG : LINE_READY;
	}
	if (line->used < line->limit)
		line->bytes[line->used++] = byte;
	else
		line->overflow = true;
	return LINE_OPEN;
}

bool write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(fd, bytes, count);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		count -= (size_t)n;
	}
	return true;
}

void say(const char *format, ...)
{
	char text[MESSAGE_BYTES_MAX];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof text) {
		n = sizeof text - 1;
		text[n - 1] = '\n';
	}
	write_all(STDOUT_FILENO, text, (size_t)n);
}

int out_of_the_way(int fd)
{
	if (fd < 0)
		return fd;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, OWN_DESCRIPTOR_MIN);
	if (moved < 0)
		return fd;
	close(fd);
	return moved;
}
