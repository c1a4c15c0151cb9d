/* The map loops of bench/map-ops.ts in C over bpf(2): prints `name nanoseconds` lines. Usage: map-ops KEYS ROUNDS */
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static long element(int command, int map, uint32_t *key, void *value, uint64_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	attr.flags = flags;
	return bpf(command, &attr);
}

static void check(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	uint32_t keys = argc > 1 ? atoi(argv[1]) : 10000, rounds = argc > 2 ? atoi(argv[2]) : 5;
	uint32_t *batch_keys = malloc(keys * 4);
	uint64_t *batch_values = malloc(keys * 8);
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = keys };
	int map = bpf(BPF_MAP_CREATE, &attr);

	check(map, "map_create");
	for (uint32_t i = 0; i < keys; i++) {
		batch_keys[i] = i;
		batch_values[i] = i;
	}
	for (uint32_t round = 0; round < rounds; round++) {
		uint64_t value = 1;
		double start = now();
		uint32_t key, next, in;

		for (key = 0; key < keys; key++)
			check(element(BPF_MAP_UPDATE_ELEM, map, &key, &value, 0), "update");
		printf("update %.1f\n", (now() - start) / keys);
		start = now();
		for (key = 0; key < keys; key++)
			check(element(BPF_MAP_LOOKUP_ELEM, map, &key, &value, 0), "lookup");
		printf("lookup %.1f\n", (now() - start) / keys);
		start = now();
		for (key = keys; key < 2 * keys; key++)
			element(BPF_MAP_LOOKUP_ELEM, map, &key, &value, 0);
		printf("miss %.1f\n", (now() - start) / keys);
		start = now();
		for (long left = element(BPF_MAP_GET_NEXT_KEY, map, NULL, &next, 0); left == 0; key = next, left = element(BPF_MAP_GET_NEXT_KEY, map, &key, &next, 0))
			key = next;
		printf("next_key %.1f\n", (now() - start) / keys);
		start = now();
		for (key = 0; key < keys; key++)
			check(element(BPF_MAP_DELETE_ELEM, map, &key, NULL, 0), "delete");
		printf("delete %.1f\n", (now() - start) / keys);

		memset(&attr, 0, sizeof(attr));
		attr.batch.map_fd = map;
		attr.batch.keys = (uintptr_t)batch_keys;
		attr.batch.values = (uintptr_t)batch_values;
		attr.batch.count = keys;
		start = now();
		check(bpf(BPF_MAP_UPDATE_BATCH, &attr), "update_batch");
		printf("update_batch %.1f\n", (now() - start) / keys);
		attr.batch.count = keys;
		attr.batch.in_batch = 0;
		attr.batch.out_batch = (uintptr_t)&in;
		start = now();
		bpf(BPF_MAP_LOOKUP_BATCH, &attr);
		printf("lookup_batch %.1f\n", (now() - start) / keys);
		memset(&attr, 0, sizeof(attr));
		attr.batch.map_fd = map;
		attr.batch.keys = (uintptr_t)batch_keys;
		attr.batch.count = keys;
		start = now();
		check(bpf(BPF_MAP_DELETE_BATCH, &attr), "delete_batch");
		printf("delete_batch %.1f\n", (now() - start) / keys);
	}
	return 0;
}
