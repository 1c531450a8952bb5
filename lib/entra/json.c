/* json: see json.h. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "json.h"

static void
cleansing_free(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* Memory still comes from malloc, so objects made before this call may be freed after it. */
void
json_cleansing(void)
{
	json_set_alloc_funcs(xmalloc, cleansing_free);
}
