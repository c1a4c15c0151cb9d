/* Loads an object with libbpf and attaches every program by its section, as bench/load.ts does. Usage: load OBJECT ROUNDS. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 5;

	for (int round = 0; round < rounds; round++) {
		struct bpf_link *links[64];
		struct bpf_program *program;
		int attached = 0;
		double start = now(), loaded, end;
		struct bpf_object *object = bpf_object__open_file(argv[1], NULL);

		if (!object || bpf_object__load(object))
			return 1;
		loaded = now();
		bpf_object__for_each_program(program, object)
		{
			links[attached] = bpf_program__attach(program);
			if (!links[attached++])
				return 2;
		}
		end = now();
		printf("load %.0f\nattach %.0f\nboth %.0f\n", loaded - start, end - loaded, end - start);
		for (int i = 0; i < attached; i++)
			bpf_link__destroy(links[i]);
		bpf_object__close(object);
	}
	return 0;
}
