#include "init/orders.h"

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"

#define CODE_MAX 255
#define DRAIN_MAX_S 86400
#define DUMB_INIT_LAST 31 /* the last signal that dumb-init rewrites */
#define UNTOUCHED 0xff

enum does {
	DOES_COUNT,
	DOES_SHOW,
	DOES_SIGNAL,
	DOES_CODE,
	DOES_REWRITE,
	DOES_DRAIN,
	DOES_REPORT,
	DOES_FILTER
};

struct option {
	char letter; /* 0: none */
	uint8_t does;
	uint8_t at;    /* of the number to count in, in struct orders; what is shown */
	char name[13]; /* of the long form, "": none */
	char help[48];
};

#define COUNTS(field) DOES_COUNT, offsetof(struct orders, field)

static const struct option init_options[] = {
	{ 'g', COUNTS(group), "group", "signals go to the command's process group" },
	{ 's', COUNTS(subreaper), "subreaper", "reap orphans if not PID 1, too (always done)" },
	{ 'p', DOES_SIGNAL, 0, "parent-death", "SIG: to get when the parent dies" },
	{ 'e', DOES_CODE, 0, "expect", "CODE: exit code taken as 0" },
	{ 'w', COUNTS(warn), "warn", "say each orphan that is reaped" },
	{ 'v', COUNTS(verbose), "verbose", "say what is done, up to three times" },
	{ 'r', DOES_REWRITE, 0, "rewrite", "A:B: send B when A comes, 0: nothing" },
	{ 0, COUNTS(wait_all), "wait-all", "then SIGTERM to all others, and wait" },
	{ 0, DOES_DRAIN, 0, "drain", "SECONDS: before SIGTERM is passed on" },
	{ 0, DOES_REPORT, 0, "report", "FD: what becomes of the command, see init(8)" },
	{ 0, DOES_FILTER, 0, "filter", "FD: a seccomp program for the command" },
	{ 0, COUNTS(listen), "listen", "LISTEN_PID becomes the command's" },
	{ 'h', DOES_SHOW, 'h', "help", "show this" },
	{ 'V', DOES_SHOW, 'V', "version", "show what this is" },
	{ 'l', DOES_SHOW, 'l', "license", "show where the terms are" },
};

static const struct option tini_options[] = {
	{ 's', COUNTS(subreaper), "", "reap orphans if not PID 1, too" },
	{ 'p', DOES_SIGNAL, 0, "", "SIGNAL: to get when the parent dies" },
	{ 'v', COUNTS(verbose), "", "say more, up to three times" },
	{ 'w', COUNTS(warn), "", "warn of each orphan that is reaped" },
	{ 'g', COUNTS(group), "", "signals go to the child's process group" },
	{ 'e', DOES_CODE, 0, "", "EXIT_CODE: 0 to 255, taken as 0" },
	{ 'h', DOES_SHOW, 'h', "", "show this" },
	{ 'l', DOES_SHOW, 'l', "", "show where the terms are" },
	{ 0, DOES_SHOW, 'V', "version", "show the version" },
};

static const struct option dumb_init_options[] = {
	{ 'c', COUNTS(single), "single-child", "signals go to the child alone, no session" },
	{ 'r', DOES_REWRITE, 0, "rewrite", "s:r: send r when s comes, 0: nothing" },
	{ 'v', COUNTS(verbose), "verbose", "say what is done" },
	{ 'h', DOES_SHOW, 'h', "help", "show this" },
	{ 'V', DOES_SHOW, 'V', "version", "show the version" },
};

static const struct option catatonit_options[] = {
	{ 'g', COUNTS(group), "", "signals go to pid1's process group" },
	{ 'h', DOES_SHOW, 'h', "", "show this" },
	{ 'L', DOES_SHOW, 'l', "", "show where the terms are" },
	{ 'P', COUNTS(pause), "", "no program: wait for SIGINT or SIGTERM" },
	{ 'V', DOES_SHOW, 'V', "version", "show the version" },
};

