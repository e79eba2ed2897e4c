/* What a plan is made of besides the unit itself. All of it lives in the arena. */
#ifndef SYS_FACTS_H
#define SYS_FACTS_H

#include "supervisor/sys/supervisor.h"

/*
 * For the start of a process: what it takes is made (the mount of its image, network, ids, sockets). io: what it gets of a container
 * that it enters; io->userns is the caller's then. -1: the unit cannot have what it asks for.
 */
int facts_gather(struct instance *inst, enum role role, uint32_t number, struct facts *f,
	struct launch_io *io, struct arena *a, struct err *e);
/* What is known without a start: nothing is made but the mount of its image. */
int facts_known(struct instance *inst, struct facts *f, struct arena *a, struct err *e);
/* What the image of a container says of its health; NULL: nothing, or it is not its main process. */
const struct health_check *facts_image_health(const struct unit *u, enum role role,
	struct arena *a);

#endif
