#include "supervisor/sys/control/control.h"

/* As tools that speak Varlink read it: without its comments, which would be a hundredth of the program. */
static const char description[] =
#include <io.sup.Control.inc> /* made by the build from io.sup.Control.varlink */
	;

static const struct varlink_method methods[] = {
	{ "Status", false, control_status },
	{ "Boot", false, control_boot },
	{ "BootReset", true, control_boot_reset },
	{ "Faults", false, control_faults },
	{ "Why", false, control_why },
	{ "Cat", true, control_cat }, /* files that not everybody may read */
	{ "Plan", true, control_plan } /* shows secrets of the environment, mounts the image */,
	{ "Changes", true, control_changes },
	{ "Audit", true, control_audit },
	{ "Logs", false, control_logs },
	{ "Start", true, control_start },
	{ "Stop", true, control_stop },
	{ "Restart", true, control_restart },
	{ "ReloadUnit", true, control_reload_unit },
	{ "ResetFailed", true, control_reset },
	{ "Reload", true, control_reload },
	{ "End", true, control_end },
	{ "Exec", true, control_exec },
	{ "Supervisor", false, control_supervisor },
	{ "Reexec", true, control_reexec },
	{ "ReexecInit", true, control_reexec_init },
	{ NULL, false, NULL },
};

const struct varlink_interface control_interface = {
	.name = "io.sup.Control",
	.description = description,
	.methods = methods,
};