static size_t options_of(enum manner m, const struct option **out)
{
	switch (m) {
	case MANNER_TINI:
		*out = tini_options;
		return ARRAY_LEN(tini_options);
	case MANNER_DUMB_INIT:
		*out = dumb_init_options;
		return ARRAY_LEN(dumb_init_options);
	case MANNER_CATATONIT:
		*out = catatonit_options;
		return ARRAY_LEN(catatonit_options);
	case MANNER_INIT:
	default:
		*out = init_options;
		return ARRAY_LEN(init_options);
	}
}

enum manner manner_of(const char *name)
{
	static const struct {
		char name[12];
		uint8_t manner;
	} names[] = {
		{ "tini", MANNER_TINI },
		{ "tini-static", MANNER_TINI },
		{ "docker-init", MANNER_TINI },
		{ "dumb-init", MANNER_DUMB_INIT },
		{ "catatonit", MANNER_CATATONIT },
		{ "podman-init", MANNER_CATATONIT },
	};
	const char *slash = name != NULL ? strrchr(name, '/') : NULL;

	if (slash != NULL)
		name = slash + 1;
	for (size_t i = 0; name != NULL && i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i].name) == 0)
			return (enum manner)names[i].manner;
	return MANNER_INIT;
}

/* ---- values ---------------------------------------------------------------------------- */

int orders_signal(const char *s, int *out)
{
	static const char names[] =
		"HUP\0INT\0QUIT\0ILL\0TRAP\0ABRT\0BUS\0FPE\0KILL\0USR1\0SEGV\0USR2\0PIPE\0ALRM\0TERM\0"
		"STKFLT\0CHLD\0CONT\0STOP\0TSTP\0TTIN\0TTOU\0URG\0XCPU\0XFSZ\0VTALRM\0PROF\0WINCH\0IO\0"
		"PWR\0SYS\0";
	int signo = 1;

	if (text_number(s, SIGNAL_LAST, out) == 0)
		return *out > 0 ? 0 : -1;
	if (strncmp(s, "SIG", 3) == 0)
		s += 3;
	if (strncmp(s, "RTMIN+", 6) == 0 &&
		text_number(s + 6, SIGNAL_LAST - SIGNAL_RTMIN, out) == 0) {
		*out += SIGNAL_RTMIN;
		return 0;
	}
	for (const char *name = names; *name != '\0'; name += strlen(name) + 1, signo++) {
		if (strcmp(s, name) != 0)
			continue;
		*out = signo;
		return 0;
	}
	return -1;
}

static int set_code(const char *value, struct orders *o)
{
	int code;

	/* tini takes none for 0, which it is. */
	if (*value == '\0')
		return 0;
	if (text_number(value, CODE_MAX, &code) < 0)
		return -1;
	o->as_zero[code / 32] |= 1U << code % 32;
	return 0;
}

static int set_rewrite(enum manner m, const char *value, struct orders *o)
{
	char from[16];
	const char *colon = strchr(value, ':');
	size_t len = colon != NULL ? (size_t)(colon - value) : sizeof(from);
	int last = m == MANNER_DUMB_INIT ? DUMB_INIT_LAST : SIGNAL_LAST;
	int a, b;

	if (len >= sizeof(from))
		return -1;
	memcpy(from, value, len);
	from[len] = '\0';
	value = colon + 1;
	if (orders_signal(from, &a) < 0 || a > last)
		return -1;
	if (strcmp(value, "0") == 0)
		b = 0;
	else if (orders_signal(value, &b) < 0 || b > last)
		return -1;
	o->rewrite[a] = (uint8_t)b;
	return 0;
}

static int set_signal(enum manner m, const char *value, struct orders *o)
{
	/* tini knows the names of the old signals, and they begin so. */
	if (m == MANNER_TINI && strncmp(value, "SIG", 3) != 0)
		return -1;
	return orders_signal(value, &o->parent_signal);
}

