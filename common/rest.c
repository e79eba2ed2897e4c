#include "common/rest.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define DEEPEST ((size_t)512 * 1024)
/* Between the caller's frame and what is dropped: this function, and the 128 bytes that the ABI gives to leaves. */
#define MARGIN 1024u

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
/* Behind the tables of pointers, before what is written to; not there in a program that is linked to a fixed place. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((weak, visibility("hidden")));

static uintptr_t page_start(uintptr_t address)
{
	return address / getauxval(AT_PAGESZ) * getauxval(AT_PAGESZ);
}

__attribute__((noinline)) void rest_stack(void)
{
	uintptr_t end = page_start((uintptr_t)__builtin_frame_address(0) - MARGIN);

	/* Where the stack never grew so far it says ENOMEM, and has dropped what there is (madvise(2)). */
	(void)madvise((void *)(end - DEEPEST), DEEPEST, MADV_DONTNEED);
}

static const ElfW(Phdr) * segment(uint32_t flag)
{
	const ElfW(Ehdr) *header = (const void *)__ehdr_start;
	const ElfW(Phdr) *segments = (const void *)(__ehdr_start + header->e_phoff);

	for (size_t i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & flag) != 0)
			return &segments[i];
	return NULL;
}

void rest_seal(void)
{
	const ElfW(Phdr) *data = segment(PF_W);
	uintptr_t end = page_start((uintptr_t)_DYNAMIC), start;

	if (_DYNAMIC == NULL || data == NULL)
		return;
	start = page_start((uintptr_t)__ehdr_start + data->p_vaddr);
	if (start < end)
		(void)mprotect((void *)start, end - start, PROT_READ);
}

/* What is executed and what is constant lie in one segment; the segment behind it is written to. */
void rest_text(void)
{
	const ElfW(Phdr) *text = segment(PF_X);

	if (text != NULL)
		(void)madvise((void *)(uintptr_t)__ehdr_start, text->p_memsz, MADV_DONTNEED);
}
