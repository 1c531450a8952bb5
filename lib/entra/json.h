/* json: jansson, with what it frees cleansed, because tokens pass through it. */
#ifndef MSTOOLS_JSON_H
#define MSTOOLS_JSON_H

#include <jansson.h>

/* Call it before jansson touches a secret; any number of times, at any time. */
void json_cleansing(void);

#endif
