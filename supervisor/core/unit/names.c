#include "supervisor/core/unit/names.h"

#include "common/util.h"
#include "supervisor/core/number.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

struct name {
	const char *text;
	int number;
};

static const struct name signals[] = {
	{ "SIGHUP", SIGHUP },
	{ "SIGINT", SIGINT },
	{ "SIGQUIT", SIGQUIT },
	{ "SIGILL", SIGILL },
	{ "SIGTRAP", SIGTRAP },
	{ "SIGABRT", SIGABRT },
	{ "SIGBUS", SIGBUS },
	{ "SIGFPE", SIGFPE },
	{ "SIGKILL", SIGKILL },
	{ "SIGUSR1", SIGUSR1 },
	{ "SIGSEGV", SIGSEGV },
	{ "SIGUSR2", SIGUSR2 },
	{ "SIGPIPE", SIGPIPE },
	{ "SIGALRM", SIGALRM },
	{ "SIGTERM", SIGTERM },
	{ "SIGSTKFLT", SIGSTKFLT },
	{ "SIGCHLD", SIGCHLD },
	{ "SIGCONT", SIGCONT },
	{ "SIGSTOP", SIGSTOP },
	{ "SIGTSTP", SIGTSTP },
	{ "SIGTTIN", SIGTTIN },
	{ "SIGTTOU", SIGTTOU },
	{ "SIGURG", SIGURG },
	{ "SIGXCPU", SIGXCPU },
	{ "SIGXFSZ", SIGXFSZ },
	{ "SIGVTALRM", SIGVTALRM },
	{ "SIGPROF", SIGPROF },
	{ "SIGWINCH", SIGWINCH },
	{ "SIGIO", SIGIO },
	{ "SIGPWR", SIGPWR },
	{ "SIGSYS", SIGSYS },
	{ "SIGPOLL", SIGIO },
};

/* capability.h of the kernel: stable numbers, 40 is CHECKPOINT_RESTORE of 5.9 */
static const char *const capabilities[] = {
	[0] = "CAP_CHOWN",
	[1] = "CAP_DAC_OVERRIDE",
	[2] = "CAP_DAC_READ_SEARCH",
	[3] = "CAP_FOWNER",
	[4] = "CAP_FSETID",
	[5] = "CAP_KILL",
	[6] = "CAP_SETGID",
	[7] = "CAP_SETUID",
	[8] = "CAP_SETPCAP",
	[9] = "CAP_LINUX_IMMUTABLE",
	[10] = "CAP_NET_BIND_SERVICE",
	[11] = "CAP_NET_BROADCAST",
	[12] = "CAP_NET_ADMIN",
	[13] = "CAP_NET_RAW",
	[14] = "CAP_IPC_LOCK",
	[15] = "CAP_IPC_OWNER",
	[16] = "CAP_SYS_MODULE",
	[17] = "CAP_SYS_RAWIO",
	[18] = "CAP_SYS_CHROOT",
	[19] = "CAP_SYS_PTRACE",
	[20] = "CAP_SYS_PACCT",
	[21] = "CAP_SYS_ADMIN",
	[22] = "CAP_SYS_BOOT",
	[23] = "CAP_SYS_NICE",
	[24] = "CAP_SYS_RESOURCE",
	[25] = "CAP_SYS_TIME",
	[26] = "CAP_SYS_TTY_CONFIG",
	[27] = "CAP_MKNOD",
	[28] = "CAP_LEASE",
	[29] = "CAP_AUDIT_WRITE",
	[30] = "CAP_AUDIT_CONTROL",
	[31] = "CAP_SETFCAP",
	[32] = "CAP_MAC_OVERRIDE",
	[33] = "CAP_MAC_ADMIN",
	[34] = "CAP_SYSLOG",
	[35] = "CAP_WAKE_ALARM",
	[36] = "CAP_BLOCK_SUSPEND",
	[37] = "CAP_AUDIT_READ",
	[38] = "CAP_PERFMON",
	[39] = "CAP_BPF",
	[40] = "CAP_CHECKPOINT_RESTORE",
};
_Static_assert(ARRAY_LEN(capabilities) == CAPABILITY_COUNT, "every capability has a name");

static const struct name rlimits[] = {
	{ "cpu", RLIMIT_CPU },
	{ "fsize", RLIMIT_FSIZE },
	{ "data", RLIMIT_DATA },
	{ "stack", RLIMIT_STACK },
	{ "core", RLIMIT_CORE },
	{ "rss", RLIMIT_RSS },
	{ "nofile", RLIMIT_NOFILE },
	{ "as", RLIMIT_AS },
	{ "nproc", RLIMIT_NPROC },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "locks", RLIMIT_LOCKS },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
};

