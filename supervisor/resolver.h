/*
 * The resolver of one network, as the process of sup-dns@NETWORK.service: it answers questions for the network's own
 * names, from a text that the supervisor writes (core/dns/names.h), and passes all others on. Its sockets are given to
 * it. It is no part of the supervisor, and has no right but to ask: nothing it gets is trusted, all it has is of fixed size,
 * and when nobody has asked for a while it ends.
 */
#ifndef SUPERVISOR_RESOLVER_H
#define SUPERVISOR_RESOLVER_H

/* Its one argument is the file with the names; its exit status. */
int resolver_main(int argc, char **argv);

#endif
