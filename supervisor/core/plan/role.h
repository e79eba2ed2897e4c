/* What a process is for its unit. One list: enum, names; kept in the roster by number, so append only. */
#ifndef CORE_ROLE_H
#define CORE_ROLE_H

#define ROLES(X)                       \
	X(MAIN, "main")                \
	X(CONDITION, "ExecCondition")  \
	X(START_PRE, "ExecStartPre")   \
	X(START_POST, "ExecStartPost") \
	X(RELOAD, "ExecReload")        \
	X(STOP, "ExecStop")            \
	X(STOP_POST, "ExecStopPost")   \
	X(HEALTH, "HealthCmd")         \
	X(EXEC, "exec")

enum role {
#define X(id, name) ROLE_##id,
	ROLES(X)
#undef X
		ROLE_COUNT
};

static inline const char *role_name(enum role role)
{
	static const char *const names[] = {
#define X(id, name) name,
		ROLES(X)
#undef X
	};

	return (unsigned int)role < ROLE_COUNT ? names[role] : "?";
}

#endif
