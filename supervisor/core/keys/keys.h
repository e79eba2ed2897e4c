/*
 * The key table: one row per key, everything else is derived from it: parser, checks, defaults, canonical print,
 * the key list of sup.unit(5), completion, the fuzzers' dictionary.
 */
#ifndef CORE_KEYS_H
#define CORE_KEYS_H

#include "supervisor/core/unit/unit.h"

struct key;
struct key_type;

/* What a value parser gets: where to put the value and where to say what is wrong with it. */
struct key_context {
	struct arena *arena;
	void *field; /* the member of struct unit */
	const struct key *key;
	const char *
		value; /* trimmed; not empty, which resets the member, but for a type that takes it */
	char *why; /* on failure: what is wrong and what would be right; else a warning, or "" */
	size_t why_size;
	size_t at; /* on failure: offset into value, for the column */
};

struct key_type {
	const char *name; /* as the manual page calls it: "time span", "list of unit names" */
	bool list;        /* repeated keys add up, an empty value resets */
	bool specifiers;  /* "%n" and the like are replaced before parse */
	bool quoted; /* its words may be quoted and escaped: so is what a specifier stands for */
	bool prints_names; /* its lines begin with "Key=": several keys share one member, in one order */
	bool takes_empty; /* an empty value is one, and does not reset */
	bool names_units; /* what it prints are names of units, with blanks between */
	/* The member as no key had been given; NULL: all zero. */
	void (*reset)(const struct key *key, void *field);
	int (*parse)(struct key_context *c);
	/*
	 * Writes the canonical text of the member, one line per value, nothing when it is unset, and
	 * returns its length as snprintf does; parse(print(x)) == x. A "%" is not doubled yet.
	 */
	size_t (*print)(const struct key *key, const void *field, char *buf, size_t size);
};

#define KINDS(k) (1u << KIND_##k)
#define KIND_IMAGE_FILE (1u << 15)   /* the sidecar of an image */
#define KIND_MANAGER_FILE (1u << 14) /* sup.conf */

/* By their names in a file. */
#define KEY_SECTIONS(X) \
	X(Unit)         \
	X(Install)      \
	X(Service) X(Container) X(Timer) X(Socket) X(Mount) X(Volume) X(Network) X(Image) X(Manager)

enum key_section {
#define X(name) SECTION_##name,
	KEY_SECTIONS(X)
#undef X
};

/*
 * Three hundred of these are on every device: no pointer among them, which would be relocated and so in memory of the
 * supervisor's own, small members together, and the manual's words stay at home.
 */
struct key {
	uint32_t max; /* of a number or a time; 0: no limit */
	uint16_t min;
	int16_t arg;           /* what the type needs to know: RLIMIT_*, enum condition_kind, ... */
	uint16_t text;         /* key_name(), key_default() */
	uint16_t kinds;        /* bits of the unit kinds that may have it */
	uint16_t offset, size; /* of the member in struct unit, image_section or manager_section */
	uint8_t section;       /* enum key_section: key_section() */
	uint8_t type;          /* enum key_type_id: key_type() */
	uint8_t choices;       /* key_choices() */
	bool live;             /* it changes by a reload, without a restart: see unit_change() */
#ifdef KEY_DOCS
	const char *doc; /* one or two sentences for the manual page */
	const char *since;
#endif
};

extern const struct key keys[];
extern const size_t n_keys;

const char *key_name(const struct key *key);
/* Parsed like a value in a file; NULL: zero, none. */
const char *key_default(const struct key *key);
const char *key_section(const struct key *key);
const struct key_type *key_type(const struct key *key);
/* Of a choice: the names by enum value, NULL-terminated; NULL: it has none. */
const char *const *key_choices(const struct key *key);
/* The row, or NULL. */
const struct key *key_find(uint32_t kind_bit, const char *section, const char *name);
/*
 * Parses a value that is not empty into the key's member of the struct (struct unit, image_section or
 * manager_section) at base: 0, or -1 with the reason in why and the offset into the value in *at. With 0, too, there may
 * be a text in why, which was "" before: a warning. KEY_SECOND in place of -1: the reason is an earlier line of the key.
 */
#define KEY_SECOND (-2)
int key_set(struct arena *a, const struct key *key, void *base, const char *value, char *why,
	size_t why_size, size_t *at);
/* The canonical text of the member: a line for each value, "" when it is unset. */
char *key_print(struct arena *a, const struct key *key, const void *base);
/* Such a text behind `text`, "KEY=" and before that `sign` before each line. */
const char *key_lines(struct arena *a, const char *text, const char *sign, const struct key *key,
	const char *value);
/* Of a member: nobody has given it, or as if nobody had. */
bool bytes_are_zero(const void *bytes, size_t n);
/* Gives the member its default, or nothing. */
void key_reset(struct arena *a, const struct key *key, void *base);
/*
 * A word of systemd or Quadlet that sup knows but does not do: returns what to use instead
 * ("" when nothing is), NULL when the word is unknown.
 */
const char *key_known_elsewhere(const char *section, const char *name);
/* The nearest key or section name within a small edit distance, or NULL. */
const char *key_suggest(uint32_t kind_bit, const char *section, const char *name);

#endif
