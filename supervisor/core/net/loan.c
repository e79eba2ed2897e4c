#include "supervisor/core/net/loan.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>

struct loan *loan_find(const struct loans *loans, const char *name, const char *unit)
{
	for (size_t i = 0; i < loans->n; i++)
		if (strcmp(loans->v[i].name, name) == 0 && strcmp(loans->v[i].unit, unit) == 0)
			return &loans->v[i];
	return NULL;
}

static bool exclude(enum loan_use a, enum loan_use b)
{
	return a == LOAN_MOVED || b == LOAN_MOVED || (a == LOAN_PORT && b == LOAN_PORT);
}

const struct loan *loan_refused(const struct loans *loans, const char *name, const char *unit,
	enum loan_use use)
{
	for (size_t i = 0; i < loans->n; i++) {
		const struct loan *l = &loans->v[i];

		if (strcmp(l->name, name) == 0 && strcmp(l->unit, unit) != 0 &&
			exclude((enum loan_use)l->use, use))
			return l;
	}
	return NULL;
}

const struct loan *loan_other(const struct loans *loans, const struct loan *l)
{
	for (size_t i = 0; i < loans->n; i++)
		if (&loans->v[i] != l && strcmp(loans->v[i].name, l->name) == 0)
			return &loans->v[i];
	return NULL;
}

void loan_vlan_name(char out[IF_NAME_MAX], const char *name, uint32_t vlan)
{
	const size_t most = IF_NAME_MAX - sizeof(".4094"), len = strlen(name);

	(void)snprintf(out, IF_NAME_MAX, "%.*s.%u", (int)most, name + (len > most ? len - most : 0),
		vlan);
}

#define IS_TEXT(array) (memchr((array), '\0', sizeof(array)) != NULL)

static bool is_sound(const struct loan *l)
{
	for (size_t i = 0; i < l->n_addresses && i < LOAN_ADDRESSES; i++)
		if (l->addresses[i].size > RT_ADDRESS_MAX)
			return false;
	return IS_TEXT(l->unit) && IS_TEXT(l->name) && IS_TEXT(l->there) && IS_TEXT(l->master) &&
		l->use >= LOAN_MOVED && l->use <= LOAN_PARENT && l->n_addresses <= LOAN_ADDRESSES;
}

bool loan_read(struct loan *l, const char *text, size_t size, size_t i)
{
	uint32_t each;

	if (size < sizeof(each))
		return false;
	memcpy(&each, text, sizeof(each));
	if (each == 0 || i >= (size - sizeof(each)) / each)
		return false;
	memset(l, 0, sizeof(*l));
	memcpy(l, text + sizeof(each) + i * each, each < sizeof(*l) ? each : sizeof(*l));
	return is_sound(l);
}
