/*
 * Errors are values. A function that can fail returns -1 (or NULL) and fills the caller's
 * struct err with what failed, on which object, and the errno; it logs nothing. Each layer above may
 * put its own context in front; only the handlers of events print it, once.
 *
 * Naming as in err(3): plain adds the text of errno, the x form does not. Never used by init.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#define ERR_MSG_MAX 512

struct err {
	int no;                /* errno value, 0 when there is none */
	char msg[ERR_MSG_MAX]; /* one line, no newline, no trailing full stop */
};

/* Each returns -1 so that a caller can write `return err_set(e, "open %s", path);`. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_set_no(struct err *e, int no, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_setx(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "CONTEXT: " in front of the message that is there. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
