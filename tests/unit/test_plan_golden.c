/*
 * tests/golden/plan: NAME.container, NAME.service or NAME.network as an operator writes it, and beside it, with ".plan" at the
 * end, what `supctl plan` says of it on a machine and an image that are always the same. With GOLDEN_UPDATE=1
 * in the environment the texts are written instead of compared: read the difference before it is committed.
 */
#include "common/util.h"
#include "supervisor/core/plan/plan.h"
#include "supervisor/core/unit/unitset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <cmocka.h>

#define FOLDER "tests/golden/plan"

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	if (file == NULL)
		return text;
	assert_in_range(fread(text, 1, 65535, file), 0, 65534);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The machine of all golden plans. */
static struct facts machine(struct arena *a, struct image_section *image, const struct unit *u)
{
	const char *rootfs = u->container.rootfs;
	bool container = u->kind == KIND_CONTAINER;
	static const struct volume_path volumes[] = {
		{ "data.volume", "/var/lib/sup/volumes/data" },
	};
	static const struct passed_fd passed[] = {
		{ .fd = -1, .unit = "web.socket", .name = "http", .address = "8099", .any = true },
		{ .fd = -1, .unit = "web.socket", .name = "http", .address = "/run/web.sock" },
	};
	static const struct device_number devices[] = {
		{ "/dev/ttyUSB0", false, 188, 0 },
		{ "/dev/ttyS0", false, 4, 64 },
		{ "char-rtc", false, 250, DEVICE_ANY },
	};
	static struct lease leased[] = {
		{ .unit = "nets.container",
			.network = "lan.network",
			.at = { IP_V4(0x0a590105), 128 } },
		{ .unit = "made.network",
			.network = "made.network",
			.at = { IP_V4(0x0a590100), 120 } },
	};
	static const struct leases leases = { .v = leased, .n = ARRAY_LEN(leased) };
	struct strv *files = arena_alloc(a, sizeof(*files));

	strv_add(a, &image->entrypoint, "/usr/bin/entry");
	strv_add(a, &image->cmd, "--serve");
	strv_add(a, &image->environment, "LANG=C.UTF-8");
	image->working_dir = "/srv";
	return (struct facts){
		.ram = UINT64_C(1) << 30,
		.tasks = 10000,
		.cpus = 2,
		.machine_hostname = "box",
		.leases = &leases,
		.root = rootfs != NULL ? arena_strndup(a, rootfs, strcspn(rootfs, ":"))
			: container    ? "/run/sup/images/web"
				       : NULL,
		.image = container && rootfs == NULL ? image : NULL,
		.files = container ? "/run/sup/files/unit" : NULL,
		.notify_socket = "/run/sup/notify/unit",
		.volumes = volumes,
		.n_volumes = 1,
		.private_tmp = "/run/sup/tmp/unit",
		.devices = devices,
		.n_devices = ARRAY_LEN(devices),
		.environment_files = files,
		/* how long they are hangs on the kernel's headers */
		.profile = { .n = 200, .n_rules = 400 },
		.filter = { .n = 20, .n_rules = 30 },
		.passed = passed,
		.n_passed = u->service.sockets.n > 0 ? ARRAY_LEN(passed) : 0,
	};
}

/* Ids as the first container of a machine has them. */
static void give_ids(struct arena *a, const struct unit *u, struct facts *facts)
{
	const struct container_section *c = &u->container;
	struct ids *ids = arena_alloc(a, sizeof(*ids));
	enum userns_mode mode = ids_mode(u, &facts->ids_why);

	if (u->kind != KIND_CONTAINER || mode == USERNS_HOST)
		return;
	*LIST_ADD(a, &ids->uid) = mode == USERNS_KEEP_ID
		? (struct id_extent){ 0, 0, ID_NONE }
		: (struct id_extent){ 0, IDS_SIZE,
			  c->userns.size != 0 ? c->userns.size : IDS_SIZE };
	ids->gid = ids->uid;
	if (mode == USERNS_UNSET)
		*ids = (struct ids){ c->uid_map, c->gid_map };
	facts->ids = ids;
}

/* The plan as text, or the reason why there is none, in the arena. */
static const char *plan_of(struct arena *a, const struct unit *u)
{
	struct image_section image = { 0 };
	struct facts facts = machine(a, &image, u);
	const char *text;
	struct err e;

	give_ids(a, u, &facts);
	if (u->broken != NULL)
		return arena_printf(a, "broken: %s\n", u->broken);
	text = plan_all(u, &facts, a, &e);
	return text != NULL ? text : arena_printf(a, "error: %s\n", e.msg);
}

static void compare(const char *name, const char *text)
{
	static const char neighbours[] = "[Network]\n", volume[] = "[Volume]\n";
	static const char service[] = "[Service]\nExecStart=/bin/web\n";
	static const char listens[] = "[Socket]\nListenStream=8099\nListenStream=/run/web.sock\n";
	const struct unit_text texts[] = {
		{ .unit = name, .path = name, .text = text, .size = strlen(text) },
		{ .unit = "lan.network",
			.path = "lan.network",
			.text = neighbours,
			.size = sizeof(neighbours) - 1 },
		{ .unit = "wan.network",
			.path = "wan.network",
			.text = neighbours,
			.size = sizeof(neighbours) - 1 },
		{ .unit = "data.volume",
			.path = "data.volume",
			.text = volume,
			.size = sizeof(volume) - 1 },
		{ .unit = "web.socket",
			.path = "web.socket",
			.text = listens,
			.size = sizeof(listens) - 1 },
		{ .unit = "web.service",
			.path = "web.service",
			.text = service,
			.size = sizeof(service) - 1 },
	};
	struct unit_set set = { 0 };
	struct arena a = { 0 };
	const char *path = arena_printf(&a, "%s/%s.plan", FOLDER, name);
	const char *made;
	char *expected = read_file(path);
	int at;

	unit_set_build(&set, texts, ARRAY_LEN(texts));
	for (size_t i = 0; i < set.n_faults; i++)
		fail_msg("%s:%u: %s", name, set.faults[i].line, set.faults[i].message);
	at = unit_set_find(&set, name);
	assert_true(at >= 0);
	made = plan_of(&a, &set.units[at]);
	if (getenv("GOLDEN_UPDATE") != NULL)
		write_file(path, made);
	else if (strcmp(made, expected) != 0)
		fail_msg("%s is not what is planned now:\n%s", path, made);
	free(expected);
	arena_free(&a);
	unit_set_free(&set);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && strcmp(s + n - k, end) == 0;
}

static void test_golden(void **state)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;
	size_t n = 0;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		char path[512];
		char *text;

		if (!ends_with(entry->d_name, ".container") &&
			!ends_with(entry->d_name, ".service") &&
			!ends_with(entry->d_name, ".network"))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", FOLDER, entry->d_name);
		text = read_file(path);
		compare(entry->d_name, text);
		free(text);
		n++;
	}
	assert_int_equal(closedir(folder), 0);
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
