/* What systemd and Quadlet have and sup does not do, besides key_known_elsewhere() of keys.h. */
#ifndef CORE_KNOWN_H
#define CORE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

struct known {
	const char *section; /* NULL: the words are sections */
	const char *instead; /* what to use; "": there is nothing */
	const char *words;   /* blanks between */
};

/* The tables themselves, for the lists that are made of them. */
extern const struct known known_keys[], known_sections[];
extern const size_t n_known_keys, n_known_sections;

/* Without these a unit would not be what its author meant: an error. "Key" or "Key=value"; `instead` is the reason. */
extern const struct known refused_words[];
extern const size_t n_refused_words;

/* Why the key with this value is refused, or NULL. */
const char *word_refused(const char *section, const char *name, const char *value);
/* As key_known_elsewhere, for a whole section that no kind of unit has here. */
const char *section_known_elsewhere(const char *section);
/* "network-online.target" and others that systemd reaches by itself: no fault when nobody defines them. */
bool target_is_always_reached(const char *name);
/* Those of them that stand for a part of the boot: WantedBy=timers.target is a start at boot. */
bool target_is_reached_at_boot(const char *name);

#endif
