/* The key table itself: it is sound, and every key reads back what it prints. */
#include "common/util.h"
#include "supervisor/core/keys/keytype.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Good values of each type; a type without any fails the test below. */
static const struct {
	const struct key_type *type;
	const char *values[6];
} samples[] = {
	{ &key_type_bool, { "yes", "false", "ON", "0" } },
	{ &key_type_weight, { "7", "500", "idle" } },
	{ &key_type_output,
		{ "journal+console", "null", "file:/a/b", "append:/var/log/a b", "truncate:/x" } },
	{ &key_type_count, { "7", "500" } },
	{ &key_type_int, { "-5", "19" } },
	{ &key_type_exit_code, { "0", "255" } },
	{ &key_type_time, { "700ms", "1s", "1s 0ms" } },
	{ &key_type_time_pair, { "5min 30s", "infinity" } },
	{ &key_type_size, { "1G", "1.5K", "512MiB", "infinity", "2000" } },
	{ &key_type_memory, { "1G", "12.5%", "infinity", "1000", "0" } },
	{ &key_type_tasks, { "20", "10%", "infinity" } },
	{ &key_type_percent, { "20%", "150%", "0.5%" } },
	{ &key_type_text, { "some words, \"quoted\" and 100%%", "ro,uid=0" } },
	{ &key_type_path, { "/a/b c", "/" } },
	{ &key_type_user, { "nobody", "1000" } },
	{ &key_type_host_name, { "box-1.lan" } },
	{ &key_type_host_names, { "db", "db_1 cache.example.com" } },
	{ &key_type_name, { "ext4", "Europe/Berlin" } },
	{ &key_type_instance, { "1", "tty-1@a:b" } },
	{ &key_type_digest,
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } },
	{ &key_type_interface, { "br-lan", "eth0.1" } },
	{ &key_type_interfaces, { "eth1", "eth2.7 can0" } },
	{ &key_type_image, { "redis", "docker.io/library/redis:7" } },
	{ &key_type_rootfs, { "/srv/root", "/srv/root:O" } },
	{ &key_type_ranges, { "0-3,7", "1 2 3" } },
	{ &key_type_units, { "a.service b.container", "x.target" } },
	{ &key_type_urls, { "man:init(8) https://example.org/" } },
	{ &key_type_path_list, { "/srv/data /etc", "/" } },
	{ &key_type_paths, { "/proc/a:/proc/b" } },
	{ &key_type_words,
		{ "a 'b c' \"d\\ne\" \\x41 \\101 \\u00e4 \"\" \"it's\"", "-x --y=%%",
			"\\xff \xc3\xa9 \"[a\"" } },
	{ &key_type_environment, { "A=1 \"B=two words\" C=\"x\ty\"", "D=", "A=1 A=2" } },
	{ &key_type_environment_file, { "/etc/env", "-/etc/may be" } },
	{ &key_type_commands,
		{ "/bin/true", "-:+/bin/sh -c \"echo $A; true\"", "@/bin/sh sh -c x",
			"/bin/a ; /bin/b \\; ';'" } },
	{ &key_type_settings, { "mtu=1400", "isolate=true mtu=9000" } },
	{ &key_type_signal, { "SIGTERM", "HUP", "9", "SIGRTMIN+3", "RTMAX-1", "SIGRTMIN" } },
	{ &key_type_exit_set, { "0 75 SIGKILL", "TEMPFAIL 250 TERM", "255,1" } },
	{ &key_type_capabilities, { "CAP_NET_ADMIN sys_time", "all", "chown,KILL" } },
	{ &key_type_limit, { "1024", "1024:2048", "infinity", "0:infinity" } },
	{ &key_type_ulimits, { "nofile=1024:2048", "core=-1", "memlock=64K" } },
	{ &key_type_io_limit, { "/dev/vda 1000", "/dev/vda infinity" } },
	{ &key_type_health_cmd,
		{ "curl -f http://localhost/ || exit 1", "CMD /bin/check -q", "none",
			"[\"CMD\", \"/bin/a b\", \"\\\"q\\\"\"]", "CMD-SHELL CMD x",
			"[\"CMD-SHELL\", \"a\\nb 100%%\"]" } },
	{ &key_type_interval, { "1min 30s", "disable", "500ms" } },
	{ &key_type_volume,
		{ "data:/data", "/srv:/srv:ro,noexec,rslave", "/anon", "/anon:exec,suid,dev,nocopy",
			"/a:/b:bind,U" } },
	{ &key_type_tmpfs, { "/tmp", "/run:size=64m,mode=0755,ro,exec" } },
	{ &key_type_mount,
		{ "type=bind,src=/a,dst=/b,ro=true,bind-propagation=rshared",
			"type=tmpfs,destination=/t,tmpfs-size=1M,tmpfs-mode=700",
			"type=volume,source=data,target=/d", "type=volume,dst=/x" } },
	{ &key_type_device, { "/dev/fuse", "-/dev/x:/dev/y:rw", "/dev/z:r" } },
	{ &key_type_device_allow, { "/dev/fuse", "char-* rw", "block-loop m" } },
	{ &key_type_secret,
		{ "db-password", "token,type=env,target=API_TOKEN", "tls.key,target=/etc/tls/key",
			"a,uid=1000,gid=33,mode=0440,target=b" } },
	{ &key_type_load_credential, { "id", "key:/etc/key 1", "x:y" } },
	{ &key_type_set_credential, { "a:two\\nlines 100%%", "b::", "c:" } },
	{ &key_type_capability_set, { "~CAP_CHOWN KILL", "net_admin CAP_KILL" } },
	{ &key_type_place, { "/a -/b \"/c d\"", "+/e", "-+/f" } },
	{ &key_type_bind_place, { "/a -/b:/c /d:/e:norbind", "/a\\\\:b:/c" } },
	{ &key_type_tmpfs_place, { "/a /b:ro,size=1M,mode=0700" } },
	{ &key_type_landlock_path, { "/a -/b", "/" } },
	{ &key_type_landlock_port, { "80 443", "none", "any" } },
	{ &key_type_span, { "5min", "1s 500ms", "0" } },
	{ &key_type_calendar, { "daily", "Mon..Fri *:0/15", "*-*~01 12:00 UTC" } },
	{ &key_type_unit_name, { "a.service" } },
	{ &key_type_system_calls, { "read @aio @known", "~write @clock" } },
	{ &key_type_error, { "EPERM", "4095", "EWOULDBLOCK" } },
	{ &key_type_machines, { "native" } },
	{ &key_type_families, { "AF_UNIX AF_INET6", "~AF_PACKET AF_MCTP", "none" } },
	{ &key_type_namespaces, { "yes", "~user", "net mnt uts" } },
	{ &key_type_profile, { "/etc/profile.json", "unconfined" } },
	{ &key_type_address, { "10.1.0.5" } },
	{ &key_type_subnet, { "10.1.0.0/24", "192.168.0.0/16", "fd00:0:0:7::/64" } },
	{ &key_type_addresses, { "1.1.1.1 8.8.8.8 2606:4700::1" } },
	{ &key_type_ports,
		{ "80", "0.0.0.0:8080:80/tcp", "127.0.0.1::53/udp", "8000-8002:80-82",
			"[fd00::1]:8080:80/sctp" } },
	{ &key_type_network_use,
		{ "host", "none", "web.container", "bridge:ip=10.0.0.7",
			"a:b.network:ip=10.0.0.7,ip6=fd00::7,mac=02:00:5e:10:fF:01,"
			"interface_name=lan0,alias=a,alias=b.c" } },
	{ &key_type_gateway, { "10.1.0.5", "fd00::1" } },
	{ &key_type_userns, { "auto", "auto:size=1000", "host", "keep-id" } },
	{ &key_type_id_map, { "0:100000:65536", "1000:1000" } },
	{ &key_type_unit_name, { "web.container" } },
	{ &key_type_mode, { "0666", "4755", "0" } },
	{ &key_type_fd_name, { "http", "web.socket" } },
	{ &key_type_hosts, { "gate:10.0.0.1", "host:host-gateway" } },
};

