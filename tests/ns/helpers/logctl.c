/*
 * The real logs module for the tests of logs, with a parent that holds what init holds: pipes and spool. Files are in
 * /var/log/sup of whoever starts it; the unit is test.service.
 *
 *   logctl crash KILLS SEED   two writers of numbered lines; the logs are killed so often, at random; prints how many
 *                             lines there are of each stream
 *   logctl step STOP STOP2    a fixed input; the logs are killed before or after the STOPth system call they make, the next
 *                             ones at STOP2 (-1: never), then a third finishes; prints how many of the two were killed
 *   logctl half CALL          as step, but in the middle of the CALLth write(2), pwrite(2) or splice(2)
 *   logctl fault CALL ERRNO   as step, but the CALLth system call fails; prints whether there was one
 *   logctl serve              the stream on standard input is stdout of the unit; SIGUSR1: the file is closed, as when it is
 *                             rotated
 */
#include "common/fd.h"
#include "supervisor/sys/log/logs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#define UNIT "test.service"
#define LINE_ROOM 20000
#define FIRST_LINE 45
#define LAST_LINE 150

struct held {
	int spool;
	int read_end[2], write_end[2];
};

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void hold(struct held *h)
{
	struct spool sp;
	struct err e;

	if (spool_open(&sp, -1, &e) < 0)
		die(e.msg);
	h->spool = sp.fd;
	for (int i = 0; i < 2; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			die("pipe2");
		h->read_end[i] = ends[0];
		h->write_end[i] = ends[1];
	}
}

/* ---- the logs, which are killed ---- */

struct keeper {
	uv_loop_t loop;
	struct logs logs;
	struct log log;
	struct log_pipe pipes[2];
};

static void keep_logs(struct keeper *k, int spool)
{
	struct err e = { 0 };

	if (uv_loop_init(&k->loop) != 0 || logs_open(&k->logs, &k->loop, spool, &e) < 0)
		die(e.msg);
	log_open(&k->log, &k->logs, UNIT);
}

static void adopt(struct keeper *k, int stream, int fd)
{
	struct err e;

	if (log_pipe_adopt(&k->pipes[stream], &k->log, (enum log_stream)stream, fd, &e) < 0)
		die(e.msg);
}

/* As a supervisor that starts; then it goes on, or takes what is there and ends. */
static void run(const struct held *h, bool once)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		die("calloc");
	keep_logs(k, h->spool);
	log_write(&k->log, "begin");
	adopt(k, 0, h->read_end[0]);
	adopt(k, 1, h->read_end[1]);
	if (!once) {
		(void)uv_run(&k->loop, UV_RUN_DEFAULT);
		_exit(1);
	}
	log_write(&k->log, "end");
	while (k->log.failing)
		(void)uv_run(&k->loop, UV_RUN_ONCE);
	log_pipe_drain(&k->pipes[0]);
	log_pipe_drain(&k->pipes[1]);
	logs_sweep(&k->logs);
	_exit(0);
}

static pid_t start(const struct held *h, bool once, bool traced)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	if (traced && (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0))
		die("ptrace");
	run(h, once);
	_exit(1);
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void finish(const struct held *h)
{
	pid_t pid = start(h, true, false);
	int status;

	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("the last logs failed");
}

static void nap(long us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	(void)nanosleep(&t, NULL);
}

/* ---- lines: test_logs.py knows them, too ---- */

static size_t make_line(char *line, unsigned int i)
{
	size_t n = (size_t)snprintf(line, LINE_ROOM, "%u ", i);
	size_t more = i % 50 == 49 ? 4000 + i * 37 % 9000 : i * 7919 % 80;

	memset(line + n, 'a' + (int)(i % 26), more);
	line[n + more] = '\n';
	return n + more + 1;
}

static void put(int fd, const char *data, size_t n)
{
	if (write(fd, data, n) != (ssize_t)n)
		die("write");
}

static void put_line(int fd, unsigned int i)
{
	char line[LINE_ROOM];
	size_t n = make_line(line, i), part = i % 7 == 3 ? n / 2 : 0;

	if (part > 0) {
		put(fd, line, part);
		nap(700);
	}
	put(fd, line + part, n - part);
}

/* ---- crash ---- */

struct shared {
	atomic_bool stop;
	atomic_uint lines[2];
};

static pid_t start_writer(struct shared *sh, const struct held *h, int stream)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (unsigned int i = 0; !sh->stop; i++) {
		put_line(h->write_end[stream], i);
		sh->lines[stream] = i + 1;
		nap(1000);
	}
	_exit(0);
}

static int crash(unsigned int kills, unsigned int seed)
{
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct held h;
	pid_t writers[2], logs;

	if (sh == MAP_FAILED)
		die("mmap");
	hold(&h);
	srandom(seed);
	for (int i = 0; i < 2; i++)
		writers[i] = start_writer(sh, &h, i);
	while (kills-- > 0) {
		logs = start(&h, false, false);
		nap(random() % 12000);
		end(logs);
	}
	logs = start(&h, false, false);
	sh->stop = true;
	for (int i = 0; i < 2; i++)
		(void)waitpid(writers[i], NULL, 0);
	end(logs);
	finish(&h);
	(void)printf("%u %u\n", sh->lines[0], sh->lines[1]);
	return 0;
}

/* ---- step ---- */

