#include "init/voice.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "init/text.h"

#define LINE_SIZE 512
#define PAGE_MAX 2048

/* All words of one program, one behind the other: no pointer has to be put right at the start. */
static const char *words_of(enum manner m)
{
#define OF_INIT(name, init, tini, dumb_init, catatonit) init "\0"
#define OF_TINI(name, init, tini, dumb_init, catatonit) tini "\0"
#define OF_DUMB_INIT(name, init, tini, dumb_init, catatonit) dumb_init "\0"
#define OF_CATATONIT(name, init, tini, dumb_init, catatonit) catatonit "\0"
	static const char init_words[] = VOICE_EVENTS(OF_INIT);
	static const char tini_words[] = VOICE_EVENTS(OF_TINI);
	static const char dumb_init_words[] = VOICE_EVENTS(OF_DUMB_INIT);
	static const char catatonit_words[] = VOICE_EVENTS(OF_CATATONIT);

	switch (m) {
	case MANNER_TINI:
		return tini_words;
	case MANNER_DUMB_INIT:
		return dumb_init_words;
	case MANNER_CATATONIT:
		return catatonit_words;
	case MANNER_INIT:
	default:
		return init_words;
	}
}

/* Where nobody takes it, it is lost: a full pipe must not hold up a signal. */
static void put(int fd, const struct text *t)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	int no = errno;

	if (poll(&out, 1, 0) == 1 && write(fd, t->buf, t->len) < 0)
		signals_drop(errno == EPIPE ? SIGPIPE : SIGXFSZ);
	errno = no;
}

static void add_head(const struct voice *v, struct text *t, int level)
{
	static const char levels[][6] = { "FATAL", "WARN ", "INFO ", "DEBUG", "TRACE" };

	switch (v->manner) {
	case MANNER_TINI:
		text_format(t, "[%s tini (%d)] ", levels[level], getpid());
		break;
	case MANNER_DUMB_INIT:
		text_format(t, "[dumb-init] ");
		break;
	case MANNER_CATATONIT:
		text_format(t, "ERROR (catatonit:%d): ", getpid());
		break;
	case MANNER_INIT:
	default:
		text_format(t, "init: ");
	}
}

static void add_words(struct text *t, const char *words, const char *s, int a, int b)
{
	for (; *words != '\0'; words++) {
		if (*words != '%') {
			text_add(t, words, 1);
			continue;
		}
		switch (*++words) {
		case 's':
			text_format(t, "%s", s);
			break;
		case 'S':
			text_format(t, "%s", strsignal(b));
			break;
		case 'm':
			text_format(t, "%m");
			break;
		default:
			text_format(t, "%d", *words == 'a' ? a : b);
		}
	}
}

void voice_say(const struct voice *v, enum voice_event event, const char *s, int a, int b)
{
	const char *words = words_of(v->manner);
	char line[LINE_SIZE];
	struct text t;
	int level;

	for (int i = 0; i < (int)event; i++)
		words += strlen(words) + 1;
	if (*words == '\0' || *words - '0' > v->orders->verbose)
		return;
	level = *words - '0';
	text_init(&t, line, sizeof(line) - 1);
	add_head(v, &t, level);
	add_words(&t, words + 1, s, a, b);
	line[t.len++] = '\n';
	put(v->manner == MANNER_TINI && level > VOICE_WARN ? STDOUT_FILENO : STDERR_FILENO, &t);
}

bool voice_talks(const struct voice *v)
{
	return v->orders->warn > 0 ||
		v->orders->verbose > (v->manner == MANNER_DUMB_INIT ? 0 : VOICE_WARN);
}