static const struct name exit_codes[] = {
	{ "SUCCESS", 0 },
	{ "FAILURE", 1 },
	{ "INVALIDARGUMENT", 2 },
	{ "NOTIMPLEMENTED", 3 },
	{ "NOPERMISSION", 4 },
	{ "NOTINSTALLED", 5 },
	{ "NOTCONFIGURED", 6 },
	{ "NOTRUNNING", 7 },
	{ "USAGE", 64 },
	{ "DATAERR", 65 },
	{ "NOINPUT", 66 },
	{ "NOUSER", 67 },
	{ "NOHOST", 68 },
	{ "UNAVAILABLE", 69 },
	{ "SOFTWARE", 70 },
	{ "OSERR", 71 },
	{ "OSFILE", 72 },
	{ "CANTCREAT", 73 },
	{ "IOERR", 74 },
	{ "TEMPFAIL", 75 },
	{ "PROTOCOL", 76 },
	{ "NOPERM", 77 },
	{ "CONFIG", 78 },
	{ "CHDIR", 200 },
	{ "NICE", 201 },
	{ "FDS", 202 },
	{ "EXEC", 203 },
	{ "MEMORY", 204 },
	{ "LIMITS", 205 },
	{ "OOM_ADJUST", 206 },
	{ "SIGNAL_MASK", 207 },
	{ "STDIN", 208 },
	{ "STDOUT", 209 },
	{ "CHROOT", 210 },
	{ "IOPRIO", 211 },
	{ "TIMERSLACK", 212 },
	{ "SECUREBITS", 213 },
	{ "SETSCHEDULER", 214 },
	{ "CPUAFFINITY", 215 },
	{ "GROUP", 216 },
	{ "USER", 217 },
	{ "CAPABILITIES", 218 },
	{ "CGROUP", 219 },
	{ "SETSID", 220 },
	{ "CONFIRM", 221 },
	{ "STDERR", 222 },
	{ "PAM", 224 },
	{ "NETWORK", 225 },
	{ "NAMESPACE", 226 },
	{ "NO_NEW_PRIVILEGES", 227 },
	{ "SECCOMP", 228 },
	{ "SELINUX_CONTEXT", 229 },
	{ "PERSONALITY", 230 },
	{ "APPARMOR", 231 },
	{ "ADDRESS_FAMILIES", 232 },
	{ "RUNTIME_DIRECTORY", 233 },
	{ "CHOWN", 235 },
	{ "SMACK_PROCESS_LABEL", 236 },
	{ "KEYRING", 237 },
	{ "STATE_DIRECTORY", 238 },
	{ "CACHE_DIRECTORY", 239 },
	{ "LOGS_DIRECTORY", 240 },
	{ "CONFIGURATION_DIRECTORY", 241 },
	{ "NUMA_POLICY", 242 },
	{ "CREDENTIALS", 243 },
	{ "BPF", 245 },
	{ "EXCEPTION", 255 },
};

static int number_of(const struct name *names, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i].text, text) == 0)
			return names[i].number;
	return -1;
}

static const char *text_of(const struct name *names, size_t n, int number)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].number == number)
			return names[i].text;
	return NULL;
}

/* RTMIN, RTMIN+n, RTMAX, RTMAX-n; the name comes without "SIG". */
static int realtime_number(const char *name)
{
	bool from_end = strncmp(name, "RTMAX", 5) == 0;
	int64_t offset = 0;
	int sig;

	if (!from_end && strncmp(name, "RTMIN", 5) != 0)
		return -1;
	name += 5;
	if (*name != '\0' && (*name != (from_end ? '-' : '+') || number_i64(name, &offset) < 0))
		return -1;
	if (offset < -SIGNAL_LAST || offset > SIGNAL_LAST)
		return -1;
	sig = (from_end ? SIGNAL_LAST : SIGNAL_RTMIN) + (int)offset;
	return sig >= SIGNAL_RTMIN && sig <= SIGNAL_LAST ? sig : -1;
}

int signal_number(const char *name)
{
	uint64_t number;

	if (number_u64(name, &number) == 0)
		return number >= 1 && number <= SIGNAL_LAST ? (int)number : -1;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcmp(signals[i].text + 3, name) == 0)
			return signals[i].number;
	return realtime_number(name);
}

const char *signal_text(int sig, char buf[SIGNAL_NAME_MAX])
{
	const char *name = text_of(signals, ARRAY_LEN(signals), sig);

	if (name != NULL)
		(void)snprintf(buf, SIGNAL_NAME_MAX, "%s", name);
	else if (sig > SIGNAL_RTMIN && sig <= SIGNAL_LAST)
		(void)snprintf(buf, SIGNAL_NAME_MAX, "SIGRTMIN+%d", sig - SIGNAL_RTMIN);
	else if (sig == SIGNAL_RTMIN)
		(void)snprintf(buf, SIGNAL_NAME_MAX, "SIGRTMIN");
	else
		(void)snprintf(buf, SIGNAL_NAME_MAX, "%d", sig);
	return buf;
}

int capability_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
		if (strcasecmp(capabilities[i] + 4, name) == 0)
			return (int)i;
	return -1;
}

const char *capability_text(int cap)
{
	return cap >= 0 && cap < CAPABILITY_COUNT ? capabilities[cap] : "?";
}

int rlimit_number(const char *name)
{
	return number_of(rlimits, ARRAY_LEN(rlimits), name);
}

const char *rlimit_text(int resource)
{
	const char *name = text_of(rlimits, ARRAY_LEN(rlimits), resource);

	return name != NULL ? name : "?";
}

int exit_code_number(const char *name)
{
	return number_of(exit_codes, ARRAY_LEN(exit_codes), name);
}

const char *exit_code_text(int code)
{
	return text_of(exit_codes, ARRAY_LEN(exit_codes), code);
}