/* Sections of a unit that are sound by themselves are not asked for: only values are. */
static void set_one(struct arena *a, const struct key *key, void *base, const char *value)
{
	char why[400] = "";
	size_t at;

	if (key_set(a, key, base, value, why, sizeof(why), &at) == 0)
		return;
	fail_msg("%s.%s=%s: %s", key_section(key), key_name(key), value, why);
}

static char *print_one(struct arena *a, const struct key *key, const void *base)
{
	const void *field = (const char *)base + key->offset;
	size_t len = key_type(key)->print(key, field, NULL, 0);
	char *buf = arena_alloc(a, len + 1);

	assert_int_equal(key_type(key)->print(key, field, buf, len + 1), len);
	assert_int_equal(strlen(buf), len);
	return buf;
}

static void set_lines(struct arena *a, const struct key *key, void *base, const char *text)
{
	char *copy = arena_strdup(a, text);

	for (char *line = copy, *next; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		set_one(a, key, base, line);
	}
}

/* An empty value leaves what no value at all leaves, for a list as for anything else. */
static void empties(struct arena *a, const struct key *key, struct unit *given)
{
	struct unit *plain = arena_alloc(a, sizeof(*plain));

	key_reset(a, key, plain);
	key_reset(a, key, given);
	assert_string_equal(print_one(a, key, given), print_one(a, key, plain));
}

