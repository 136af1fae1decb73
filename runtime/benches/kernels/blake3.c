// BLAKE3 of 64 KiB, over and over: chunks and their tree, portable code, many live 32-bit values.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };
static const uint32_t IV[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint8_t PERMUTATION[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
static uint8_t order[7][16];

#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define G(a, b, c, d, x, y)                     \
    v[a] += v[b] + (x), v[d] = ROTR(v[d] ^ v[a], 16); \
    v[c] += v[d], v[b] = ROTR(v[b] ^ v[c], 12); \
    v[a] += v[b] + (y), v[d] = ROTR(v[d] ^ v[a], 8);  \
    v[c] += v[d], v[b] = ROTR(v[b] ^ v[c], 7);

static void compress(uint32_t out[8], const uint32_t cv[8], const uint8_t *data, uint64_t counter, uint32_t flags) {
    uint32_t m[16], v[16];
    memcpy(m, data, 64);
    memcpy(v, cv, 32);
    memcpy(v + 8, IV, 16);
    v[12] = (uint32_t)counter, v[13] = (uint32_t)(counter >> 32), v[14] = 64, v[15] = flags;
    for (int round = 0; round < 7; round++) {
        const uint8_t *s = order[round];
        G(0, 4, 8, 12, m[s[0]], m[s[1]])
        G(1, 5, 9, 13, m[s[2]], m[s[3]])
        G(2, 6, 10, 14, m[s[4]], m[s[5]])
        G(3, 7, 11, 15, m[s[6]], m[s[7]])
        G(0, 5, 10, 15, m[s[8]], m[s[9]])
        G(1, 6, 11, 12, m[s[10]], m[s[11]])
        G(2, 7, 8, 13, m[s[12]], m[s[13]])
        G(3, 4, 9, 14, m[s[14]], m[s[15]])
    }
    for (int i = 0; i < 8; i++) out[i] = v[i] ^ v[i + 8];
}

// A subtree of 2^n whole chunks.
static void tree(uint32_t out[8], const uint8_t *data, unsigned bytes, uint64_t chunk, uint32_t flags) {
    if (bytes == 1024) {
        uint32_t cv[8];
        memcpy(cv, IV, 32);
        for (int i = 0; i < 16; i++)
            compress(cv, cv, data + 64 * i, chunk, (i == 0 ? CHUNK_START : 0) | (i == 15 ? CHUNK_END | flags : 0));
        memcpy(out, cv, 32);
        return;
    }
    uint32_t both[16];
    unsigned half = bytes / 2;
    tree(both, data, half, chunk, 0);
    tree(both + 8, data + half, half, chunk + half / 1024, 0);
    compress(out, IV, (const uint8_t *)both, 0, PARENT | flags);
}

static uint8_t data[65536];

int main(void) {
    for (int i = 0; i < 16; i++) order[0][i] = (uint8_t)i;
    for (int r = 1; r < 7; r++)
        for (int i = 0; i < 16; i++) order[r][i] = order[r - 1][PERMUTATION[i]];
    for (unsigned i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i % 251);
    uint32_t hash[8] = {0};
    for (int round = 0; round < 1500; round++) {
        tree(hash, data, sizeof data, 0, ROOT);
        if (round < 1499) memcpy(data + 64 * (round % 1024), hash, 32);
    }
    for (int i = 0; i < 8; i++) printf("%08x", hash[i]);
    printf("\n");
}
