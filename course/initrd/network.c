/* The TCP service and its client: the calls the labs follow into the kernel,
 * in the order in which the course draws them. */
#include "menu.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESS "127.0.0.1"
#define GREETING "hello"

/* The running service, 0 when there is none. */
static pid_t service;
static int service_port;

void network_up(const char *name)
{
	struct ifreq request = { 0 };

	say("Bring up interface:%s\n", name);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	int fd = socket(PF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0) {
		say("Interface %s: %m\n", name);
	} else {
		request.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
			say("Interface %s: %m\n", name);
	}
	if (fd >= 0)
		close(fd);
}

static struct sockaddr_in local_address(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, ADDRESS, &address.sin_addr);
	return address;
}

static void describe(const struct sockaddr_in *peer, char *text, size_t size)
{
	char host[INET_ADDRSTRLEN] = "?";

	inet_ntop(AF_INET, &peer->sin_addr, host, sizeof host);
	snprintf(text, size, "%s:%d", host, ntohs(peer->sin_port));
}

static void serve_one(int fd, const struct sockaddr_in *peer, const char *payload)
{
	char text[COMMAND_BYTES_MAX + 1], name[INET_ADDRSTRLEN + sizeof ":65535"];

	describe(peer, name, sizeof name);
	ssize_t n = recv(fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return;
	text[n] = '\0';
	/* One byte of a stranger's is enough to spoil a line. */
	text[strcspn(text, "\r\n")] = '\0';
	say("recv \"%s\" from %s\n", text, name);
	if (send(fd, payload, strlen(payload), MSG_NOSIGNAL) > 0)
		say("send \"%s\" to %s\n", payload, name);
}

static void serve(const struct parameters *parameters, int ready)
{
	const int on = 1;
	struct sockaddr_in address = local_address(parameters->port);
	int fd = socket(PF_INET, SOCK_STREAM, 0);

	if (fd < 0) {
		say("Service: no socket: %m\n");
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		say("Service: cannot bind %s:%d: %m\n", ADDRESS, parameters->port);
		return;
	}
	if (listen(fd, parameters->backlog) != 0) {
		say("Service: cannot listen: %m\n");
		return;
	}
	close(ready);
	for (;;) {
		struct sockaddr_in peer = { 0 };
		socklen_t size = sizeof peer;
		int connection = accept(fd, (struct sockaddr *)&peer, &size);
		if (connection < 0) {
			say("Service: cannot accept: %m\n");
			return;
		}
		serve_one(connection, &peer, parameters->payload);
		close(connection);
	}
}

static void wait_until_closed(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	close(fd);
}

void service_start(const struct parameters *parameters)
{
	if (service != 0) {
		say("The service is running already: %s:%d, process %d (to end it: shell, kill %d)\n",
		    ADDRESS, service_port, service, service);
		return;
	}
	int ready[2];
	if (pipe(ready) != 0) {
		say("Service: no pipe: %m\n");
		return;
	}
	ready[0] = out_of_the_way(ready[0]);
	ready[1] = out_of_the_way(ready[1]);
	pid_t pid = fork();
	if (pid < 0) {
		say("Service: cannot fork: %m\n");
		close(ready[0]);
		close(ready[1]);
		return;
	}
	if (pid == 0) {
		close(ready[0]);
		/* Ctrl-C at the prompt is not meant for the service. */
		setpgid(0, 0);
		signals_as_before();
		serve(parameters, ready[1]);
		_exit(EXIT_FAILURE);
	}
	service = pid;
	service_port = parameters->port;
	say("Please input hello...\n");
	/* A prompt before the service listens would invite a hello that is refused. */
	close(ready[1]);
	wait_until_closed(ready[0]);
}

void service_ended(pid_t pid)
{
	if (pid == service)
		service = 0;
}

void client_hello(const struct parameters *parameters)
{
	char text[COMMAND_BYTES_MAX + 1], name[INET_ADDRSTRLEN + sizeof ":65535"];
	struct sockaddr_in address = local_address(parameters->port);
	int fd = socket(PF_INET, SOCK_STREAM, 0);

	if (fd < 0) {
		say("Client: no socket: %m\n");
		return;
	}
	describe(&address, name, sizeof name);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		say("Client: cannot connect to %s: %m (is replyhi running?)\n", name);
	} else if (send(fd, GREETING, strlen(GREETING), MSG_NOSIGNAL) > 0) {
		say("send \"%s\" to %s\n", GREETING, name);
		ssize_t n = recv(fd, text, sizeof text - 1, 0);
		if (n > 0) {
			text[n] = '\0';
			say("recv \"%s\" from %s\n", text, name);
		}
	}
	close(fd);
}
