/* What the parts of MenuOS know of each other. Bounds carry their unit in the name. */
#ifndef MENU_H
#define MENU_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROMPT "MenuOS>>"
#define COMMAND_BYTES_MAX 1024
#define PARAMETER_LINE_BYTES_MAX 256
#define PAYLOAD_BYTES_MAX 32
#define CALL_NAME_BYTES_MAX 32
#define CALL_ARGUMENTS 3
#define MESSAGE_BYTES_MAX 1024

/* A system call that `syscall` makes: its number and name in one of the kernel's two tables. */
struct call {
	int number;
	char name[CALL_NAME_BYTES_MAX + 1];
};

/* The student's own values; the numbers below are those of the course page. */
struct parameters {
	int backlog;
	int port;
	char payload[PAYLOAD_BYTES_MAX + 1];
	struct call call, call32;
	int arguments[CALL_ARGUMENTS];
};
#define PARAMETERS_DEFAULT { .backlog = 1024, .port = 5001, .payload = "hi", \
			     .call = { 39, "getpid" }, .call32 = { 20, "getpid" } }

/* Collects bytes into lines; one that does not fit is swallowed whole and reported once. */
struct line {
	char bytes[COMMAND_BYTES_MAX + 1];
	size_t used, limit;
	bool overflow;
};
enum line_state { LINE_OPEN, LINE_READY, LINE_TOO_LONG };

/* The menu's own descriptors stand out of the way, so that a lab's first socket is number 3. */
#define OWN_DESCRIPTOR_MIN 100

/* lines.c */
void line_init(struct line *line, size_t limit);
enum line_state line_add(struct line *line, char byte);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool write_all(int fd, const char *bytes, size_t count);
int out_of_the_way(int fd);

/* parameters.c */
const char *parameters_apply(struct parameters *parameters, const char *text);
void parameters_export(const struct parameters *parameters);
void parameters_import(struct parameters *parameters);

/* page.c */
void page_open(void);
void page_read(struct parameters *parameters);

/* startup.c */
void startup_as_init(void);

/* network.c */
void network_up(const char *name);
void service_start(const struct parameters *parameters);
void service_ended(pid_t pid);
void client_hello(const struct parameters *parameters);

/* pair.c */
void pairs_try(void);

/* clock.c */
void clock_library(void);
void clock_int80(void);

/* foreground.c */
bool foreground_start(const char *path, const char *argument, const struct parameters *parameters);
bool foreground_ended(pid_t pid);
void signals_as_before(void);

/* banner.c */
void banner(void);

/* commands.c */
enum outcome { OUTCOME_PROMPT, OUTCOME_WAIT, OUTCOME_QUIT };
enum outcome command_run(const char *text, const struct parameters *parameters);

#endif
