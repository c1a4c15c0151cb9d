/*
 * Records what libbpf makes of an object: each program's instructions, function and line records as they would reach
 * BPF_PROG_LOAD, the maps, and the BTF. Its calls of syscall(2) are caught, so nothing needs to verify; programs are loaded
 * one by one as XDP, because only the linking is wanted.
 *   cc -rdynamic scripts/record/libbpf-link.c -lbpf -o libbpf-link && ./libbpf-link prog.o
 * (or against a libbpf built with -Dsyscall=libbpf_link_syscall and -DSTATIC_LIBBPF here). One JSON value a line.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *wanted;

static long kernel(long nr, long a, long b, long c, long d, long e, long f)
{
#ifdef STATIC_LIBBPF
	return syscall(nr, a, b, c, d, e, f);
#else
	static long (*real)(long, ...);

	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return real(nr, a, b, c, d, e, f);
#endif
}

static void hex(const char *name, unsigned long long address, unsigned int size)
{
	const unsigned char *bytes = (const unsigned char *)(unsigned long)address;

	printf(",\"%s\":\"", name);
	for (unsigned int i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\"");
}

static long stand_in(long result)
{
	return result < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : result;
}

#ifdef STATIC_LIBBPF
long libbpf_link_syscall(long nr, ...)
#else
long syscall(long nr, ...)
#endif
{
	long a, b, c, d, e, f, result;
	union bpf_attr *attr;
	va_list list;

	va_start(list, nr);
	a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
	d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
	va_end(list);
	result = kernel(nr, a, b, c, d, e, f);
	if (nr != SYS_bpf || !wanted)
		return result;
	attr = (union bpf_attr *)b;
	switch (a) {
	case BPF_MAP_CREATE:
		return stand_in(result);
	case BPF_BTF_LOAD:
		if (attr->btf_size < 400)
			return result;
		printf("{\"record\":\"btf\"");
		hex("bytes", attr->btf, attr->btf_size);
		printf("}\n");
		return stand_in(result);
	case BPF_PROG_LOAD:
		if (!*wanted || strncmp(attr->prog_name, wanted, sizeof(attr->prog_name) - 1))
			return result;
		printf("{\"record\":\"program\",\"name\":\"%s\"", wanted);
		hex("insns", attr->insns, attr->insn_cnt * 8);
		hex("funcInfo", attr->func_info, attr->func_info_cnt * attr->func_info_rec_size);
		hex("lineInfo", attr->line_info, attr->line_info_cnt * attr->line_info_rec_size);
		printf("}\n");
		return stand_in(result);
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
		return 0;
	default:
		return result;
	}
}

static int print(enum libbpf_print_level level, const char *format, va_list list)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, list) : 0;
}

static struct bpf_object *open_object(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .pin_root_path = "/nowhere");
	struct bpf_object *object = bpf_object__open_file(path, &options);
	struct bpf_map *map;

	if (object)
		bpf_object__for_each_map(map, object)
			bpf_map__set_pin_path(map, NULL);
	return object;
}

int main(int argc, char **argv)
{
	struct bpf_program *program;
	struct bpf_object *object;
	struct bpf_map *map;
	int count = 0;

	libbpf_set_print(print);
	object = argc > 1 ? open_object(argv[1]) : NULL;
	if (!object)
		return 1;
	printf("{\"record\":\"libbpf\",\"version\":\"%s\"}\n", libbpf_version_string());
	bpf_object__for_each_map(map, object)
		printf("{\"record\":\"map\",\"name\":\"%s\",\"type\":%d,\"keySize\":%u,\"valueSize\":%u,\"maxEntries\":%u,"
		       "\"flags\":%u,\"mapExtra\":%llu,\"btfKeyTypeId\":%u,\"btfValueTypeId\":%u}\n",
		       bpf_map__name(map), bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
		       bpf_map__max_entries(map), bpf_map__map_flags(map), (unsigned long long)bpf_map__map_extra(map),
		       bpf_map__btf_key_type_id(map), bpf_map__btf_value_type_id(map));
	bpf_object__for_each_program(program, object) {
		printf("{\"record\":\"section\",\"name\":\"%s\",\"section\":\"%s\",\"type\":%d,\"attachType\":%d,\"autoload\":%d}\n",
		       bpf_program__name(program), bpf_program__section_name(program), bpf_program__type(program),
		       bpf_program__expected_attach_type(program), bpf_program__autoload(program));
		count++;
	}
	bpf_object__close(object);
	for (int i = 0; i < count; i++) {
		int at = 0;

		object = open_object(argv[1]);
		bpf_object__for_each_program(program, object) {
			bpf_program__set_autoload(program, at == i);
			if (bpf_program__type(program) != BPF_PROG_TYPE_STRUCT_OPS)
				bpf_program__set_type(program, BPF_PROG_TYPE_XDP);
			if (at++ == i)
				wanted = bpf_program__name(program);
		}
		bpf_object__load(object);
		wanted = "";
		bpf_object__close(object);
	}
	return 0;
}
