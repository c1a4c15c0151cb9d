#!/usr/bin/env python3
"""ping [-c COUNT] [-W SECONDS] … ADDRESS: IPv4 echo requests of 56 bytes and iputils' line of counts, for recordings."""
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


args = sys.argv[1:]
count = int(args[args.index('-c') + 1]) if '-c' in args else 1
address = args[-1]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.settimeout(1)
received = 0
for sequence in range(1, count + 1):
    body = struct.pack('!HH', 0x5CE9, sequence) + bytes(56)
    raw.sendto(struct.pack('!BBH', 8, 0, checksum(b'\x08\x00\x00\x00' + body)) + body, (address, 0))
    try:
        while True:
            packet, _ = raw.recvfrom(2048)
            header = (packet[0] & 15) * 4
            if packet[header] == 0 and packet[header + 4 : header + 6] == b'\x5c\xe9':
                received += 1
                break
    except socket.timeout:
        pass
loss = round((count - received) / count * 100)
print(f'{count} packets transmitted, {received} received, {loss}% packet loss, time 0ms')
sys.exit(0 if received else 1)
