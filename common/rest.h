/* A program's own memory: giving back what only some work of the past needed, which comes back by itself when it is needed. */
#ifndef COMMON_REST_H
#define COMMON_REST_H

/*
 * Drops the pages of the stack below the caller's frame: reading a configuration goes deep once, and what it touched
 * would stay with the process for years.
 */
void rest_stack(void);
/*
 * Unmaps the program's own text: the kernel maps what runs next from the file's pages in memory, without reading them
 * again; the others are free to go where the file is on a disk.
 */
void rest_text(void);
/*
 * The tables of pointers, which were moved to the program's place before main(), are constant from here on: but for their
 * last page, which is shared with what is not.
 */
void rest_seal(void);

#endif