/* struct unit is the larger of the two that a row may be of. */
static void round_trip(const struct key *key, const char *value)
{
	struct arena a = { NULL };
	struct unit *first = arena_alloc(&a, sizeof(*first));
	struct unit *second = arena_alloc(&a, sizeof(*second));
	char *text, *again;

	if (key_type(key) == &key_type_address && key->arg == FAMILY_V6)
		value = "fd00::5";
	key_reset(&a, key, first);
	key_reset(&a, key, second);
	set_one(&a, key, first, value);
	text = print_one(&a, key, first);
	if (key_type(key) != &key_type_mount && key_type(key) != &key_type_time_pair)
		assert_string_not_equal(text, "");
	if (key_type(key)->reset != NULL)
		key_type(key)->reset(key, (char *)second + key->offset);
	else
		memset((char *)second + key->offset, 0, key->size);
	set_lines(&a, key, second, text);
	again = print_one(&a, key, second);
	assert_string_equal(text, again);
	empties(&a, key, first);
	arena_free(&a);
}

/* One type, but each kind of condition wants an argument of its form. */
static size_t round_trip_conditions(const struct key *key)
{
	static const enum condition_form forms[] = {
#define X(id, name, form, holds) form,
		ALL_CONDITIONS(X)
#undef X
	};
	static const char *const values[][3] = {
		[FORM_TEXT] = { "a", "!b=c", "|!>=6.1 <7" },
		[FORM_PATH] = { "/etc/a", "!/etc/b", "|!/etc/c d" },
		[FORM_BOOL] = { "yes", "!no", "|true" },
		[FORM_CAPABILITY] = { "CAP_SYS_ADMIN", "!net_admin", "|chown" },
		[FORM_SIZE] = { ">=64M", "!< 1G", "|128M" },
		[FORM_COUNT] = { ">=2", "!4", "|!=1" },
		[FORM_FIELD] = { "ID=debian", "!VERSION_ID >= 12", "|A<>b" },
		[FORM_PRESSURE] = { "10%", "!12.5%/1min", "|a.service:1%/10s" },
	};
	const char *const *row = values[forms[key->arg]];

	for (size_t i = 0; i < ARRAY_LEN(values[0]); i++)
		round_trip(key, row[i]);
	return ARRAY_LEN(values[0]);
}

/* The whole file, printed; what is printed prints the same when it is read, and is no less sound. */
static void prints(const char *name, const char *text, char out[1024])
{
	struct unit_set set, again;
	char *first, *second;

	fixture_one(&set, name, text);
	first = fixture_print(fixture_unit(&set, name));
	fixture_one(&again, name, first);
	assert_int_equal(again.n_faults, set.n_faults);
	second = fixture_print(fixture_unit(&again, name));
	assert_string_equal(first, second);
	assert_true((size_t)snprintf(out, 1024, "%s", first) < 1024);
	free(first);
	free(second);
	unit_set_free(&set);
	unit_set_free(&again);
}

/* One type, but each kind of Listen= has addresses of its own, and all are in one list. */
static size_t round_trip_listens(const struct key *key)
{
	static const char *const values[][6] = {
		[LISTEN_STREAM] = { "8080", "127.0.0.1:80", "[::1]:53", "[2001:db8::a:1.2.3.4]:1",
			"/run/web.sock", "lan.network:53" },
		[LISTEN_DATAGRAM] = { "53", "0.0.0.0:53", "[::]:53", "[1:2:3:4:5:6:7:8]:9",
			"/run/log", "@log" },
		[LISTEN_SEQPACKET] = { "/run/a", "@b", "@c/d", "/e", "/f/g.h", "@i" },
		[LISTEN_FIFO] = { "/run/a", "/b", "/c", "/d", "/e", "/f/g" },
	};

	for (size_t i = 0; i < ARRAY_LEN(values[0]); i++) {
		char text[128], out[1024];

		(void)snprintf(text, sizeof(text), "[Socket]\n%s=%s\n", key_name(key),
			values[key->arg][i]);
		prints("a.socket", text, out);
		assert_string_equal(out, text);
	}
	return ARRAY_LEN(values[0]);
}

static size_t round_trip_samples(const struct key *key)
{
	size_t n = 0;

	if (key_type(key) == &key_type_listen)
		return round_trip_listens(key);
	if (key_type(key) == &key_type_conditions || key_type(key) == &key_type_pressures)
		return round_trip_conditions(key);
	if (key_choices(key) != NULL && key_type(key) == &key_type_choice) {
		for (const char *const *choice = key_choices(key); *choice != NULL; choice++)
			if (**choice != '\0') {
				round_trip(key, *choice);
				n++;
			}
		return n;
	}
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		for (size_t k = 0; samples[i].type == key_type(key) &&
			k < ARRAY_LEN(samples[i].values) && samples[i].values[k] != NULL;
			k++) {
			round_trip(key, samples[i].values[k]);
			n++;
		}
	return n;
}