static int set_value(enum manner m, const struct option *option, const char *value,
	struct orders *o)
{
	switch ((enum does)option->does) {
	case DOES_SIGNAL:
		return set_signal(m, value, o);
	case DOES_CODE:
		return set_code(value, o);
	case DOES_REWRITE:
		return set_rewrite(m, value, o);
	case DOES_DRAIN:
		return text_number(value, DRAIN_MAX_S, &o->drain_s);
	case DOES_REPORT:
		return text_number(value, INT_MAX, &o->report_fd);
	case DOES_FILTER:
		return text_number(value, INT_MAX, &o->filter_fd);
	case DOES_COUNT:
	case DOES_SHOW:
	default:
		return -1;
	}
}

static bool has_value(const struct option *option)
{
	return option->does > DOES_SHOW;
}

static void set_plain(const struct option *option, struct orders *o)
{
	uint8_t *number = (uint8_t *)o + option->at;

	if (option->does == DOES_SHOW)
		o->show = option->at;
	else if (*number < UINT8_MAX)
		++*number;
}

/* ---- words ----------------------------------------------------------------------------- */

struct reader {
	enum manner manner;
	const struct option *options;
	size_t count;
	struct orders *orders;
	struct orders_fault *fault;
};

static int wrong(struct reader *r, const char *how, const char *word)
{
	r->fault->how = how;
	r->fault->word = word;
	return -1;
}

static int take_value(struct reader *r, const struct option *option, const char *value)
{
	if (set_value(r->manner, option, value, r->orders) == 0)
		return 0;
	r->fault->letter[0] = option->letter;
	return wrong(r, NULL, value);
}

/* The letters of one word. Those behind one that has a value are the value, or the next word is. */
static int take_letters(struct reader *r, char *const **at)
{
	for (const char *letter = **at + 1; *letter != '\0' && r->orders->show == 0; letter++) {
		const struct option *option = r->options;

		while (option < r->options + r->count && option->letter != *letter)
			option++;
		r->fault->letter[0] = *letter;
		if (option == r->options + r->count)
			return wrong(r, "invalid option -- '%s'", r->fault->letter);
		if (!has_value(option)) {
			set_plain(option, r->orders);
			continue;
		}
		if (letter[1] != '\0')
			return take_value(r, option, letter + 1);
		if ((*at)[1] == NULL)
			return wrong(r, "option requires an argument -- '%s'", r->fault->letter);
		return take_value(r, option, *++*at);
	}
	return 0;
}

/* The option of that long name, or the only one that begins so. */
static const struct option *find_long(const struct reader *r, const char *name, size_t len,
	bool *many)
{
	const struct option *found = NULL;

	*many = false;
	for (size_t i = 0; i < r->count; i++) {
		if (strncmp(r->options[i].name, name, len) != 0 || r->options[i].name[0] == '\0')
			continue;
		if (r->options[i].name[len] == '\0')
			return &r->options[i];
		*many = found != NULL;
		found = &r->options[i];
	}
	return found;
}

static int take_long(struct reader *r, char *const **at)
{
	const char *word = **at;
	size_t len = strcspn(word + 2, "=");
	const char *value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
	bool many;
	const struct option *option = find_long(r, word + 2, len, &many);

	if (option == NULL)
		return wrong(r, "unrecognized option '%s'", word);
	if (many && option->name[len] != '\0')
		return wrong(r, "option '%s' is ambiguous", word);
	if (!has_value(option)) {
		set_plain(option, r->orders);
		return value == NULL ? 0 : wrong(r, "option '%s' doesn't allow an argument", word);
	}
	if (value == NULL && (*at)[1] == NULL)
		return wrong(r, "option '%s' requires an argument", word);
	return take_value(r, option, value != NULL ? value : *++*at);
}

