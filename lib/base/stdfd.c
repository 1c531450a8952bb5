/* stdfd: see stdfd.h. */
#include <fcntl.h>
#include <unistd.h>

#include "stdfd.h"

void
stdfd_open(void)
{
	static const int flags[] = { O_WRONLY, O_RDONLY, O_WRONLY };

	/* open takes the lowest number that is free: in this order it is fd. */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			(void)!open("/dev/null", flags[fd]);
}