static void test_every_key_reads_what_it_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_keys; i++)
		if (round_trip_samples(&keys[i]) == 0)
			fail_msg("%s has no sample of its type", key_name(&keys[i]));
}

/* systemd.exec(5): lines add up, "~" takes away, an empty one is the empty set. */
static void test_capability_sets_add_up(void **state)
{
	static const struct {
		const char *lines, *printed;
	} rows[] = {
		{ "CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=CAP_KILL\n"
		  "CapabilityBoundingSet=~CAP_CHOWN\nCapabilityBoundingSet=\n"
		  "CapabilityBoundingSet=\n",
			"CapabilityBoundingSet=~all\n" },
		{ "CapabilityBoundingSet=~CAP_CHOWN\nCapabilityBoundingSet=~CAP_KILL\n",
			"CapabilityBoundingSet=~CAP_CHOWN CAP_KILL\n" },
		{ "CapabilityBoundingSet=~CAP_CHOWN CAP_KILL\nCapabilityBoundingSet=CAP_KILL\n",
			"CapabilityBoundingSet=~CAP_CHOWN\n" },
		{ "AmbientCapabilities=CAP_CHOWN CAP_KILL\nAmbientCapabilities=~CAP_KILL\n",
			"AmbientCapabilities=CAP_CHOWN\n" },
		{ "AmbientCapabilities=CAP_CHOWN\nAmbientCapabilities=\n"
		  "AmbientCapabilities=CAP_KILL\n",
			"AmbientCapabilities=CAP_KILL\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[512], out[1024];

		(void)snprintf(text, sizeof(text), "[Service]\nExecStart=/bin/a\n%s",
			rows[i].lines);
		prints("a.service", text, out);
		if (strstr(out, rows[i].printed) == NULL)
			fail_msg("%s gives\n%s", text, out);
	}
}

static void test_rows_are_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_keys; i++) {
		const struct key *key = &keys[i];
		size_t doc = strlen(key->doc);

		assert_true(strlen(key_name(key)) > 0 && strlen(key_name(key)) <= 40);
		assert_non_null(key_type(key)->parse);
		assert_non_null(key_type(key)->print);
		assert_true(key->kinds != 0);
		assert_non_null(key->since);
		assert_true(doc > 10 && key->doc[doc - 1] == '.');
		assert_ptr_equal(key_find(key->kinds & -key->kinds, key_section(key),
					 key_name(key)),
			key);
		for (size_t k = 0; k < i; k++)
			assert_false(strcmp(key_name(&keys[k]), key_name(key)) == 0 &&
				strcmp(key_section(&keys[k]), key_section(key)) == 0 &&
				(keys[k].kinds & key->kinds) != 0);
	}
}

/* A default that its own parser refuses would be found by nobody else. */
static void test_defaults_are_good_values(void **state)
{
	struct arena a = { NULL };
	struct unit *u = arena_alloc(&a, sizeof(*u));

	(void)state;
	for (size_t i = 0; i < n_keys; i++)
		if (key_default(&keys[i]) != NULL)
			set_one(&a, &keys[i], u, key_default(&keys[i]));
	arena_free(&a);
}

/* A word is either done or known not to be done. */
/* Lines that are joined make a value as long as one likes; a path is not. */
static void test_path_has_an_end(void **state)
{
	static const struct {
		const char *section, *name;
	} rows[] = { { "Socket", "Symlinks" }, { "Volume", "Device" }, { "Service", "TTYPath" } };
	struct arena a = { NULL };
	struct unit *unit = arena_alloc(&a, sizeof(*unit));
	char path[4097], why[400];
	size_t at;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct key *key = key_find(UINT32_MAX, rows[i].section, rows[i].name);

		path[4095] = '\0';
		assert_int_equal(key_set(&a, key, unit, path, why, sizeof(why), &at), 0);
		path[4095] = 'a';
		path[4096] = '\0';
		assert_int_equal(key_set(&a, key, unit, path, why, sizeof(why), &at), -1);
		assert_string_equal(why, "a path has at most 4095 characters");
	}
	arena_free(&a);
}

static void test_no_key_is_known_elsewhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_keys; i++)
		if (key_known_elsewhere(key_section(&keys[i]), key_name(&keys[i])) != NULL)
			fail_msg("%s.%s= is both done and not done", key_section(&keys[i]),
				key_name(&keys[i]));
}

