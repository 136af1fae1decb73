// An LZ77 packer with a hash table of positions, and its unpacker: matches, copies, byte loops.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SIZE (1u << 20)
static uint8_t plain[SIZE + 8], packed[SIZE * 2], again[SIZE + 8];
static uint32_t heads[1 << 14];

static uint32_t read32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

// A token: count of literals, the literals, then distance (2 bytes) and length of a match.
static unsigned pack(void) {
    unsigned out = 0, literal = 0, i = 0;
    memset(heads, 0xff, sizeof heads);
    while (i + 4 <= SIZE) {
        uint32_t slot = read32(plain + i) * 2654435761u >> 18, from = heads[slot];
        heads[slot] = i;
        unsigned run = 0;
        if (from != ~0u && i - from < 65536)
            while (run < 255 && i + run < SIZE && plain[from + run] == plain[i + run]) run++;
        if (run < 4 && i - literal < 255) {
            i++;
            continue;
        }
        packed[out++] = (uint8_t)(i - literal);
        while (literal < i) packed[out++] = plain[literal++];
        unsigned distance = run < 4 ? 0 : i - from;
        if (run < 4) run = 0;
        packed[out++] = (uint8_t)distance, packed[out++] = (uint8_t)(distance >> 8), packed[out++] = (uint8_t)run;
        i += run, literal = i;
    }
    packed[out++] = (uint8_t)(SIZE - literal);
    while (literal < SIZE) packed[out++] = plain[literal++];
    packed[out++] = 0, packed[out++] = 0, packed[out++] = 0;
    return out;
}

static unsigned unpack(unsigned length) {
    unsigned out = 0;
    for (unsigned in = 0; in < length;) {
        unsigned literals = packed[in++];
        while (literals--) again[out++] = packed[in++];
        unsigned distance = packed[in] | packed[in + 1] << 8, run = packed[in + 2];
        in += 3;
        for (; run; run--, out++) again[out] = again[out - distance];
    }
    return out;
}

int main(void) {
    static const char *words[16] = {"fuel ", "job ", "the ", "market ", "of ", "result ", "a ", "proof ",
                                    "and ", "stack ", "is ", "bytes ", "same ", "every ", "machine ", "\n"};
    uint32_t x = 3, packed_bytes = 0;
    for (unsigned n = 0; n < SIZE;) {
        x = x * 1664525 + 1013904223;
        const char *word = words[x >> 28];
        while (*word && n < SIZE) plain[n++] = (uint8_t)*word++;
        if ((x & 0xf000) == 0 && n < SIZE) plain[n++] = (uint8_t)(x >> 16);
    }
    for (int round = 0; round < 24; round++) {
        packed_bytes = pack();
        if (unpack(packed_bytes) != SIZE || memcmp(plain, again, SIZE)) return 1;
        plain[round * 1000] ^= 1;
    }
    printf("%u\n", packed_bytes);
}
