#include "supervisor/core/unit/condition.h"

#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct row {
	const char *name;
	enum condition_form form;
} rows[CONDITION_COUNT] = {
#define X(id, name, form, holds) [CONDITION_##id] = { name, form },
	ALL_CONDITIONS(X)
#undef X
};

const char *condition_name(uint32_t kind)
{
	return kind < CONDITION_COUNT ? rows[kind].name : "?";
}

/* ---- comparing */

/* The longer of two that begin alike comes first. */
static const struct operator
{
	const char *sign;
	enum compare how;
}
operators[] = {
	{ "<=", COMPARE_LE },
	{ "<>", COMPARE_NE },
	{ "<", COMPARE_LT },
	{ ">=", COMPARE_GE },
	{ ">", COMPARE_GT },
	{ "!=", COMPARE_NE },
	{ "==", COMPARE_EQ },
	{ "=", COMPARE_EQ },
};

enum compare compare_take(const char **s)
{
	const char *p = *s + strspn(*s, " \t");

	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		size_t len = strlen(operators[i].sign);

		if (strncmp(p, operators[i].sign, len) == 0) {
			*s = p + len + strspn(p + len, " \t");
			return operators[i].how;
		}
	}
	return COMPARE_NONE;
}

bool compare_holds(enum compare how, int order)
{
	switch (how) {
	case COMPARE_LT:
		return order < 0;
	case COMPARE_LE:
		return order <= 0;
	case COMPARE_EQ:
		return order == 0;
	case COMPARE_NE:
		return order != 0;
	case COMPARE_GE:
		return order >= 0;
	case COMPARE_GT:
		return order > 0;
	case COMPARE_NONE:
		break;
	}
	return false;
}

static int compare_digits(const char **left, const char **right)
{
	size_t n, m;
	int order;

	*left += strspn(*left, "0");
	*right += strspn(*right, "0");
	n = strspn(*left, "0123456789");
	m = strspn(*right, "0123456789");
	order = n != m ? (n > m) - (n < m) : strncmp(*left, *right, n);
	*left += n;
	*right += m;
	return order;
}

/* The place of a character between two versions: "~" before the end, the end before all others. */
static int rank(char c)
{
	if (c == '~')
		return -1;
	return c == '\0' ? 0 : (unsigned char)c;
}

int compare_versions(const char *left, const char *right)
{
	for (;;) {
		int order;

		if (isdigit((unsigned char)*left) && isdigit((unsigned char)*right)) {
			order = compare_digits(&left, &right);
		} else {
			order = rank(*left) - rank(*right);
			if (order == 0 && *left == '\0')
				return 0;
			left++;
			right++;
		}
		if (order != 0)
			return order;
	}
}

/* ---- the forms of arguments */

static const struct average {
	uint64_t usec;
	const char *name;
} averages[] = {
	{ 10 * USEC_PER_SEC, "avg10" },
	{ 60 * USEC_PER_SEC, "avg60" },
	{ 300 * USEC_PER_SEC, "avg300" },
};

int pressure_parse(const char *text, struct pressure_limit *limit)
{
	const char *colon = strchr(text, ':'), *slash;
	uint64_t span = 300 * USEC_PER_SEC; /* what systemd.unit(5) has */
	char share[32];
	size_t len;

	*limit = (struct pressure_limit){ .unit = "" };
	if (colon != NULL) {
		if ((size_t)(colon - text) >= sizeof(limit->unit))
			return -1;
		memcpy(limit->unit, text, (size_t)(colon - text));
		text = colon + 1;
	}
	slash = strchr(text, '/');
	len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	if (len >= sizeof(share) || (slash != NULL && number_time(slash + 1, &span) < 0))
		return -1;
	memcpy(share, text, len);
	share[len] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(averages); i++)
		if (averages[i].usec == span)
			limit->average = averages[i].name;
	return limit->average != NULL ? number_permille(share, &limit->permille) : -1;
}

static bool is_field(const char *text)
{
	const char *s = text + strcspn(text, "<>=! \t");

	return s != text && compare_take(&s) != COMPARE_NONE;
}

static bool is_amount(enum condition_form form, const char *text)
{
	uint64_t value;

	(void)compare_take(&text);
	return (form == FORM_SIZE ? number_size(text, 1024, &value) : number_u64(text, &value)) ==
		0;
}

int condition_check(uint32_t kind, const char *text, char *why, size_t size)
{
	struct pressure_limit limit;
	const char *wanted = NULL;
	bool truth;

	switch (rows[kind].form) {
	case FORM_TEXT:
		break;
	case FORM_PATH:
		wanted = *text == '/' ? NULL : "an absolute path";
		break;
	case FORM_BOOL:
		wanted = number_bool(text, &truth) == 0 ? NULL : "yes or no";
		break;
	case FORM_CAPABILITY:
		wanted = capability_number(text) >= 0 ? NULL : "a capability";
		break;
	case FORM_SIZE:
		wanted = is_amount(FORM_SIZE, text) ? NULL : "a size such as \">=256M\"";
		break;
	case FORM_COUNT:
		wanted = is_amount(FORM_COUNT, text) ? NULL : "a number such as \">=2\"";
		break;
	case FORM_FIELD:
		wanted = is_field(text) ? NULL : "a comparison such as \"VERSION_ID>=12\"";
		break;
	case FORM_PRESSURE:
		wanted = pressure_parse(text, &limit) == 0
			? NULL
			: "a pressure such as \"10%\" or \"10%/1min\", over 10s, 1min or 5min";
		break;
	}
	if (wanted == NULL)
		return 0;
	snprintf(why, size, "\"%s\" is not %s", text, wanted);
	return -1;
}