/* The keys of systemd v256 and of Quadlet in Podman 5, by their manual pages. */
static const struct {
	const char *section, *words;
} theirs[] = {
	{ "Unit",
		"After AssertACPower AssertArchitecture AssertCPUFeature AssertCPUPressure "
		"AssertCPUs AssertCapability AssertControlGroupController AssertCredential "
		"AssertDirectoryNotEmpty AssertEnvironment AssertFileIsExecutable "
		"AssertFileNotEmpty AssertFirmware AssertFirstBoot AssertGroup AssertHost "
		"AssertIOPressure AssertKernelCommandLine AssertKernelVersion AssertMemory "
		"AssertMemoryPressure AssertNeedsUpdate AssertOSRelease AssertPathExists "
		"AssertPathExistsGlob AssertPathIsDirectory AssertPathIsEncrypted "
		"AssertPathIsMountPoint AssertPathIsReadWrite AssertPathIsSymbolicLink "
		"AssertSecurity AssertUser AssertVirtualization Before BindsTo CollectMode "
		"ConditionACPower ConditionArchitecture ConditionCPUFeature ConditionCPUPressure "
		"ConditionCPUs ConditionCapability ConditionControlGroupController "
		"ConditionCredential ConditionDirectoryNotEmpty ConditionEnvironment "
		"ConditionFileIsExecutable ConditionFileNotEmpty ConditionFirmware "
		"ConditionFirstBoot ConditionGroup ConditionHost ConditionIOPressure "
		"ConditionKernelCommandLine ConditionKernelVersion ConditionMemory "
		"ConditionMemoryPressure ConditionNeedsUpdate ConditionOSRelease "
		"ConditionPathExists ConditionPathExistsGlob ConditionPathIsDirectory "
		"ConditionPathIsEncrypted ConditionPathIsMountPoint ConditionPathIsReadWrite "
		"ConditionPathIsSymbolicLink ConditionSecurity ConditionUser "
		"ConditionVirtualization Conflicts DefaultDependencies Description Documentation "
		"FailureAction FailureActionExitStatus JobRunningTimeoutSec JobTimeoutAction "
		"JobTimeoutRebootArgument JobTimeoutSec JoinsNamespaceOf OnFailure OnSuccess PartOf "
		"PropagatesReloadTo PropagatesStopTo RebootArgument RefuseManualStart "
		"ReloadPropagatedFrom Requires RequiresMountsFor Requisite StartLimitAction "
		"StartLimitBurst StartLimitIntervalSec StopPropagatedFrom StopWhenUnneeded "
		"SuccessAction SuccessActionExitStatus SurviveFinalKillSignal Upholds Wants "
		"WantsMountsFor" },
	{ "Service",
		"AllowedCPUs AllowedMemoryNodes AmbientCapabilities BindPaths BindReadOnlyPaths "
		"BusName CPUAffinity CPUQuota CPUQuotaPeriodSec CPUSchedulingPolicy "
		"CPUSchedulingPriority CPUSchedulingResetOnFork CPUWeight CacheDirectory "
		"CapabilityBoundingSet ConfigurationDirectory CoredumpFilter Delegate "
		"DelegateSubgroup DeviceAllow DevicePolicy DisableControllers DynamicUser "
		"Environment EnvironmentFile ExecCondition ExecPaths ExecReload ExecStart "
		"ExecStartPost ExecStartPre ExecStop ExecStopPost ExitType ExtensionImages "
		"FileDescriptorStoreMax FileDescriptorStorePreserve FinalKillSignal Group "
		"GuessMainPID IODeviceLatencyTargetSec IODeviceWeight IOReadBandwidthMax "
		"IOReadIOPSMax IOSchedulingClass IOSchedulingPriority IOWeight IOWriteBandwidthMax "
		"IOWriteIOPSMax IPAddressAllow IPAddressDeny IPCNamespacePath ImportCredential "
		"InaccessiblePaths KeyringMode KillMode KillSignal LimitAS LimitCORE LimitCPU "
		"LimitDATA LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE "
		"LimitNPROC LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING LimitSTACK "
		"LoadCredential LockPersonality LogLevelMax LogRateLimitBurst "
		"LogRateLimitIntervalSec LogsDirectory ManagedOOMMemoryPressure "
		"ManagedOOMMemoryPressureLimit ManagedOOMPreference ManagedOOMSwap "
		"MemoryDenyWriteExecute MemoryHigh MemoryLow MemoryMax MemoryMin "
		"MemoryPressureThresholdSec MemoryPressureWatch MemorySwapMax MemoryZSwapMax "
		"MemoryZSwapWriteback MountAPIVFS MountImages NFTSet NetworkNamespacePath Nice "
		"NoExecPaths NoNewPrivileges NonBlocking NotifyAccess OOMPolicy OOMScoreAdjust "
		"OpenFile PIDFile PassEnvironment PrivateDevices PrivateIPC PrivateMounts "
		"PrivateNetwork PrivateTmp PrivateUsers ProcSubset ProtectClock "
		"ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs "
		"ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyPaths "
		"ReadWritePaths ReloadSignal RemainAfterExit RestartKillSignal RestartMaxDelaySec "
		"RestartMode RestartRandomizedDelaySec RestartSec RestartSteps "
		"RestrictAddressFamilies RestrictFileSystems RestrictNamespaces "
		"RestrictNetworkInterfaces RestrictRealtime RestrictSUIDSGID RootDirectory "
		"RootDirectoryStartOnly RootEphemeral RootHash RootHashSignature RootImage "
		"RootImageOptions RootVerity RuntimeDirectory RuntimeDirectoryPreserve "
		"RuntimeMaxSec RuntimeRandomizedExtraSec SecureBits SendSIGHUP SendSIGKILL "
		"SetCredential Slice SocketBindAllow SocketBindDeny Sockets StandardError "
		"StandardInput StandardOutput StartupAllowedCPUs StartupCPUWeight StartupIOWeight "
		"StartupMemoryMax StateDirectory SupplementaryGroups SyslogFacility "
		"SyslogIdentifier SyslogLevel SyslogLevelPrefix SystemCallArchitectures "
		"SystemCallErrorNumber SystemCallFilter SystemCallLog TTYPath TTYReset TTYVHangup "
		"TasksMax TemporaryFileSystem TimeoutAbortSec TimeoutSec TimeoutStartFailureMode "
		"TimeoutStartSec TimeoutStopFailureMode TimeoutStopSec TimerSlackNSec Type UMask "
		"UnsetEnvironment User WatchdogSec WatchdogSignal WorkingDirectory" },
	{ "Container",
		"AddCapability AddDevice AddHost Annotation AutoUpdate CgroupsMode ContainerName "
		"ContainersConfModule DNS DNSOption DNSSearch DropCapability Entrypoint Environment "
		"EnvironmentFile EnvironmentHost Exec ExposeHostPort GIDMap GlobalArgs Group "
		"GroupAdd HealthCmd HealthInterval HealthLogDestination HealthMaxLogCount "
		"HealthMaxLogSize HealthOnFailure HealthRetries HealthStartPeriod HealthStartupCmd "
		"HealthStartupInterval HealthStartupRetries HealthStartupSuccess "
		"HealthStartupTimeout HealthTimeout HostName HttpProxy Image IP IP6 Label LogDriver "
		"LogOpt Mask Memory Mount Network NetworkAlias NoNewPrivileges Notify PidsLimit Pod "
		"PodmanArgs PublishPort Pull ReadOnly ReadOnlyTmpfs ReloadCmd ReloadSignal Retry "
		"RetryDelay Rootfs RunInit SeccompProfile Secret SecurityLabelDisable "
		"SecurityLabelFileType SecurityLabelLevel SecurityLabelNested SecurityLabelType "
		"ShmSize StartWithPod StopSignal StopTimeout SubGIDMap SubUIDMap Sysctl Timezone "
		"Tmpfs UIDMap Ulimit Unmask User UserNS Volume WorkingDir" },
	{ "Network",
		"ContainersConfModule DisableDNS DNS Driver Gateway GlobalArgs InterfaceName "
		"Internal IPAMDriver IPRange IPv6 Label NetworkDeleteOnStop NetworkName Options "
		"PodmanArgs Subnet" },
	{ "Volume", "Copy Device Driver Group Image Label Options Type User VolumeName" },
	{ "Mount",
		"What Where Type Options SloppyOptions LazyUnmount ReadWriteOnly ForceUnmount "
		"DirectoryMode TimeoutSec" },
	{ "Timer",
		"OnActiveSec OnBootSec OnStartupSec OnUnitActiveSec OnUnitInactiveSec OnCalendar "
		"AccuracySec RandomizedDelaySec FixedRandomDelay OnClockChange OnTimezoneChange Unit "
		"Persistent WakeSystem RemainAfterElapse DeferReactivation" },
	{ "Socket",
		"Accept Backlog BindIPv6Only BindToDevice Broadcast DeferAcceptSec DirectoryMode "
		"ExecStartPost ExecStartPre ExecStopPost ExecStopPre FileDescriptorName FlushPending "
		"FreeBind IPTOS IPTTL KeepAlive KeepAliveIntervalSec KeepAliveProbes "
		"KeepAliveTimeSec ListenDatagram ListenFIFO ListenSequentialPacket ListenStream Mark "
		"MaxConnections MaxConnectionsPerSource MessageQueueMaxMessages "
		"MessageQueueMessageSize NoDelay PassCredentials PassPacketInfo PassSecurity "
		"PipeSize PollLimitBurst PollLimitIntervalSec Priority ReceiveBuffer RemoveOnStop "
		"ReusePort SELinuxContextFromNet SendBuffer Service SmackLabel SmackLabelIPIn "
		"SmackLabelIPOut SocketGroup SocketMode SocketProtocol SocketUser Symlinks "
		"TCPCongestion TimeoutSec Timestamping Transparent TriggerLimitBurst "
		"TriggerLimitIntervalSec Writable" },
	{ "Install", "WantedBy RequiredBy UpheldBy Alias Also DefaultInstance" },
	{ "Manager",
		"CPUAffinity CapabilityBoundingSet ConfirmSpawn CrashAction CrashChangeVT CrashReboot "
		"CrashShell DefaultCPUAccounting DefaultDeviceTimeoutSec DefaultEnvironment "
		"DefaultIOAccounting DefaultIPAccounting DefaultLimitNOFILE DefaultMemoryAccounting "
		"DefaultMemoryPressureThresholdSec DefaultMemoryPressureWatch DefaultOOMPolicy "
		"DefaultOOMScoreAdjust DefaultRestartSec DefaultSmackProcessLabel "
		"DefaultStandardError DefaultStandardOutput DefaultStartLimitBurst "
		"DefaultStartLimitIntervalSec DefaultTasksAccounting DefaultTasksMax "
		"DefaultTimeoutAbortSec DefaultTimeoutStartSec DefaultTimeoutStopSec "
		"DefaultTimerAccuracySec DumpCore KExecWatchdogSec LogColor LogLevel LogLocation "
		"LogTarget LogTime ManagerEnvironment NUMAMask NUMAPolicy NoNewPrivileges "
		"ProtectSystem RebootWatchdogSec ReloadLimitBurst ReloadLimitIntervalSec "
		"RuntimeWatchdogPreGovernor RuntimeWatchdogPreSec RuntimeWatchdogSec ShowStatus "
		"StatusUnitFormat SystemCallArchitectures TimerSlackNSec WatchdogDevice" },
};

