#include "supervisor/core/unit/mountoptions.h"

#include "common/util.h"

#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#define PROPAGATION (MS_PRIVATE | MS_SHARED | MS_SLAVE)

/* The words of mount(8) that are no file system's own. A row sets flags or takes them back; or says how mounts spread. */
static const struct {
	char name[12];
	uint8_t use; /* enum option_use */
	uint32_t set, clear;
} words[] = {
	{ "defaults", OPTION_DONE, .clear = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "ro", OPTION_DONE, .set = MS_RDONLY },
	{ "rw", OPTION_DONE, .clear = MS_RDONLY },
	{ "noexec", OPTION_DONE, .set = MS_NOEXEC },
	{ "exec", OPTION_DONE, .clear = MS_NOEXEC },
	{ "nosuid", OPTION_DONE, .set = MS_NOSUID },
	{ "suid", OPTION_DONE, .clear = MS_NOSUID },
	{ "nodev", OPTION_DONE, .set = MS_NODEV },
	{ "dev", OPTION_DONE, .clear = MS_NODEV },
	{ "noatime", OPTION_DONE, .set = MS_NOATIME, .clear = MS_RELATIME | MS_STRICTATIME },
	{ "atime", OPTION_DONE, .clear = MS_NOATIME },
	{ "relatime", OPTION_DONE, .set = MS_RELATIME, .clear = MS_NOATIME | MS_STRICTATIME },
	{ "norelatime", OPTION_DONE, .clear = MS_RELATIME },
	{ "strictatime", OPTION_DONE, .set = MS_STRICTATIME, .clear = MS_NOATIME | MS_RELATIME },
	{ "nodiratime", OPTION_DONE, .set = MS_NODIRATIME },
	{ "diratime", OPTION_DONE, .clear = MS_NODIRATIME },
	{ "lazytime", OPTION_DONE, .set = MS_LAZYTIME },
	{ "sync", OPTION_DONE, .set = MS_SYNCHRONOUS },
	{ "async", OPTION_DONE, .clear = MS_SYNCHRONOUS },
	{ "dirsync", OPTION_DONE, .set = MS_DIRSYNC },
	{ "silent", OPTION_DONE, .set = MS_SILENT },
	{ "bind", OPTION_DONE, .set = MS_BIND },
	{ "rbind", OPTION_DONE, .set = MS_BIND | MS_REC },
	{ "private", OPTION_DONE, .set = MS_PRIVATE },
	{ "rprivate", OPTION_DONE, .set = MS_PRIVATE | MS_REC },
	{ "shared", OPTION_DONE, .set = MS_SHARED },
	{ "rshared", OPTION_DONE, .set = MS_SHARED | MS_REC },
	{ "slave", OPTION_DONE, .set = MS_SLAVE },
	{ "rslave", OPTION_DONE, .set = MS_SLAVE | MS_REC },
	{ "loop", OPTION_DONE, .set = 0 }, /* what a file is mounted by, unasked */
	{ "remount", OPTION_REFUSED, .set = 0 },
	{ "move", OPTION_REFUSED, .set = 0 },
	{ "nofail", OPTION_IDLE, .set = 0 },
	{ "fail", OPTION_IDLE, .set = 0 },
	{ "_netdev", OPTION_IDLE, .set = 0 },
	{ "auto", OPTION_IDLE, .set = 0 },
	{ "noauto", OPTION_IDLE, .set = 0 },
	{ "user", OPTION_IDLE, .set = 0 },
	{ "nouser", OPTION_IDLE, .set = 0 },
	{ "users", OPTION_IDLE, .set = 0 },
	{ "owner", OPTION_IDLE, .set = 0 },
	{ "group", OPTION_IDLE, .set = 0 },
};

static enum option_use use_word(struct mount_options *o, const char *word, size_t len)
{
	/* notes to programs that read /etc/fstab */
	if ((len > 2 && (strncmp(word, "x-", 2) == 0 || strncmp(word, "X-", 2) == 0)) ||
		(len >= 8 && strncmp(word, "comment=", 8) == 0))
		return OPTION_IDLE;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strncmp(words[i].name, word, len) != 0 || words[i].name[len] != '\0')
			continue;
		if ((words[i].set & PROPAGATION) != 0)
			o->propagation = words[i].set;
		else
			o->flags = (o->flags & ~(unsigned long)words[i].clear) | words[i].set;
		o->bind = (o->flags & MS_BIND) != 0;
		return (enum option_use)words[i].use;
	}
	return OPTION_DATA;
}

bool mount_option_next(struct mount_options *o, const char **rest, const char **word, size_t *len,
	enum option_use *use)
{
	const char *s = *rest + strspn(*rest, ", ");
	bool quoted = false;
	size_t n = 0;

	/* a value may have commas in double quotes, as that of SELinux's context= */
	for (; s[n] != '\0' && (quoted || s[n] != ','); n++)
		quoted = quoted != (s[n] == '"');
	*rest = s + n;
	*word = s;
	*len = n;
	if (n > 0)
		*use = use_word(o, s, n);
	return n > 0;
}

void mount_options_read(struct mount_options *o, const char *options, struct text *data)
{
	enum option_use use;
	const char *word;
	size_t len;

	*o = (struct mount_options){ .flags = 0 };
	while (mount_option_next(o, &options, &word, &len, &use)) {
		if (use != OPTION_DATA)
			continue;
		text_separate(data, ",");
		text_put(data, word, len);
	}
}
