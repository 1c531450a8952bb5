/*
 * cloud: see cloud.h.  Sources: "National clouds" (Microsoft Entra), "Microsoft
 * 365 U.S. Government GCC High / DoD endpoints", "Office 365 operated by
 * 21Vianet endpoints" (learn.microsoft.com).
 */
#include <string.h>
#include <strings.h>

#include "cloud.h"

static const struct cloud clouds[] = {
	{ "global", "https://login.microsoftonline.com", "outlook.office365.com",
	    "https://outlook.office365.com/.default" },
	{ "gcc-high", "https://login.microsoftonline.us", "outlook.office365.us",
	    "https://outlook.office365.us/.default" },
	{ "dod", "https://login.microsoftonline.us", "outlook-dod.office365.us",
	    "https://outlook-dod.office365.us/.default" },
	{ "china", "https://login.partner.microsoftonline.cn", "partner.outlook.cn",
	    "https://partner.outlook.cn/.default" },
};

const struct cloud *
cloud_find(const char *name)
{
	for (size_t i = 0; i < sizeof clouds / sizeof clouds[0]; i++)
		if (strcasecmp(clouds[i].name, name) == 0)
			return &clouds[i];
	return NULL;
}