static bool kill_at(const struct held *h, long stop)
{
	pid_t pid = start(h, true, true);
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("no logs");
	for (; stop > 0; stop--) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid)
			die("trace");
		if (!WIFSTOPPED(status)) {
			if (status != 0)
				die("the logs failed");
			return false;
		}
	}
	end(pid);
	return true;
}

static void feed(const struct held *h)
{
	char line[LINE_ROOM];

	for (int i = 0; i < 2; i++) {
		for (unsigned int number = FIRST_LINE; number < LAST_LINE; number++)
			put(h->write_end[i], line, make_line(line, number));
		put(h->write_end[i], "unfinished", 10);
	}
}

static int step(long stop, long stop2)
{
	struct held h;
	int killed;

	hold(&h);
	feed(&h);
	killed = kill_at(&h, stop);
	if (killed && stop2 >= 0)
		killed += kill_at(&h, stop2);
	finish(&h);
	(void)printf("%d\n", killed);
	return 0;
}

/* ---- calls that are done by half, or fail ---- */

/* Is told of each entry of a call; true: what returns from it is to be answered by `exit`. */
struct tamper {
	bool (*entry)(struct tamper *t, struct user_regs_struct *r);
	void (*exit)(struct tamper *t, struct user_regs_struct *r); /* or NULL: killed there */
	long calls;                                                 /* to let pass */
	long error;
};

#ifdef __x86_64__

/* Half of what a call is to move; of little there is no half. */
static bool halve(struct tamper *t, struct user_regs_struct *r)
{
	bool moves = r->orig_rax == SYS_write || r->orig_rax == SYS_pwrite64;

	if (r->orig_rax != SYS_splice && !(moves && r->rdx >= 2))
		return false;
	if (t->calls-- > 0)
		return false;
	if (moves)
		r->rdx /= 2;
	else
		r->r8 = 5000; /* it asks for more than there may be */
	return true;
}

static bool forbid(struct tamper *t, struct user_regs_struct *r)
{
	if (r->orig_rax == SYS_exit_group || t->calls-- > 0)
		return false;
	(void)dprintf(STDERR_FILENO, "system call %lu fails\n", (unsigned long)r->orig_rax);
	r->orig_rax = (unsigned long)-1;
	return true;
}

static void answer(struct tamper *t, struct user_regs_struct *r)
{
	r->rax = (unsigned long)-t->error;
}

static int next_stop(pid_t pid, struct user_regs_struct *r)
{
	long signal = 0;
	int status;

	do {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)signal) < 0 ||
			waitpid(pid, &status, 0) != pid)
			die("trace");
		signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
	} while (signal != 0 && signal != SIGTRAP); /* as SIGABRT, of a library that gives up */
	if (WIFSTOPPED(status) && ptrace(PTRACE_GETREGS, pid, NULL, r) < 0)
		die("registers");
	return status;
}

static void set(pid_t pid, struct user_regs_struct *r)
{
	if (ptrace(PTRACE_SETREGS, pid, NULL, r) < 0)
		die("registers");
}

/* True when there was something to tamper with. */
static bool tamper(const struct held *h, struct tamper *t)
{
	pid_t pid = start(h, true, true);
	struct user_regs_struct r;
	bool done = false;
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("no logs");
	while (WIFSTOPPED(next_stop(pid, &r))) {
		bool hit = !done && t->entry(t, &r);

		if (hit)
			set(pid, &r);
		status = next_stop(pid, &r);
		if (!WIFSTOPPED(status))
			break;
		if (hit && t->exit == NULL) {
			end(pid);
			return true;
		}
		if (hit) {
			t->exit(t, &r);
			set(pid, &r);
			done = true;
		}
	}
	return done;
}

static int tampered(struct tamper *t)
{
	struct held h;
	bool done;

	hold(&h);
	feed(&h);
	done = tamper(&h, t);
	finish(&h);
	(void)printf("%d\n", done);
	return 0;
}

static int half(long calls)
{
	struct tamper t = { .entry = halve, .calls = calls };

	return tampered(&t);
}

static int fault(long calls, long error)
{
	struct tamper t = { .entry = forbid, .exit = answer, .calls = calls, .error = error };

	return tampered(&t);
}

#else

static int half(long calls)
{
	(void)calls;
	return 3;
}

static int fault(long calls, long error)
{
	(void)calls;
	(void)error;
	return 3;
}

#endif

/* ---- serve ---- */

static void on_usr1(uv_signal_t *signal, int number)
{
	struct keeper *k = signal->data;

	(void)number;
	fd_close(&k->log.file.fd);
}

static int serve(void)
{
	struct keeper *k = calloc(1, sizeof(*k));
	uv_signal_t usr1;

	if (k == NULL)
		die("calloc");
	keep_logs(k, -1);
	adopt(k, 0, dup(STDIN_FILENO));
	if (uv_signal_init(&k->loop, &usr1) != 0 || uv_signal_start(&usr1, on_usr1, SIGUSR1) != 0)
		die("uv_signal");
	usr1.data = k;
	(void)uv_run(&k->loop, UV_RUN_DEFAULT);
	return 1;
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "crash") == 0)
		return crash((unsigned int)strtoul(argv[2], NULL, 10),
			(unsigned int)strtoul(argv[3], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "step") == 0)
		return step(strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "half") == 0)
		return half(strtol(argv[2], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "fault") == 0)
		return fault(strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return serve();
	return 2;
}
