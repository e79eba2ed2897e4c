/* Small things that have no better home. */
#ifndef COMMON_UTIL_H
#define COMMON_UTIL_H

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define NSEC_PER_SEC 1000000000ULL
#define USEC_PER_SEC 1000000ULL
#define MSEC_PER_SEC 1000ULL
#define USEC_PER_MSEC 1000ULL
#define NSEC_PER_USEC 1000ULL

#endif
