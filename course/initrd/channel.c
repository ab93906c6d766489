/* The parameters channel: the second serial port, where the host tells this machine's
 * values once the machine runs. A machine without the port keeps the defaults. */
#include "menu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define DEVICE "/dev/ttyS1"
#define READ_BYTES_MAX 64

static struct line line;

int channel_open(void)
{
	struct termios raw;
	int fd = open(DEVICE, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	/* The node exists for ports that do not: those fail here. */
	if (tcgetattr(fd, &raw) != 0) {
		close(fd);
		return -1;
	}
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL | CREAD;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	cfsetspeed(&raw, B115200);
	if (tcsetattr(fd, TCSANOW, &raw) != 0) {
		close(fd);
		return -1;
	}
	line_init(&line, PARAMETER_LINE_BYTES_MAX);
	return fd;
}

static void answer(int fd, const char *why)
{
	char text[PARAMETER_LINE_BYTES_MAX];
	int n = why == NULL ? snprintf(text, sizeof text, "ok\n")
			    : snprintf(text, sizeof text, "error %s\n", why);

	write_all(fd, text, (size_t)n);
}

static void take(int fd, struct parameters *parameters, enum line_state state)
{
	if (state == LINE_TOO_LONG)
		answer(fd, "line longer than 256 bytes");
	else if (line.bytes[0] != '\0' && line.bytes[0] != '\r')
		answer(fd, parameters_apply(parameters, line.bytes));
}

/* False when the port has gone and must not be polled again. */
bool channel_read(int fd, struct parameters *parameters)
{
	char bytes[READ_BYTES_MAX];
	ssize_t n = read(fd, bytes, sizeof bytes);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	for (ssize_t i = 0; i < n; i++) {
		enum line_state state = line_add(&line, bytes[i]);
		if (state != LINE_OPEN)
			take(fd, parameters, state);
	}
	return n > 0;
}
