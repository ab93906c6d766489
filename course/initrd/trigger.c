/* Makes one system call by hand, for whoever follows it into the kernel and back: `trigger syscall`
 * by the instruction syscall, `trigger int80` by int $0x80. It is a process of its own: what the call
 * does to the process that makes it is nobody else's. It stands where no other program of this guest
 * does (see build-initrd.sh), so that a breakpoint here is hit by nobody else. */
#include "menu.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No call of the lab waits for anything; of one that does, this is the end. */
#define SECONDS_MAX 60
/* What a system call returns above minus this is an error number. */
#define ERRNO_MAX 4095

static pid_t self;

/* After fork and vfork there are two of us, and one goes on. */
static void end_if_child(void)
{
	if (getpid() != self)
		_exit(EXIT_SUCCESS);
}

/* rax: the number. rdi, rsi, rdx, r10, r8, r9: arguments. The processor puts the way back into rcx and r11. */
long by_syscall(long number, long arg1, long arg2, long arg3)
{
	register long arg4 __asm__("r10") = 0, arg5 __asm__("r8") = 0, arg6 __asm__("r9") = 0;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(arg1), "S"(arg2), "d"(arg3), "r"(arg4), "r"(arg5), "r"(arg6)
			 : "rcx", "r11", "memory", "cc");
	end_if_child();
	return result;
}

/* eax: the number, in the 32-bit table. ebx, ecx, edx, esi, edi: arguments. */
long by_int80(long number, long arg1, long arg2, long arg3)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(arg1), "c"(arg2), "d"(arg3), "S"(0L), "D"(0L)
			 : "r8", "r9", "r10", "r11", "memory", "cc");
	end_if_child();
	return result;
}

int main(int argc, char **argv)
{
	struct parameters parameters = PARAMETERS_DEFAULT;
	bool is_int80 = argc > 1 && strcmp(argv[1], "int80") == 0;

	parameters_import(&parameters);
	const struct call *call = is_int80 ? &parameters.call32 : &parameters.call;
	const int *arguments = parameters.arguments;
	say("%s: call number %d (%s) with arguments %d, %d, %d\n", is_int80 ? "int $0x80" : "syscall",
	    call->number, call->name, arguments[0], arguments[1], arguments[2]);
	self = getpid();
	alarm(SECONDS_MAX);
	long result = (is_int80 ? by_int80 : by_syscall)(call->number, arguments[0], arguments[1], arguments[2]);
	if (result < 0 && result >= -ERRNO_MAX)
		say("returned %ld: %s\n", result, strerror((int)-result));
	else
		say("returned %ld\n", result);
	return EXIT_SUCCESS;
}
