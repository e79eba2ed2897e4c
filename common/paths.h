/* Where things are on the device: the one list. */
#ifndef COMMON_PATHS_H
#define COMMON_PATHS_H

#define PATH_SUPERVISOR "/usr/lib/sup/supervisor"
#define PATH_INIT "/init"

#define PATH_UNITS_RUN "/run/sup/units"
#define PATH_UNITS_ETC "/etc/sup/units"
#define PATH_UNITS_LIB "/usr/lib/sup/units"

#define PATH_IMAGES_LIB "/usr/lib/sup/images"
#define PATH_IMAGES_VAR "/var/lib/sup/images"
#define PATH_VOLUMES "/var/lib/sup/volumes"

#define PATH_RUN "/run/sup"
#define PATH_CONTROL PATH_RUN "/control" /* the Varlink socket of supctl */
#define PATH_NOTIFY PATH_RUN "/notify"   /* NAME.KIND: one datagram socket a unit */
#define PATH_LEARN PATH_RUN "/learn" /* NAME.KIND of a unit with Learn=yes: a byte for each start */
#define PATH_TMP PATH_RUN "/tmp"     /* NAME.KIND: PrivateTmp= of a unit */
#define PATH_MOUNTED PATH_RUN "/images" /* image files, each mounted once */
#define PATH_FILES PATH_RUN "/files"    /* NAME.KIND/{hosts,resolv.conf,hostname} */
#define PATH_NAMES PATH_RUN "/names"    /* NAME.network: what its resolver knows */
#define PATH_INSTANCES \
	PATH_RUN "/instances" /* NAME.KIND: instances of templates that an operator started */
#define PATH_STATE PATH_RUN "/state"        /* what must survive the supervisor, not a reboot */
#define PATH_TIMERS "/var/lib/sup/timers"   /* NAME.timer: when one with Persistent= last elapsed */
#define PATH_STATE_VAR "/var/lib/sup/state" /* what must survive a reboot: address leases */

#define PATH_FIRST_BOOT PATH_RUN "/first-boot" /* there when PATH_STATE_VAR was made by this boot */

/* Secret=NAME is a file in the first of these that has one. */
#define PATH_SECRETS "/etc/sup/secrets"
#define PATH_SECRETS_VAR "/var/lib/sup/secrets"
#define PATH_CREDENTIALS \
	"/run/credentials" /* NAME.KIND: $CREDENTIALS_DIRECTORY, seen by its own unit alone */
#define PATH_SECRETS_INSIDE "/run/secrets"

#define PATH_LOG "/var/log/sup"
#define PATH_LOG_VOLATILE "/run/log/sup" /* where PATH_LOG cannot be written */

#define PATH_CGROUP "/sys/fs/cgroup"
#define PATH_CGROUP_UNITS PATH_CGROUP "/sup" /* NAME.KIND below it */

#endif