/* A copied unit meets no key of its own manual page that is unknown here. */
static void test_their_keys_are_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
		struct arena a = { NULL };
		char *word = arena_strdup(&a, theirs[i].words);

		for (char *next; word != NULL; word = next) {
			next = strchr(word, ' ');
			if (next != NULL)
				*next++ = '\0';
			if (key_find(~KIND_IMAGE_FILE, theirs[i].section, word) == NULL &&
				key_known_elsewhere(theirs[i].section, word) == NULL)
				fail_msg("[%s] %s= is not known", theirs[i].section, word);
		}
		arena_free(&a);
	}
}

static void test_defaults_of_systemd_and_quadlet(void **state)
{
	struct unit_set set;
	const struct unit *u;

	(void)state;
	fixture_one(&set, "web.container", "[Container]\nImage=a\n");
	u = fixture_unit(&set, "web.container");
	assert_null(u->broken);
	assert_int_equal(set.n_faults, 0);
	assert_int_equal(u->unit.start_limit_interval, 10 * USEC_PER_SEC);
	assert_int_equal(u->unit.start_limit_burst, 5);
	assert_int_equal(u->service.restart, RESTART_NO);
	assert_int_equal(u->service.restart_sec, 100 * USEC_PER_MSEC);
	assert_int_equal(u->service.timeout_start, 90 * USEC_PER_SEC);
	/* A container stops within StopTimeout=, unless TimeoutStopSec= is given. */
	assert_int_equal(u->service.timeout_stop, 10 * USEC_PER_SEC);
	assert_int_equal(u->service.kill_mode, KILL_CONTROL_GROUP);
	assert_int_equal(u->service.kill_signal, 15);
	assert_true(u->service.send_sigkill);
	assert_int_equal(u->service.nice, INT_UNSET);
	assert_int_equal(u->service.memory_max.value, SIZE_UNSET);
	assert_int_equal(u->service.tasks_max.permille, 150);
	assert_int_equal(u->container.stop_timeout, 10 * USEC_PER_SEC);
	assert_int_equal(u->container.shm_size, 64u << 20);
	assert_int_equal(u->container.pids_limit.value, 2048);
	assert_true(u->container.run_init);
	assert_true(u->container.no_new_privileges);
	assert_true(u->container.read_only_tmpfs);
	assert_false(u->container.read_only);
	unit_set_free(&set);
}

