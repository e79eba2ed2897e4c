/* The end of the supervisor's copy: the working folder, then the program. */
#include "supervisor/child/kernel.h"
#include "supervisor/child/steps.h"

#include "common/util.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int step_workdir(struct child *c, struct fault *f)
{
	const char *dir = c->plan->working_dir;
	char cwd[PATH_MAX];

	if (dir == NULL)
		dir = "/";
	else if (strcmp(dir, "~") == 0)
		dir = c->id.home;
	if (chdir(dir) < 0 &&
		!(c->plan->working_dir_optional && errno == ENOENT && chdir("/") == 0))
		return fail(f, dir);
	/* "(unreachable)/...": a folder out of this root, which no path of it can have led to */
	if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0 || cwd[0] != '/')
		return fail_text(f, dir, "is outside of the root");
	return 0;
}

/* Decimal digits at s, and a NUL. */
static void put_number(char *s, unsigned int value)
{
	char digits[12];
	size_t at = sizeof(digits);

	digits[--at] = '\0';
	do
		digits[--at] = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	memcpy(s, digits + at, sizeof(digits) - at);
}

/*
 * `init --report=FD -- PATH ARG...`: the init looks PATH up, so that a missing program is reported by it. With
 * descriptors of sockets the init completes LISTEN_PID, which is its child's, and a filter of the unit's is for its child.
 */
static int exec_init(const struct child *c)
{
	const struct plan *p = c->plan;
	char report[sizeof("--report=") + 12] = "--report=";
	char filter[sizeof("--filter=") + 12] = "--filter=";
	const char *head[5] = { "init", report };
	size_t n_head = 2, n = 0;
	const char **argv;

	put_number(report + strlen(report), (unsigned int)report_fd(p));
	put_number(filter + strlen(filter), (unsigned int)c->filter);
	if (p->n_passed != 0)
		head[n_head++] = "--listen";
	if (c->filter >= 0)
		head[n_head++] = filter;
	head[n_head++] = "--";
	while (p->argv[n] != NULL)
		n++;
	argv = mmap(NULL, (n_head + n + 2) * sizeof(*argv), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (argv == MAP_FAILED)
		return -1;
	memcpy(argv, head, n_head * sizeof(*argv));
	argv[n_head] = p->path;
	if (n > 1)
		memcpy(argv + n_head + 1, p->argv + 1, (n - 1) * sizeof(*argv));
	return (int)syscall(SYS_execveat, c->fd.init, "", argv, p->envp, AT_EMPTY_PATH);
}

static const char *search_path(char *const *envp)
{
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return DEFAULT_PATH;
}

/* As execvp(3), without its heap and its shell for scripts that name none. errno of the most telling failure. */
static int exec_search(const struct plan *p)
{
	size_t length = strlen(p->path);
	char path[PATH_MAX];
	int no = ENOENT;

	for (const char *at = search_path(p->envp), *end; *at != '\0';
		at = *end == ':' ? end + 1 : end) {
		size_t n;

		end = strchrnul(at, ':');
		n = (size_t)(end - at);
		if (n == 0 || n + 1 + length >= sizeof(path))
			continue; /* an empty element would be the working folder */
		memcpy(path, at, n);
		path[n] = '/';
		memcpy(path + n + 1, p->path, length + 1);
		(void)execve(path, p->argv, p->envp);
		if (errno == EACCES)
			no = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR)
			return -1;
	}
	errno = no;
	return -1;
}

int step_exec(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	int no;

	if (p->run_init) {
		(void)exec_init(c);
		return fail(f, "init");
	}
	/* as it sees itself: 1 in a container */
	if (p->listen_pid != NULL)
		put_number(p->listen_pid + strlen("LISTEN_PID="),
			(unsigned int)syscall(SYS_getpid));
	if (strchr(p->path, '/') == NULL) {
		(void)exec_search(p);
		return fail(f, p->path);
	}
	(void)execve(p->path, p->argv, p->envp);
	no = errno;
	if (no == ENOENT && faccessat(AT_FDCWD, p->path, X_OK, 0) == 0)
		return fail_text(f, p->path, "its interpreter or dynamic loader is missing");
	return fail_no(f, no, p->path);
}
