/* The parameters page: one page of MenuOS's own memory that the host fills in before this machine
 * runs for the first time. The host finds it in a frozen machine's memory by its first bytes; they
 * are put together here and nowhere else, so that no copy of the program holds them. */
#include "menu.h"

#include <stddef.h>
#include <sys/mman.h>

#define PAGE_BYTES 4096
#define KEY 0x55

struct page {
	unsigned char magic[32];
	char line[PARAMETER_LINE_BYTES_MAX + 1];
};

/* "RINGSIDE PARAMETERS PAGE NO. 1\n", each byte with KEY added. */
static const volatile unsigned char masked[32] = {
	0xa7, 0x9e, 0xa3, 0x9c, 0xa8, 0x9e, 0x99, 0x9a, 0x75, 0xa5, 0x96, 0xa7, 0x96, 0xa2, 0x9a, 0xa9,
	0x9a, 0xa7, 0xa8, 0x75, 0xa5, 0x96, 0x9c, 0x9a, 0x75, 0xa3, 0xa4, 0x83, 0x75, 0x86, 0x5f, 0x55,
};
static volatile struct page *page;

void page_open(void)
{
	void *at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return;
	page = at;
	for (size_t i = 0; i < sizeof page->magic; i++)
		page->magic[i] = (unsigned char)(masked[i] - KEY);
}

/* What the host wrote counts from the next command on; it is taken once. */
void page_read(struct parameters *parameters)
{
	char line[PARAMETER_LINE_BYTES_MAX + 1];

	if (page == NULL || page->line[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof line; i++)
		line[i] = page->line[i];
	line[sizeof line - 1] = '\0';
	page->line[0] = '\0';
	parameters_apply(parameters, line);
}