static void test_default_timeouts(void **state)
{
	struct unit_set set;

	(void)state;
	fixture_one(&set, "a.service", "[Service]\nExecStart=/bin/a\n");
	assert_int_equal(fixture_unit(&set, "a.service")->service.timeout_start, 90 * USEC_PER_SEC);
	assert_int_equal(fixture_unit(&set, "a.service")->service.timeout_stop, 90 * USEC_PER_SEC);
	unit_set_free(&set);
	fixture_one(&set, "a.service", "[Service]\nType=oneshot\nExecStart=/bin/a\n");
	assert_int_equal(fixture_unit(&set, "a.service")->service.timeout_start, TIME_INFINITY);
	unit_set_free(&set);
	fixture_one(&set, "a.service", "[Service]\nTimeoutSec=5\nType=oneshot\nExecStart=/bin/a\n");
	assert_int_equal(fixture_unit(&set, "a.service")->service.timeout_start, 5 * USEC_PER_SEC);
	unit_set_free(&set);
}

static void test_notify_implies_type(void **state)
{
	struct unit_set set;

	(void)state;
	fixture_one(&set, "a.container", "[Container]\nImage=a\nNotify=yes\n");
	assert_int_equal(fixture_unit(&set, "a.container")->service.type, TYPE_NOTIFY);
	assert_int_equal(fixture_unit(&set, "a.container")->service.notify_access, ACCESS_ALL);
	unit_set_free(&set);
	fixture_one(&set, "a.service", "[Service]\nType=notify\nExecStart=/bin/a\n");
	assert_int_equal(fixture_unit(&set, "a.service")->service.notify_access, ACCESS_MAIN);
	unit_set_free(&set);
}