/* The first lines of the help, %s for the name; the environment, below the options. */
static const struct {
	const char *version;
	const char *usage;
	const char *rest;
} pages[] = {
	[MANNER_INIT] = { "init (sup)\n", "usage: %s [OPTION...] -- COMMAND [ARGUMENT...]\n", "" },
	[MANNER_TINI] = { "tini version 0.19.0 - sup\n",
		"Usage: %s [OPTIONS] PROGRAM -- [ARGS] | --version\n",
		"\nTINI_SUBREAPER, TINI_KILL_PROCESS_GROUP: as -s and -g, when they are set.\n"
		"TINI_VERBOSITY: 0 to 4, 1 when it is not set.\n" },
	[MANNER_DUMB_INIT] = { "dumb-init v1.2.5 - sup\n",
		"Usage: %s [option] command [[arg] ...]\n",
		"\nDUMB_INIT_SETSID=0 is -c, DUMB_INIT_DEBUG=1 is -v.\n" },
	[MANNER_CATATONIT] = { "tini version 0.1.7_catatonit - sup\n",
		"usage: %s [-ghLPV] [--] <progname> [<arguments>...]\n", "" },
};

static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash != NULL ? slash + 1 : name;
}

static void add_help(const struct voice *v, struct text *t)
{
	if (v->manner == MANNER_TINI || v->manner == MANNER_DUMB_INIT)
		text_format(t, "%s", pages[v->manner].version);
	add_words(t, pages[v->manner].usage, last_part(v->name), 0, 0);
	text_format(t, "\n");
	orders_help(v->manner, t);
	text_format(t, "%s", pages[v->manner].rest);
}

/* What follows the fault itself; tini has the whole help there. */
static void add_hint(const struct voice *v, const struct orders_fault *fault, struct text *t)
{
	switch (v->manner) {
	case MANNER_TINI:
		add_help(v, t);
		break;
	case MANNER_DUMB_INIT:
		if (fault->how == NULL)
			add_words(t,
				"Usage: %s [option] program [args]\nTry %s --help for full usage.\n",
				v->name, 0, 0);
		break;
	case MANNER_CATATONIT:
	case MANNER_INIT:
	default:
		add_words(t, pages[v->manner].usage, last_part(v->name), 0, 0);
	}
}

static void add_bad_value(const struct voice *v, const struct orders_fault *fault, struct text *t)
{
	switch (v->manner) {
	case MANNER_TINI:
		add_head(v, t, VOICE_ALWAYS);
		text_format(t, "Not a valid option for -%s: %s\n", fault->letter, fault->word);
		break;
	case MANNER_DUMB_INIT:
		text_format(t,
			"Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.\n"
			"Once for each signal to rewrite; see --help.\n");
		break;
	case MANNER_CATATONIT:
	case MANNER_INIT:
	default:
		text_format(t, "%s: not a value for this option: %s\n", v->name, fault->word);
		add_hint(v, fault, t);
	}
}

void voice_usage(const struct voice *v, const struct orders_fault *fault)
{
	char page[PAGE_MAX];
	struct text t;

	text_init(&t, page, sizeof(page));
	if (fault->how == NULL && fault->word != NULL) {
		add_bad_value(v, fault, &t);
	} else {
		if (fault->how != NULL) {
			text_format(&t, "%s: ", v->name);
			add_words(&t, fault->how, fault->word, 0, 0);
			text_format(&t, "\n");
		} else if (v->manner == MANNER_CATATONIT) {
			add_head(v, &t, VOICE_ALWAYS);
			text_format(&t, "missing program name\n");
		}
		add_hint(v, fault, &t);
	}
	put(STDERR_FILENO, &t);
}

void voice_show(const struct voice *v)
{
	char page[PAGE_MAX];
	struct text t;
	bool err;

	text_init(&t, page, sizeof(page));
	if (v->orders->show == 'h')
		add_help(v, &t);
	else if (v->orders->show == 'l')
		text_format(&t,
			"This is init of sup; its terms come with it. Nothing of another program is in it.\n");
	else
		text_format(&t, "%s", pages[v->manner].version);
	/* catatonit's version is what engines read, its help is not. */
	err = v->manner == MANNER_DUMB_INIT ||
		(v->manner == MANNER_CATATONIT && v->orders->show == 'h');
	put(err ? STDERR_FILENO : STDOUT_FILENO, &t);
}
