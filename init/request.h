/*
 * The end of the machine asked for by a signal. The supervisor is told to stop its units and answer with
 * WIRE_END; when it does not answer in time, or there is none that could, init ends the machine itself.
 *
 *   signal       device       container
 *   SIGINT       reboot       exit        (Ctrl-Alt-Del; seven within two seconds: at once)
 *   SIGTERM      power off    exit
 *   SIGPWR       power off    exit
 *   SIGRTMIN+3   halt         exit
 *   SIGRTMIN+4   power off    exit
 *   SIGRTMIN+5   reboot       exit
 *   SIGRTMIN+6   kexec        exit
 *
 * Every other signal is ignored.
 */
#ifndef INIT_REQUEST_H
#define INIT_REQUEST_H

#include <stdint.h>

#include "common/wire.h"

struct init;

/* A part of the state of init (state.h). */
struct request {
	enum wire_end end;    /* 0: none */
	uint64_t patience_ns; /* the instant at which init stops waiting for the answer */
	unsigned int presses; /* of Ctrl-Alt-Del ... */
	uint64_t first_ns;    /* ... since this instant */
};

/* Goes on with what was asked for before init's re-execution. */
void request_resume(struct init *init);

void request_signal(struct init *init, int signo, uint64_t now_ns);

/* Ends the wait for an answer that will not come. */
void request_turn(struct init *init, uint64_t now_ns);

/* The instant of the next turn. */
uint64_t request_due(const struct request *r);

#endif