static void take_environment(enum manner m, struct orders *o)
{
	static const struct {
		uint8_t manner;
		uint8_t at;
		char name[24];
		char value[2]; /* "": any */
	} table[] = {
		{ MANNER_TINI, offsetof(struct orders, subreaper), "TINI_SUBREAPER", "" },
		{ MANNER_TINI, offsetof(struct orders, group), "TINI_KILL_PROCESS_GROUP", "" },
		{ MANNER_DUMB_INIT, offsetof(struct orders, verbose), "DUMB_INIT_DEBUG", "1" },
		{ MANNER_DUMB_INIT, offsetof(struct orders, single), "DUMB_INIT_SETSID", "0" },
	};
	const char *level = m == MANNER_TINI ? getenv("TINI_VERBOSITY") : NULL;
	int number;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *value = table[i].manner == m ? getenv(table[i].name) : NULL;

		if (value != NULL &&
			(table[i].value[0] == '\0' || strcmp(value, table[i].value) == 0))
			*((uint8_t *)o + table[i].at) = 1;
	}
	if (level != NULL)
		o->verbose = text_number(level, UINT8_MAX, &number) == 0 ? (uint8_t)number : 0;
}

static void init_orders(enum manner m, struct orders *o)
{
	memset(o, 0, sizeof(*o));
	o->report_fd = o->filter_fd = -1;
	o->verbose = m != MANNER_DUMB_INIT;
	memset(o->rewrite, UNTOUCHED, sizeof(o->rewrite));
}

/*
 * What no option says. A stop of the terminal's kind does nothing in a session of its own, where no shell could
 * continue the group: dumb-init sends the one that does.
 */
static void fill_rewrite(struct orders *o)
{
	for (int signo = 0; signo <= SIGNAL_LAST; signo++) {
		bool stop = signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;

		if (o->rewrite[signo] == UNTOUCHED)
			o->rewrite[signo] = (uint8_t)(stop && o->session ? SIGSTOP : signo);
	}
}

char *const *orders_parse(enum manner m, char *const argv[], struct orders *o,
	struct orders_fault *fault)
{
	struct reader r = { .manner = m, .orders = o, .fault = fault };

	init_orders(m, o);
	memset(fault, 0, sizeof(*fault));
	r.count = options_of(m, &r.options);
	for (argv++; *argv != NULL && o->show == 0; argv++) {
		bool word = (*argv)[0] != '-' || (*argv)[1] == '\0';
		bool end = strcmp(*argv, "--") == 0;

		/* Of init's own, a word that is no option is a mistake, as long as no "--" came. */
		if (word && m == MANNER_INIT) {
			(void)wrong(&r, "unexpected word '%s'", *argv);
			return NULL;
		}
		if (word || end) {
			argv += end;
			break;
		}
		if (((*argv)[1] == '-' ? take_long(&r, &argv) : take_letters(&r, &argv)) < 0)
			return NULL;
	}
	take_environment(m, o);
	o->session = m == MANNER_DUMB_INIT && o->single == 0;
	o->group |= o->session;
	fill_rewrite(o);
	return *argv != NULL && o->show == 0 ? argv : NULL;
}

static void add_padded(struct text *t, const char *s, size_t width)
{
	size_t end = t->len + width;

	text_format(t, "%s", s);
	while (t->len < end)
		text_add(t, " ", 1);
}

void orders_help(enum manner m, struct text *t)
{
	const struct option *options;
	size_t count = options_of(m, &options);

	for (size_t i = 0; i < count; i++) {
		const char dash[] = { '-', options[i].letter, '\0' };

		text_format(t, "  ");
		add_padded(t, options[i].letter != 0 ? dash : "", 4);
		text_format(t, "%s", options[i].name[0] != '\0' ? "--" : "");
		add_padded(t, options[i].name, options[i].name[0] != '\0' ? 14 : 0);
		text_format(t, "%s\n", options[i].help);
	}
}
