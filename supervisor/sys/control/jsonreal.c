/*
 * Numbers with a fraction, in JSON: no method of the interface and nothing that is read of an image has one, so nobody asks for
 * the value. The linker puts these in the place of jansson's (--wrap, the list is in the Makefile): such a number is read, and
 * refused by whoever wants an integer there, without the libc's floating point on the device.
 */
#include <stddef.h>

int __wrap_jsonp_strtod(const void *digits, double *out);
int __wrap_jsonp_dtostr(char *buffer, size_t size, double value, int precision);

int __wrap_jsonp_strtod(const void *digits, double *out)
{
	(void)digits;
	*out = 0;
	return 0;
}

/* Not written either: it is a failure there. */
int __wrap_jsonp_dtostr(char *buffer, size_t size, double value, int precision)
{
	(void)buffer;
	(void)size;
	(void)value;
	(void)precision;
	return -1;
}
