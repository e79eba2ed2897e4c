/*
 * Named places at which a test lets the process die, as if it had been killed from outside at that very instant.
 * In a normal build there is nothing, not even the name. In one with KILL_POINTS=1 a process that passes such a place
 * looks into the file KILL_POINT_ORDERS, and dies by SIGKILL when its first line says so.
 *
 *   NAME COUNT    die when NAME is passed for the COUNTth time; the line goes before the process does, so that
 *                 the next one lives, or dies where the next line says
 *
 * Each name is there once, so that it tells one place; tools/kill-points lists them all from the sources.
 */
#ifndef COMMON_KILLPOINT_H
#define COMMON_KILLPOINT_H

#ifdef KILL_POINTS

#define KILL_POINT_ORDERS "/run/sup/kill-point"
/* When it is there, each name that is passed is written to its end, a line each. */
#define KILL_POINT_PASSED "/run/sup/kill-passed"

#define KILL_POINT(name) kill_point(name)

void kill_point(const char *name);

#else

#define KILL_POINT(name) ((void)0)

#endif

#endif
