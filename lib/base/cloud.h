/* cloud: hosts and scope of Microsoft's national clouds (Entra "National clouds", Microsoft 365 endpoints). */
#ifndef MSTOOLS_CLOUD_H
#define MSTOOLS_CLOUD_H

struct cloud {
	const char *name;  /* global, gcc-high, dod, china */
	const char *login; /* https://login.microsoftonline.com */
	const char *imap;  /* outlook.office365.com */
	const char *scope; /* https://outlook.office365.com/.default */
};
/* NULL if there is no such cloud. */
const struct cloud *cloud_find(const char *name);

#endif
