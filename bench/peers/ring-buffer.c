/* The ring buffer loops of bench/events.ts with libbpf. Usage: ring-buffer OBJECT drain|wake N. Prints `name nanoseconds` lines. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t seen;
static double waited;
static int burst;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int handle(void *context, void *data, size_t size)
{
	(void)context;
	seen++;
	waited = now() - *(uint64_t *)data;
	return 0;
}

static int count(void *context, void *data, size_t size)
{
	(void)context;
	seen += *(uint64_t *)data & 1;
	return 0;
}

static void run(uint32_t records)
{
	unsigned char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));

	memcpy(packet + 14, &records, 4);
	if (bpf_prog_test_run_opts(burst, &opts))
		exit(1);
}

static volatile int turn;

static void *producer(void *rounds)
{
	for (long i = 0; i < (long)rounds; i++) {
		while (turn != 1)
			usleep(50);
		usleep(1000);
		turn = 0;
		run(1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
	struct bpf_program *program;
	long rounds = argc > 3 ? atol(argv[3]) : 200;
	struct ring_buffer *ring;

	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), "ring_burst"));
		bpf_program__set_type(program, BPF_PROG_TYPE_SOCKET_FILTER);
	}
	if (bpf_object__load(object))
		return 1;
	burst = bpf_program__fd(bpf_object__find_program_by_name(object, "ring_burst"));
	int map = bpf_object__find_map_fd_by_name(object, "ring");

	if (!strcmp(argv[2], "drain")) {
		ring = ring_buffer__new(map, count, NULL, NULL);
		for (long i = 0; i < rounds; i++) {
			run(4000);
			double start = now();
			int records = ring_buffer__consume(ring);
			printf("drain %.2f\n", (now() - start) / records);
		}
	} else {
		pthread_t thread;

		ring = ring_buffer__new(map, handle, NULL, NULL);
		pthread_create(&thread, NULL, producer, (void *)rounds);
		for (long i = 0; i < rounds; i++) {
			turn = 1;
			while (ring_buffer__poll(ring, 1000) < 1)
				;
			printf("wake %.1f\n", waited);
		}
		pthread_join(thread, NULL);
	}
	return 0;
}