/* podman-run(1), --health-cmd. */
static void test_spellings_of_a_health_check(void **state)
{
	static const struct {
		const char *value;
		const char *words; /* with "|" between them */
	} rows[] = {
		{ "curl -f \"http://localhost\" || exit 1",
			"/bin/sh|-c|curl -f \"http://localhost\" || exit 1" },
		{ "CMD curl -f  x", "curl|-f|x" },
		{ "cmd-shell curl | x", "/bin/sh|-c|curl | x" },
		{ "[\"CMD\", \"a b\", \"c\"]", "a b|c" },
		{ "[\"a\", \"b\"]", "a|b" },
		{ "[\"a b\"]", "/bin/sh|-c|a b" },
		{ "[\"CMD-SHELL\", \"a b\"]", "/bin/sh|-c|a b" },
		{ "NONE", "none" },
		{ "[\"NONE\"]", "none" },
		{ "none of it", "none" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256], got[256] = "";
		const struct strv *cmd;
		struct unit_set set;
		size_t at = 0;

		(void)snprintf(text, sizeof(text), "[Container]\nImage=a\nHealthCmd=%s\n",
			rows[i].value);
		fixture_one(&set, "a.container", text);
		cmd = &fixture_unit(&set, "a.container")->container.health.cmd;
		for (size_t k = 0; k < cmd->n; k++)
			at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%s", k > 0 ? "|" : "",
				cmd->v[k]);
		assert_string_equal(got, rows[i].words);
		unit_set_free(&set);
	}
}

static void test_unit_print_reads_back(void **state)
{
	static const char text[] =
		"[Unit]\nDescription=100%% of %N\nAfter=x.service\n"
		"[Container]\nImage=a\nExec=sh -c \"echo %%h\"\nTmpfs=/t\nVolume=d:/d\n"
		"[Service]\nRestart=always\nLimitCORE=1K\nLimitNOFILE=10\nMemoryMax=50%\n"
		"[Install]\nWantedBy=default.target\n";
	char out[1024];

	(void)state;
	prints("web.container", text, out);
	assert_non_null(strstr(out, "Description=100%% of web\n"));
	assert_non_null(strstr(out, "MemoryMax=50%\n"));
}

/* The order of the lines is that of the descriptors, whatever their kinds are. */
static void test_listens_keep_their_order(void **state)
{
	static const char text[] =
		"[Socket]\nListenFIFO=/run/100%%\nListenStream=80\nListenDatagram=80\n"
		"ListenStream=@b\nListenSequentialPacket=@a\nListenStream=@c\n";
	char out[1024];

	(void)state;
	prints("a.socket", text, out);
	assert_string_equal(out, text);
	/* an empty one drops all kinds */
	prints("a.socket",
		"[Socket]\nListenFIFO=/x\nListenStream=1\nListenFIFO=\nListenDatagram=2\n", out);
	assert_string_equal(out, "[Socket]\nListenDatagram=2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_whole),
		cmocka_unit_test(test_every_key_reads_what_it_prints),
		cmocka_unit_test(test_defaults_are_good_values),
		cmocka_unit_test(test_path_has_an_end),
		cmocka_unit_test(test_capability_sets_add_up),
		cmocka_unit_test(test_no_key_is_known_elsewhere),
		cmocka_unit_test(test_their_keys_are_known),
		cmocka_unit_test(test_defaults_of_systemd_and_quadlet),
		cmocka_unit_test(test_default_timeouts),
		cmocka_unit_test(test_notify_implies_type),
		cmocka_unit_test(test_spellings_of_a_health_check),
		cmocka_unit_test(test_unit_print_reads_back),
		cmocka_unit_test(test_listens_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
