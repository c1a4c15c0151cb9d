// The map loops of bench/map-ops.ts in Go with github.com/cilium/ebpf: prints `name nanoseconds` lines.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/cilium/ebpf"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	keys, rounds := uint32(10000), 5
	if len(os.Args) > 2 {
		n, _ := strconv.Atoi(os.Args[1])
		keys = uint32(n)
		rounds, _ = strconv.Atoi(os.Args[2])
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: keys})
	check(err)
	batchKeys, batchValues := make([]uint32, keys), make([]uint64, keys)
	for i := range batchKeys {
		batchKeys[i] = uint32(i)
	}
	report := func(name string, start time.Time) {
		fmt.Printf("%s %.1f\n", name, float64(time.Since(start).Nanoseconds())/float64(keys))
	}
	for round := 0; round < rounds; round++ {
		start := time.Now()
		for key := uint32(0); key < keys; key++ {
			check(m.Put(key, uint64(1)))
		}
		report("update", start)
		start = time.Now()
		var value uint64
		for key := uint32(0); key < keys; key++ {
			check(m.Lookup(key, &value))
		}
		report("lookup", start)
		start = time.Now()
		for key := keys; key < 2*keys; key++ {
			_ = m.Lookup(key, &value)
		}
		report("miss", start)
		start = time.Now()
		var key, next uint32
		for err := m.NextKey(nil, &next); err == nil; err = m.NextKey(key, &next) {
			key = next
		}
		report("next_key", start)
		start = time.Now()
		for key := uint32(0); key < keys; key++ {
			check(m.Delete(key))
		}
		report("delete", start)
		start = time.Now()
		_, err := m.BatchUpdate(batchKeys, batchValues, nil)
		check(err)
		report("update_batch", start)
		start = time.Now()
		var cursor uint32
		_, _ = m.BatchLookup(nil, &cursor, batchKeys, batchValues, nil)
		report("lookup_batch", start)
		start = time.Now()
		_, err = m.BatchDelete(batchKeys, nil)
		check(err)
		report("delete_batch", start)
	}
}
