/* stdfd: standard descriptors that a careless caller has closed. */
#ifndef MSTOOLS_STDFD_H
#define MSTOOLS_STDFD_H

/*
 * Puts /dev/null where 0, 1 or 2 is closed, so that no file of ours gets that
 * number and receives what is meant for the user.  Reading 0 and writing 1 then
 * fails with EBADF rather than pretending; 2 can be written to.
 */
void stdfd_open(void);

#endif
