/* What a socket listens on, the names of its descriptors, and the modes of its files. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"

#include <string.h>

#define UNIX_PATH_MAX \
	107 /* sun_path of unix(7), with its NUL or, of an abstract name, its first byte */
#define FD_NAME_MAX 255

/* ---- a file's mode ---- */

static int mode_parse(struct key_context *c)
{
	if (number_mode(c->value, c->field) < 0)
		return key_fail(c, 0, "\"%s\" is not a mode such as 0660", c->value);
	return 0;
}

static size_t mode_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	(void)key;
	text_printf(&t, "%04o", *(const uint32_t *)field);
	return t.len;
}

const struct key_type key_type_mode = {
	.name = "file mode",
	.parse = mode_parse,
	.print = mode_print,
};

/* ---- addresses ---- */

static int parse_port(const char *s, uint16_t *port)
{
	uint64_t value;

	if (number_u64(s, &value) < 0 || value < 1 || value > UINT16_MAX)
		return -1;
	*port = (uint16_t)value;
	return 0;
}

static int file_parse(struct key_context *c, struct listen *l)
{
	size_t longest = l->kind == LISTEN_FIFO ? 4095 : UNIX_PATH_MAX;

	l->family = c->value[0] == '@' ? LISTEN_ABSTRACT : LISTEN_PATH;
	if (strlen(c->value) > longest || c->value[1] == '\0')
		return key_fail(c, 0, "\"%s\" is not a path or name of at most %zu characters",
			c->value, longest);
	if (l->family == LISTEN_PATH && strstr(c->value, "/../") != NULL)
		return key_fail(c, 0, "\"%s\" goes up by \"..\"", c->value);
	return 0;
}

/* [ADDRESS6]:PORT, ADDRESS:PORT, NAME.network:PORT, PORT */
static int inet_parse(struct key_context *c, struct listen *l)
{
	char *copy = arena_strdup(c->arena, c->value);
	char *colon = strrchr(copy, ':');
	size_t end;

	if (colon == NULL) {
		l->family = LISTEN_PORT;
		return parse_port(copy, &l->port);
	}
	*colon = '\0';
	if (parse_port(colon + 1, &l->port) < 0)
		return -1;
	if (copy[0] != '[' && unit_kind_of(copy) == KIND_NETWORK) {
		l->family = LISTEN_NETWORK;
		l->network = copy;
		return unit_name_check(copy);
	}
	if (copy[0] != '[') {
		l->family = LISTEN_IPV4;
		return ip_parse(&l->ip, copy) == 0 && ip_family(l->ip) == FAMILY_V4 ? 0 : -1;
	}
	end = strlen(copy);
	if (end < 3 || copy[end - 1] != ']')
		return -1;
	copy[end - 1] = '\0';
	l->family = LISTEN_IPV6;
	return strchr(copy, ':') != NULL ? ip_parse(&l->ip, copy + 1) : -1;
}

static int listen_parse(struct key_context *c)
{
	struct listen l = { .kind = (enum listen_kind)c->key->arg };
	struct listens *list = c->field;

	l.text = arena_strdup(c->arena, c->value);
	if (c->value[0] == '/' || (c->value[0] == '@' && l.kind != LISTEN_FIFO)) {
		if (file_parse(c, &l) < 0)
			return -1;
	} else if (l.kind == LISTEN_FIFO) {
		return key_fail(c, 0, "\"%s\" is not an absolute path", c->value);
	} else if (l.kind == LISTEN_SEQPACKET) {
		return key_fail(c, 0, "\"%s\" is neither an absolute path nor an @name", c->value);
	} else if (strncmp(c->value, "vsock:", 6) == 0) {
		return key_fail(c, 0, "vsock is not done here");
	} else if (inet_parse(c, &l) < 0) {
		return key_fail(c, 0,
			"\"%s\" is none of: PORT, ADDRESS:PORT, [ADDRESS6]:PORT, NAME.network:PORT, "
			"/path, @name",
			c->value);
	}
	*LIST_ADD(c->arena, list) = l;
	return 0;
}

/* The order of all kinds together is that of the descriptors: the first kind's row prints them all. */
static size_t listen_print(const struct key *key, const void *field, char *buf, size_t size)
{
	static const char *const names[] = {
		[LISTEN_STREAM] = "ListenStream",
		[LISTEN_DATAGRAM] = "ListenDatagram",
		[LISTEN_SEQPACKET] = "ListenSequentialPacket",
		[LISTEN_FIFO] = "ListenFIFO",
	};
	const struct listens *list = field;
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n && key->arg == LISTEN_STREAM; i++) {
		text_separate(&t, "\n");
		text_printf(&t, "%s=%s", names[list->v[i].kind], list->v[i].text);
	}
	return t.len;
}

/* No reset of its own: as in systemd.socket(5) an empty assignment to one of them drops all. */
const struct key_type key_type_listen = {
	.name = "address",
	.list = true,
	.specifiers = true,
	.prints_names = true,
	.parse = listen_parse,
	.print = listen_print,
};

/* ---- FileDescriptorName= ---- */

static int fd_name_parse(struct key_context *c)
{
	size_t len = strlen(c->value);

	for (size_t i = 0; i < len; i++)
		if (c->value[i] <= ' ' || c->value[i] == ':' || c->value[i] == 0x7f)
			return key_fail(c, i,
				"the name of a descriptor is of plain characters, without blanks "
				"and \":\"");
	if (len > FD_NAME_MAX)
		return key_fail(c, FD_NAME_MAX, "the name is longer than %d characters",
			FD_NAME_MAX);
	*(const char **)c->field = arena_strdup(c->arena, c->value);
	return 0;
}

static size_t fd_name_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const char *name = *(const char *const *)field;
	struct text t = { buf, size, 0 };

	(void)key;
	if (name != NULL)
		text_puts(&t, name);
	return t.len;
}

const struct key_type key_type_fd_name = {
	.name = "name",
	.specifiers = true,
	.parse = fd_name_parse,
	.print = fd_name_print,
};
