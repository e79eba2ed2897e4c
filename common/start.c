/*
 * Where the programs begin: the kernel maps them anywhere (static PIE), and each pointer in their tables must be moved
 * along. The linker packs the places of those pointers into DT_RELR, a tenth of what the older form takes, which musl
 * 1.2.3 does not read: it is done here, before the libc's own start, which does the rest.
 *
 * Nothing is set up yet: no stack protector, no call into the libc, and only what the linker knows by distance from here.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

/* of <elf.h>, which musl 1.2.3 does not have yet */
#define TAG_RELRSZ 35
#define TAG_RELR 36

#if UINTPTR_MAX > UINT32_MAX
#define ELF(type) Elf64_##type
#else
#define ELF(type) Elf32_##type
#endif

#define HIDDEN __attribute__((visibility("hidden")))

extern const ELF(Dyn) _DYNAMIC[] HIDDEN;
extern const ELF(Ehdr) __ehdr_start HIDDEN;

HIDDEN void start_relocate(void);

/* The stack is the kernel's, as elf(5) has it, and is left as it was for the libc's _start. */
#if defined(__x86_64__)
__asm__(".pushsection .text.start_packed,\"ax\",@progbits\n"
	".global start_packed\n"
	".hidden start_packed\n"
	".type start_packed,@function\n"
	"start_packed:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rbx\n"
	"	and $-16, %rsp\n"
	"	call start_relocate\n"
	"	mov %rbx, %rsp\n"
	"	jmp _start\n"
	".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text.start_packed,\"ax\",@progbits\n"
	".global start_packed\n"
	".hidden start_packed\n"
	".type start_packed,%function\n"
	"start_packed:\n"
	"	mov x29, #0\n"
	"	bl start_relocate\n"
	"	mov x30, #0\n"
	"	b _start\n"
	".popsection\n");
#endif

/*
 * Words of the table: an even one is an address, the pointer there is moved; an odd one is a map of the 63 words
 * that follow, a bit for each that is moved.
 */
static inline __attribute__((always_inline)) void relocate(uintptr_t base, const ELF(Addr) * table,
	size_t n)
{
	uintptr_t *where = NULL;

	for (size_t i = 0; i < n; i++) {
		ELF(Addr) word = table[i];

		if ((word & 1) == 0) {
			where = (uintptr_t *)(base + word);
			*where++ += base;
			continue;
		}
		for (size_t bit = 0; (word >>= 1) != 0; bit++)
			if ((word & 1) != 0)
				where[bit] += base;
		where += 8 * sizeof(word) - 1;
	}
}

void start_relocate(void)
{
	uintptr_t base = (uintptr_t)&__ehdr_start;
	const ELF(Addr) *table = NULL;
	size_t size = 0;

	for (const ELF(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == TAG_RELR)
			table = (const ELF(Addr) *)(base + d->d_un.d_ptr);
		else if (d->d_tag == TAG_RELRSZ)
			size = d->d_un.d_val;
	}
	relocate(base, table, size / sizeof(*table));
}
