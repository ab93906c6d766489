/* The same question asked twice: through the library, and by hand. */
#include "menu.h"

#include <time.h>

/* `time` in the i386 table, which int $0x80 uses from 64-bit programs too. */
#define I386_NR_TIME 13
/* What a system call returns above minus this is an error number. */
#define ERRNO_MAX 4095

static void print(time_t seconds)
{
	struct tm t;

	if (localtime_r(&seconds, &t) == NULL)
		return;
	say("time:%d:%d:%d:%d:%d:%d\n", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
	    t.tm_hour, t.tm_min, t.tm_sec);
}

void clock_library(void)
{
	print(time(NULL));
}

void clock_int80(void)
{
	unsigned int seconds;

	__asm__ volatile("int $0x80"
			 : "=a"(seconds)
			 : "a"(I386_NR_TIME), "b"(0)
			 : "memory", "cc"
#ifdef __x86_64__
			 , "r8", "r9", "r10", "r11"
#endif
	);
	if (seconds > (unsigned int)-ERRNO_MAX)
		say("time-asm: the kernel answered error %d\n", -(int)seconds);
	else
		print((time_t)seconds);
}
