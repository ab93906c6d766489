#include "menu.h"

#include <unistd.h>

static const char ROWS[] =
	"*       *                               *****      ******\n"
	"**     **                              *     *    *      *\n"
	"* *   * *                             *       *  *\n"
	"*  * *  *   *****   * ****   *     *  *       *   *\n"
	"*   *   *  *     *  **    *  *     *  *       *    *****\n"
	"*       *  *     *  *     *  *     *  *       *         *\n"
	"*       *  *******  *     *  *     *  *       *          *\n"
	"*       *  *        *     *  *     *  *       *          *\n"
	"*       *  *     *  *     *  *    **   *     *   *      *\n"
	"*       *   *****   *     *   **** *    *****     ******\n"
	"\n";

void banner(void)
{
	write_all(STDOUT_FILENO, ROWS, sizeof ROWS - 1);
}
